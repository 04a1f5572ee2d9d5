// Package permissiontest checks what the permissions of a service let people do: the
// tests of a permissions.test.yml, each against a copy of the service of its own.
//
// In: the text of the file, a Copy for each test. Out: a Result for each test. Callers:
// the command permissions test.
//
//	seed: ./seed.graphql            # mutations, sent as an admin; text or file, or a list
//	tests:
//	- name: writers read their drafts
//	  as: ada                       # anonymous, admin, or an alias of the seed
//	  operation: |                  # text or file
//	    { allPosts(filter: {id: "${draft}"}) { title secret } }
//	  variables: {}
//	  allowed: [allPosts.title]     # are in the answer
//	  denied: [allPosts.secret]     # are refused, and nothing else is
package permissiontest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"icehouse/cmd/icehouse/internal/excerpt"
	"icehouse/cmd/icehouse/internal/yamldoc"
)

// FileName is where a service keeps its tests.
const FileName = "permissions.test.yml"

// File is what a file says.
type File struct {
	Seed  []string // mutations
	Tests []Test
}

// Test is one test.
type Test struct {
	Name      string
	At        yamldoc.Position
	As        string
	Operation string
	Variables json.RawMessage
	Allowed   []string // paths of response keys, with dots
	Denied    []string
}

// Parse reads a file. read reads another one that it names.
func Parse(text []byte, read func(path string) ([]byte, error)) (*File, error) {
	p := &parser{source: string(text), read: read, file: &File{}}
	root, err := yamldoc.Parse(text)
	var syntax *yamldoc.Error
	switch {
	case errors.As(err, &syntax):
		p.wrong(syntax.At, "%s", syntax.Message)
		return nil, errors.Join(p.problems...)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", FileName, err)
	}
	p.root(root)
	return p.file, errors.Join(p.problems...)
}

type parser struct {
	source   string
	read     func(path string) ([]byte, error)
	file     *File
	problems []error
}

func (p *parser) wrong(at yamldoc.Position, format string, args ...any) {
	p.problems = append(p.problems, fmt.Errorf("%s:%d:%d: %s\n%s", FileName, at.Line, at.Column, fmt.Sprintf(format, args...),
		excerpt.Show(p.source, "  ", at.Line, at.Column)))
}

func (p *parser) root(n *yamldoc.Node) {
	if n.Kind != yamldoc.Mapping {
		p.wrong(n.At, "the file must be a mapping with the keys seed and tests")
		return
	}
	for _, e := range n.Entries {
		switch e.Key {
		case "seed":
			p.file.Seed = p.operations(e.Value)
		case "tests":
			if e.Value.Kind != yamldoc.Sequence {
				p.wrong(e.At, "tests must be a list")
				continue
			}
			for i, item := range e.Value.Items {
				p.test(i, item)
			}
		default:
			p.wrong(e.At, "unknown key %q; the keys are seed and tests", e.Key)
		}
	}
	if len(p.file.Tests) == 0 && len(p.problems) == 0 {
		p.wrong(n.At, "there are no tests")
	}
}

func (p *parser) test(i int, n *yamldoc.Node) {
	t := Test{Name: fmt.Sprintf("test %d", i+1), At: n.At}
	if n.Kind != yamldoc.Mapping {
		p.wrong(n.At, "a test must be a mapping")
		return
	}
	for _, e := range n.Entries {
		switch e.Key {
		case "name":
			t.Name = p.text(e)
		case "as":
			t.As = p.text(e)
		case "operation":
			t.Operation = strings.Join(p.operations(e.Value), "\n")
		case "variables":
			if e.Value.Kind != yamldoc.Mapping {
				p.wrong(e.At, "variables must be a mapping")
				continue
			}
			t.Variables = asJSON(e.Value)
		case "allowed":
			t.Allowed = p.texts(e)
		case "denied":
			t.Denied = p.texts(e)
		default:
			p.wrong(e.At, "unknown key %q; the keys of a test are name, as, operation, variables, allowed and denied", e.Key)
		}
	}
	switch {
	case t.As == "":
		p.wrong(n.At, "as is missing: anonymous, admin, or an alias of the seed")
	case t.Operation == "":
		p.wrong(n.At, "operation is missing")
	case len(t.Allowed)+len(t.Denied) == 0:
		p.wrong(n.At, "the test expects nothing: allowed or denied is missing")
	}
	p.file.Tests = append(p.file.Tests, t)
}

func (p *parser) text(e yamldoc.Entry) string {
	text, ok := e.Value.Text()
	if !ok || text == "" {
		p.wrong(e.At, "%s must be a text", e.Key)
	}
	return text
}

func (p *parser) texts(e yamldoc.Entry) []string {
	if e.Value.Kind != yamldoc.Sequence {
		p.wrong(e.At, "%s must be a list of paths, as in [allPosts.title]", e.Key)
		return nil
	}
	var out []string
	for _, item := range e.Value.Items {
		text, ok := item.Text()
		if !ok || text == "" {
			p.wrong(item.At, "%s must be a list of paths, as in [allPosts.title]", e.Key)
			continue
		}
		out = append(out, text)
	}
	return out
}

// operations reads one operation or several, each a text or the path of a file.
func (p *parser) operations(n *yamldoc.Node) []string {
	nodes := []*yamldoc.Node{n}
	if n.Kind == yamldoc.Sequence {
		nodes = n.Items
	}
	var out []string
	for _, n := range nodes {
		text, ok := n.Text()
		if !ok {
			p.wrong(n.At, "an operation is a text, or the path of a .graphql file")
			continue
		}
		if strings.HasSuffix(text, ".graphql") && !strings.ContainsAny(text, "{\n") {
			content, err := p.read(text)
			if err != nil {
				p.wrong(n.At, "%v", err)
				continue
			}
			text = string(content)
		}
		out = append(out, text)
	}
	return out
}

// asJSON writes a YAML value as JSON.
func asJSON(n *yamldoc.Node) json.RawMessage {
	var out bytes.Buffer
	writeJSON(&out, n)
	return out.Bytes()
}

func writeJSON(out *bytes.Buffer, n *yamldoc.Node) {
	put := func(v any) {
		text, err := json.Marshal(v)
		if err != nil { // a float that JSON does not have
			text = []byte("null")
		}
		out.Write(text)
	}
	switch n.Kind {
	case yamldoc.Mapping:
		out.WriteByte('{')
		for i, e := range n.Entries {
			if i > 0 {
				out.WriteByte(',')
			}
			put(e.Key)
			out.WriteByte(':')
			writeJSON(out, e.Value)
		}
		out.WriteByte('}')
	case yamldoc.Sequence:
		out.WriteByte('[')
		for i, item := range n.Items {
			if i > 0 {
				out.WriteByte(',')
			}
			writeJSON(out, item)
		}
		out.WriteByte(']')
	default:
		put(n.Value)
	}
}

var placeholder = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)

// withIDs puts the ids of seeded nodes in the place of ${alias}.
func withIDs(text string, ids map[string]string) (string, error) {
	var unknown error
	out := placeholder.ReplaceAllStringFunc(text, func(mark string) string {
		id, ok := ids[mark[2:len(mark)-1]]
		if !ok {
			unknown = fmt.Errorf("the seed has no node under the alias %s", mark)
		}
		return id
	})
	return out, unknown
}
