package managementapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/graphql-go/graphql"
	"github.com/graphql-go/graphql/gqlerrors"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"icehouse/controlplane/problem"
	"icehouse/dataplane/coercion"
)

// specified are the rules of the GraphQL specification, named one by one: the
// library's global list can be changed by any package of the process.
var specified = []validator.Rule{
	rules.FieldsOnCorrectTypeRule, rules.FragmentsOnCompositeTypesRule, rules.KnownArgumentNamesRule,
	rules.KnownDirectivesRule, rules.KnownFragmentNamesRule, rules.KnownRootTypeRule, rules.KnownTypeNamesRule,
	rules.LoneAnonymousOperationRule, rules.MaxIntrospectionDepth, rules.NoFragmentCyclesRule,
	rules.NoUndefinedVariablesRule, rules.NoUnusedFragmentsRule, rules.NoUnusedVariablesRule,
	rules.OverlappingFieldsCanBeMergedRule, rules.PossibleFragmentSpreadsRule, rules.ProvidedRequiredArgumentsRule,
	rules.ScalarLeafsRule, rules.SingleFieldSubscriptionsRule, rules.UniqueArgumentNamesRule,
	rules.UniqueDirectivesPerLocationRule, rules.UniqueFragmentNamesRule, rules.UniqueInputFieldNamesRule,
	rules.UniqueOperationNamesRule, rules.UniqueVariableNamesRule, rules.ValuesOfCorrectTypeRule,
	rules.VariablesAreInputTypesRule, rules.VariablesInAllowedPositionRule,
}

// maxErrors is how many validation errors are reported at most.
const maxErrors = 20

// validate runs the rules in their order.
func (a *API) validate(doc *ast.QueryDocument) (list gqlerror.List) {
	observers := &validator.Events{}
	for _, rule := range specified {
		rule.RuleFunc(observers, func(options ...validator.ErrorOption) {
			if len(list) == maxErrors {
				return
			}
			err := &gqlerror.Error{Rule: rule.Name}
			for _, option := range options {
				option(err)
			}
			list = append(list, err)
		})
	}
	validator.Walk(a.sdl, doc, observers)
	return list
}

// wireError is an error in a response (platform §11.1).
type wireError struct {
	Locations []gqlerror.Location `json:"locations,omitempty"`
	Path      []any               `json:"path,omitempty"`
	Code      int                 `json:"code,omitempty"`
	Message   string              `json:"message"`
	RequestID string              `json:"requestId"`
}

// run answers a request: 400 with error for a document that does not parse, 400
// with errors for one that is not valid, 200 for the rest (platform §4.1).
func (a *API) run(ctx context.Context, req request) (status int, body any) {
	if len(req.query) > a.Limits.Query {
		return http.StatusBadRequest, map[string]any{"error": fmt.Sprintf("the query has more than %d bytes", a.Limits.Query)}
	}
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: req.query}, a.Limits.Tokens)
	if err != nil {
		return http.StatusBadRequest, map[string]any{"error": "Syntax error: " + err.Error()}
	}
	if len(doc.Operations) == 0 {
		return http.StatusBadRequest, map[string]any{"error": "the query has no operation"}
	}
	invalid := func(list gqlerror.List) (int, any) {
		out := make([]wireError, len(list))
		for i, e := range list {
			out[i] = wireError{Locations: e.Locations, Message: e.Message, RequestID: req.id}
		}
		return http.StatusBadRequest, map[string]any{"data": nil, "errors": out}
	}
	if err := a.measure(doc); err != nil {
		return invalid(gqlerror.List{err})
	}
	if list := a.validate(doc); len(list) > 0 {
		return invalid(list)
	}
	op := doc.Operations.ForName(req.operationName)
	if op == nil {
		return invalid(gqlerror.List{{Message: "the operationName must name one of the operations"}})
	}
	values, list := coercion.Variables(a.types, op, req.variables)
	if len(list) > 0 {
		return invalid(list)
	}
	ctx = context.WithValue(ctx, callerKey{}, &caller{token: req.token, address: req.address, request: req.id, api: a})
	result := graphql.Execute(graphql.ExecuteParams{
		Schema: a.schema, AST: toExecutor(doc, op, req.query), OperationName: op.Name, Args: plain(values), Context: ctx,
	})
	if ctx.Err() != nil {
		return a.timedOut(ctx, req)
	}
	response := struct {
		Data   any         `json:"data"`
		Errors []wireError `json:"errors,omitempty"`
	}{Data: ordered(doc, op.SelectionSet, result.Data)}
	if len(result.Errors) > 0 {
		response.Errors = a.present(ctx, req, result.Errors)
	}
	return http.StatusOK, response
}

func (a *API) timedOut(ctx context.Context, req request) (int, any) {
	a.Logger.WarnContext(ctx, "request took too long", "request", req.id, "operation", req.operationName)
	return http.StatusInternalServerError, map[string]any{"code": problem.CodeTooLong, "requestId": req.id,
		"error": "Your request took too long and was stopped."}
}

// internalError begins the text of an unexpected error; the request id ends it.
const internalError = "Whoops. Looks like an internal server error. Search your server logs for request ID: "

// present shows known errors and hides others behind the request id.
func (a *API) present(ctx context.Context, req request, all []gqlerrors.FormattedError) []wireError {
	out := make([]wireError, len(all))
	for i, e := range all {
		w := wireError{RequestID: req.id, Path: e.Path}
		for _, l := range e.Locations {
			w.Locations = append(w.Locations, gqlerror.Location{Line: l.Line, Column: l.Column})
		}
		var known *problem.Error
		if errors.As(cause(e), &known) {
			w.Code, w.Message = known.Code, known.Message
		} else {
			w.Message = internalError + req.id
			a.Logger.ErrorContext(ctx, "request failed", "request", req.id, "path", e.Path, "error", cause(e))
		}
		out[i] = w
	}
	return out
}

// cause digs through the executor's wrappers, which don't unwrap.
func cause(err error) error {
	for {
		switch e := err.(type) { //nolint:errorlint // these types wrap without Unwrap
		case gqlerrors.FormattedError:
			if e.OriginalError() == nil {
				return e
			}
			err = e.OriginalError()
		case *gqlerrors.Error:
			if e.OriginalError == nil {
				return e
			}
			err = e.OriginalError
		default:
			return err
		}
	}
}
