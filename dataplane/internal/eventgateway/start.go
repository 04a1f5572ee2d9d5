package eventgateway

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/internal/operation"
	"icehouse/dataplane/internal/planner"
	"icehouse/dataplane/internal/subscription"
	"icehouse/tenancy"
	"icehouse/tenancy/authn"
	"icehouse/tenancy/directory"
	"icehouse/tenancy/meter"
)

// Texts of data-api §4.7.
const (
	notParsed = "the GraphQL Query was not valid"
	noModel   = "The provided query doesn't include any known model name. Please check for the latest subscriptions API."
	badCursor = "The cursor is none of this subscription: the type was not listened to all the time, or the project was deployed again. What happened meanwhile is not known; subscribe without a cursor, and then read the data again."
	goneBy    = "The events behind the cursor are no longer kept. Subscribe without a cursor, and then read the data again."
)

// gapCode is the code of a refused cursor. The contract has none for it.
const gapCode = 1005

// Start implements subscription.Service.
func (g *Gateway) Start(ctx context.Context, r subscription.Request, sink subscription.Sink) (*subscription.Subscription, error) {
	for began := time.Now(); ; {
		out, err := g.start(ctx, r, sink)
		var stale *database.Error
		if !errors.As(err, &stale) || stale.Kind != database.OutOfDate || time.Since(began) > openTime {
			return out, g.explain(ctx, r, err)
		}
		// A release came meanwhile, or has come to the tables and not to the directory.
		if entry, err := g.Directory.Lookup(ctx, r.Project); err == nil {
			g.Directory.Invalidate(entry.Project)
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// explain makes the refusal of an error.
func (g *Gateway) explain(ctx context.Context, r subscription.Request, err error) error {
	var known *subscription.Refusal
	var public *fault.Fault
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return known
	case errors.Is(err, tenancy.ErrUnknownProject):
		return refusal(subscription.Unknown, fmt.Sprintf("No service with id '%s' exists.", r.Project))
	case errors.As(err, &public) && public.Public():
		return &subscription.Refusal{Kind: subscription.Invalid, Errors: []subscription.Error{{Message: public.Message, Code: public.Code}}}
	case ctx.Err() == nil && g.ctx.Err() == nil:
		g.Log.ErrorContext(ctx, "a subscription can't begin", "error", err, "project", r.Project, "requestId", r.RequestID)
	}
	return refusal(subscription.Unavailable, "The subscription can't begin now. Please try again. Request ID: "+r.RequestID)
}

func (g *Gateway) start(ctx context.Context, r subscription.Request, sink subscription.Sink) (*subscription.Subscription, error) {
	entry, err := g.Directory.Lookup(ctx, r.Project)
	if err != nil {
		return nil, err
	}
	if entry.QueriesLocked || entry.Exceeded.Requests {
		return nil, fault.New(fault.QueriesLocked, "Queries are not allowed for the project with id '%s'", entry.Project)
	}
	schema, err := g.Schemas.Get(ctx, entry.Project, entry.Release)
	if err != nil {
		return nil, err
	}
	prepared, t, err := g.prepare(schema, r)
	if err != nil {
		return nil, err
	}
	who, expires, err := g.Requester(ctx, entry.Project, r.Token)
	if err != nil {
		return nil, err
	}
	if schema.Open() { // then nothing depends on who asks
		who = authn.Requester{}
	}
	s, err := g.stream(ctx, entry, schema, t)
	if err != nil {
		return nil, err
	}
	question, isNew := s.asked(groupKey(r, prepared, who), prepared, who)
	if isNew {
		err := question.Try()
		var literal *planner.LiteralError
		if errors.As(err, &literal) {
			err = g.Documents.Recheck(schema, request(r), literal.Literal, literal.Cause)
		}
		if err != nil {
			return nil, refused(schema, r, err)
		}
	}
	member := &subscriber{sink: sink, request: r.RequestID, query: r.Query}
	begins, err := s.join(ctx, question, member, r.Cursor)
	if err != nil {
		return nil, err
	}
	use := meter.Use{Features: meter.Simple}
	if who != (authn.Requester{}) {
		use.Features |= meter.Authentication
	}
	g.Used(entry.Project, use)
	return &subscription.Subscription{Cursor: begins, Expires: expires, Stop: member.stop}, nil
}

// prepare reads the text.
func (g *Gateway) prepare(schema *compiledschema.Schema, r subscription.Request) (*operation.Prepared, *datamodel.Type, error) {
	prepared, err := g.Documents.Prepare(schema, request(r))
	if err != nil {
		return nil, nil, refused(schema, r, err)
	}
	t, ok := planner.Subscribed(prepared)
	if !ok {
		return nil, nil, refusal(subscription.Invalid, noModel)
	}
	return prepared, t, nil
}

func request(r subscription.Request) operation.Request {
	return operation.Request{Query: r.Query, OperationName: r.OperationName, Variables: r.Variables}
}

// refused makes the refusal of a text that is not valid, with the texts of data-api §4.7.
func refused(schema *compiledschema.Schema, r subscription.Request, err error) error {
	var syntax *operation.SyntaxError
	var invalid *operation.Invalid
	switch {
	case errors.As(err, &syntax):
		return refusal(subscription.Invalid, notParsed)
	case !errors.As(err, &invalid):
		return err
	case invalid.Code == 0 && !namesModel(schema, r): // with a code it is a limit: the text was not looked at
		return refusal(subscription.Invalid, noModel)
	}
	errs := make([]subscription.Error, len(invalid.Errors))
	for i, e := range invalid.Errors {
		errs[i] = subscription.Error{Message: e.Message, Code: invalid.Code}
		for _, l := range e.Locations {
			errs[i].Locations = append(errs[i].Locations, subscription.Location{Line: l.Line, Column: l.Column})
		}
	}
	return &subscription.Refusal{Kind: subscription.Invalid, Errors: errs}
}

// namesModel says that the first selection of an operation that is not valid names a
// type.
func namesModel(schema *compiledschema.Schema, r subscription.Request) bool {
	doc, err := parser.ParseQuery(&ast.Source{Input: r.Query})
	if err != nil {
		return false
	}
	op := doc.Operations.ForName(r.OperationName)
	if op == nil && len(doc.Operations) > 0 {
		op = doc.Operations[0]
	}
	if op == nil || len(op.SelectionSet) == 0 {
		return false
	}
	f, ok := op.SelectionSet[0].(*ast.Field)
	return ok && schema.ModelType(f.Name) != nil
}

// groupKey is what subscriptions have in common that get the same answers: text,
// variables, and who asks (LQ-D45).
func groupKey(r subscription.Request, prepared *operation.Prepared, who authn.Requester) string {
	h := sha256.New()
	part := func(text string) { fmt.Fprintf(h, "%d:%s,", len(text), text) }
	part(r.Query)
	part(r.OperationName)
	for _, v := range prepared.Document.Operation.VariableDefinitions {
		value, ok := prepared.Variables[v.Variable]
		text, _ := json.Marshal(value)
		part(v.Variable + strconv.FormatBool(ok))
		part(string(text))
	}
	part(strconv.FormatBool(who.Admin))
	part(who.Type)
	part(who.Node)
	return string(h.Sum(nil))
}

// cursor is a position in words for a client.
func (s *stream) cursor(position int64) string {
	return s.epoch + "-" + strconv.FormatInt(position, 10)
}

// position reads a cursor.
func (s *stream) position(cursor string) (int64, error) {
	at := strings.LastIndexByte(cursor, '-')
	if at < 0 || cursor[:at] != s.epoch {
		return 0, gap(badCursor)
	}
	position, err := strconv.ParseInt(cursor[at+1:], 10, 64)
	if err != nil || position < 0 {
		return 0, gap(badCursor)
	}
	return position, nil
}

// stream finds or makes a stream.
func (g *Gateway) stream(ctx context.Context, entry directory.Entry, schema *compiledschema.Schema, t *datamodel.Type) (*stream, error) {
	key := streamKey{subject{entry.Project, t.Name}, entry.Placement, entry.Release}
	g.mu.Lock()
	var s *stream
	for known := range g.streams[key.subject] {
		if known.streamKey == key {
			s = known
		}
	}
	if s == nil && !g.closed {
		s = newStream(g, key, schema, t)
		if g.streams[key.subject] == nil {
			g.streams[key.subject] = map[*stream]bool{}
		}
		g.streams[key.subject][s] = true
		g.busy.Go(s.open)
	}
	g.mu.Unlock()
	if s == nil {
		return nil, errors.New("the gateway is closed")
	}
	select {
	case <-s.opened:
		return s, s.failed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
