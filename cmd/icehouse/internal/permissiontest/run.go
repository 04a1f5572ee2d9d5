package permissiontest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"icehouse/cmd/icehouse/internal/dataapi"
)

// Copy is a copy of the service without data.
type Copy struct {
	API dataapi.Client // as an admin
	// NodeToken makes the token of a node.
	NodeToken func(ctx context.Context, id, typeName string) (string, error)
}

// Result is what came of a test.
type Result struct {
	Test        Test
	Differences []string // none: as expected
}

// Run carries out one test. The error is of the seed, or of a server that does not
// answer.
func (f *File) Run(ctx context.Context, t Test, c Copy) (Result, error) {
	ids, err := f.sow(ctx, c.API)
	if err != nil {
		return Result{}, err
	}
	api := c.API
	switch t.As {
	case "admin":
	case "anonymous":
		api.Token = ""
	default:
		id, ok := ids[t.As]
		if !ok {
			return Result{}, fmt.Errorf("%s:%d:%d: nobody is called %q: the seed has no node under that alias", FileName, t.At.Line, t.At.Column, t.As)
		}
		if api.Token, err = c.token(ctx, id); err != nil {
			return Result{}, err
		}
	}
	operation, err := withIDs(t.Operation, ids)
	if err != nil {
		return Result{}, err
	}
	variables, err := withIDs(string(t.Variables), ids)
	if err != nil {
		return Result{}, err
	}
	answer, err := api.Do(ctx, dataapi.Request{Query: operation, Variables: json.RawMessage(variables)})
	if err != nil {
		return Result{}, err
	}
	return Result{t, t.differences(answer)}, nil
}

// token finds out what a node is and makes its token.
func (c Copy) token(ctx context.Context, id string) (string, error) {
	answer, err := c.API.Do(ctx, dataapi.Request{Query: fmt.Sprintf("{ node(id: %q) { __typename } }", id)})
	if err != nil {
		return "", err
	}
	var data struct {
		Node struct {
			Typename string `json:"__typename"`
		}
	}
	if err := json.Unmarshal(answer.Data, &data); err != nil || data.Node.Typename == "" {
		return "", fmt.Errorf("the node %s of the seed is not there", id)
	}
	return c.NodeToken(ctx, id, data.Node.Typename)
}

// sow sends the seed and returns the ids of the nodes under their aliases.
func (f *File) sow(ctx context.Context, api dataapi.Client) (map[string]string, error) {
	ids := map[string]string{}
	for _, seed := range f.Seed {
		text, err := withIDs(seed, ids)
		if err != nil {
			return nil, err
		}
		answer, err := api.Do(ctx, dataapi.Request{Query: text})
		if err != nil {
			return nil, fmt.Errorf("seed: %w", err)
		}
		if len(answer.Errors) > 0 {
			return nil, fmt.Errorf("seed: %s", answer.Errors[0].Message)
		}
		var data map[string]json.RawMessage
		if err := json.Unmarshal(answer.Data, &data); err != nil {
			return nil, errors.New("seed: the answer has no data")
		}
		for alias, value := range data {
			var node struct{ ID string }
			if json.Unmarshal(value, &node) == nil && node.ID != "" {
				ids[alias] = node.ID
			}
		}
	}
	return ids, nil
}

// notAllowed is the code of everything that permissions refuse (data-api §10.2).
const notAllowed = 3008

// differences says how an answer is not as the test expects.
func (t Test) differences(a dataapi.Answer) []string {
	var out []string
	var denied []string
	for _, e := range a.Errors {
		if e.Code != notAllowed {
			out = append(out, fmt.Sprintf("%s fails: %s", place(e), e.Message))
			continue
		}
		if p := e.Place(); !slices.Contains(denied, p) {
			denied = append(denied, p)
			if !slices.Contains(t.Denied, p) {
				out = append(out, fmt.Sprintf("%s is denied, which is not expected: %s", p, e.Message))
			}
		}
	}
	for _, p := range t.Denied {
		if !slices.Contains(denied, p) {
			out = append(out, p+" is not denied")
		}
	}
	var data any
	if err := json.Unmarshal(a.Data, &data); err != nil && len(a.Data) > 0 {
		return append(out, "the answer has no data")
	}
	for _, p := range t.Allowed {
		if !slices.Contains(denied, p) && !reached(data, strings.Split(p, ".")) {
			out = append(out, p+" is not in the answer: nothing is there, or something beside it is denied that can't be null")
		} else if slices.Contains(denied, p) && slices.Contains(t.Denied, p) {
			out = append(out, p+" is expected to be both allowed and denied")
		}
	}
	return out
}

func place(e dataapi.Error) string {
	if p := e.Place(); p != "" {
		return p
	}
	return "the operation"
}

// reached says that a path leads to something in an answer, in one item of each list.
func reached(v any, path []string) bool {
	if items, ok := v.([]any); ok {
		return slices.ContainsFunc(items, func(item any) bool { return reached(item, path) })
	}
	if len(path) == 0 {
		return true
	}
	object, ok := v.(map[string]any)
	if !ok {
		return false
	}
	inner, there := object[path[0]]
	return there && (len(path) == 1 || reached(inner, path[1:]))
}
