package planner

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/internal/operation"
	"icehouse/dataplane/relational"
)

// Event is what a subscription is told of (data-api §4.2).
type Event struct {
	Kind   database.EventKind
	Node   string
	Given  []string         // fields that an update was given
	Before string           // JSON object of the row as it was, by the names of columns; "" for a new one
	Edges  map[string][]any // ids of the partners of a node that was deleted, see relational.Link.EdgeKey
}

type eventPart uint8

const (
	eventNode eventPart = iota
	eventBefore
	eventEdges
)

func (e *Event) part(s Source) any {
	switch s.event {
	case eventNode:
		return e.Node
	case eventBefore:
		return e.Before
	default:
		if ids := e.Edges[s.edges]; ids != nil {
			return slices.Clone(ids)
		}
		return []any{}
	}
}

// Subscribed is the type that a subscription is about; false when it is about none.
func Subscribed(prepared *operation.Prepared) (*datamodel.Type, bool) {
	d := prepared.Document
	if d.Operation.Operation != ast.Subscription {
		return nil, false
	}
	p := &planning{doc: d, vars: prepared.Variables}
	for _, c := range p.collect("Subscription", false, []ast.SelectionSet{d.Operation.SelectionSet}) {
		if root, ok := d.Schema.SubscriptionRoot(c.first().Name); ok {
			return root.Type, true
		}
	}
	return nil, false
}

// MakeForEvent plans what one subscription is told of one kind of event: of a node
// that was created, deleted, or updated in these fields. The plan, a Read, serves all
// events of which that is the same, with an Event in the Binding. It is nil when the
// subscription's filter leaves them out; and where data has null for the subscription,
// it leaves out this one.
func MakeForEvent(prepared *operation.Prepared, target Target, kind database.EventKind, given []string) (*Plan, error) {
	p := &planning{target: target, doc: prepared.Document, vars: prepared.Variables}
	fields := p.collect("Subscription", false, []ast.SelectionSet{p.doc.Operation.SelectionSet})
	if len(fields) != 1 {
		return nil, fmt.Errorf("planner: a subscription of %d fields", len(fields))
	}
	c := fields[0]
	root, ok := p.doc.Schema.SubscriptionRoot(c.first().Name)
	if !ok {
		return nil, fmt.Errorf("planner: no subscription %q", c.first().Name)
	}
	e := &eventReader{reader: &reader{planning: p}, t: root.Type, kind: kind, given: given, binding: &Binding{Prepared: prepared}}
	where, refused := e.filter(p.argument(c.first(), "filter"))
	if refused != nil {
		return nil, refused
	}
	if where == never {
		return nil, nil
	}
	value, node := e.payload(c, where)
	node.Key, node.Field = c.key, p.doc.FieldOf(c.first())
	plan := e.plan([]relational.Field{{Key: c.key, Value: value}}, &Node{NonNull: true, Children: []*Node{node}})
	plan.Features, plan.PermissionQueries = p.features, p.queries
	return plan, nil
}

// eventReader plans the answer to an event.
type eventReader struct {
	*reader
	t       *datamodel.Type
	kind    database.EventKind
	given   []string
	binding *Binding
}

// never and always are what a filter says of all events of a kind.
const (
	never  = relational.Constant(false)
	always = relational.Constant(true)
)

func (e *eventReader) table() *relational.Table { return e.doc.Schema.Layout().Table(e.t) }

// filter is what a subscription's filter says (data-api §4.3).
func (e *eventReader) filter(in input) (relational.Predicate, *fault.Fault) {
	if !in.given() {
		return always, nil
	}
	var all []relational.Predicate
	for _, f := range in.fields {
		part, err := e.condition(f.name, f.value)
		if err != nil {
			return nil, err
		}
		all = append(all, part)
	}
	return conjunction(all), nil
}

func conjunction(parts []relational.Predicate) relational.Predicate {
	var rest relational.And
	for _, part := range parts {
		switch part {
		case never:
			return never
		case always:
		default:
			rest = append(rest, part)
		}
	}
	if len(rest) == 0 {
		return always
	}
	return joined(rest)
}

func disjunction(parts []relational.Predicate) relational.Predicate {
	var rest relational.Or
	for _, part := range parts {
		switch part {
		case always:
			return always
		case never:
		default:
			rest = append(rest, part)
		}
	}
	switch len(rest) {
	case 0:
		return never
	case 1:
		return rest[0]
	default:
		return rest
	}
}

// condition is what one key says.
func (e *eventReader) condition(key string, in input) (relational.Predicate, *fault.Fault) {
	switch key {
	case "AND", "OR":
		var parts []relational.Predicate
		for _, item := range in.asList() {
			if len(item.fields) == 0 { // as in queries (LQ-D14)
				continue
			}
			part, err := e.filter(item)
			if err != nil {
				return nil, err
			}
			parts = append(parts, part)
		}
		if key == "AND" || len(parts) == 0 {
			return conjunction(parts), nil
		}
		return disjunction(parts), nil
	}
	if !in.given() {
		return always, nil
	}
	if key == "node" {
		return e.node(in)
	}
	texts, err := e.texts(in)
	if err != nil {
		return nil, err
	}
	return relational.Constant(e.holds(key, texts)), nil
}

// holds says what a key that looks at the event alone makes of it. Fields are updated
// by updates only (LQ-D42).
func (e *eventReader) holds(key string, texts []string) bool {
	has := func(field string) bool { return slices.Contains(e.given, field) }
	switch {
	case key == "mutation_in":
		return slices.Contains(texts, mutationNames[e.kind])
	case e.kind != database.Updated:
		return false
	case key == "updatedFields_contains_some":
		return slices.ContainsFunc(texts, has)
	default: // updatedFields_contains, updatedFields_contains_every
		return !slices.ContainsFunc(texts, func(field string) bool { return !has(field) })
	}
}

var mutationNames = map[database.EventKind]string{database.Created: "CREATED", database.Updated: "UPDATED", database.Deleted: "DELETED"}

// texts are the texts or enum values of an input.
func (e *eventReader) texts(in input) ([]string, *fault.Fault) {
	var out []string
	for _, item := range in.asList() {
		if !item.given() {
			return nil, errNullItem
		}
		value, err := e.binding.resolve(&Param{scalar: datamodel.String}, item.source)
		if err != nil {
			return nil, fault.New(fault.BadArguments, "%s", err.Error())
		}
		switch value := value.(type) {
		case string:
			out = append(out, value)
		case []any: // a list in a variable
			for _, one := range value {
				if text, ok := one.(string); ok {
					out = append(out, text)
				}
			}
		default:
			return nil, fault.Internal(errors.New("a subscription's filter holds no text"))
		}
	}
	return out, nil
}

// node is the condition on the node, as it is after the change, or as it was before it
// was deleted (LQ-D43).
func (e *eventReader) node(in input) (relational.Predicate, *fault.Fault) {
	if e.kind == database.Deleted {
		e.gone, e.was = e.t, true
	}
	where, err := e.reader.filter(&e.args, e.t, in)
	e.gone, e.was = nil, false
	if err != nil || where == nil {
		return always, err
	}
	return where, nil
}

// mostReturns is how often a condition can come back to a deleted node: from its partners,
// and from theirs. Beyond that it sees the state after.
const mostReturns = 2

// someBefore is some in the state before a node was deleted. The node itself had the
// partners that the event names; and of each of those it was a partner, although no row
// says so any more.
func (p *planning) someBefore(a *args, f *datamodel.Field, in input, related *relational.Select, not, violating bool) (relational.Predicate, *fault.Fault) {
	layout := p.doc.Schema.Layout()
	if p.was {
		among := relational.In{Column: related.Table.ID, Arg: a.add(edgesParam(layout.Link(f)))}
		related.Link = nil
		if related.Where == nil {
			related.Where = among
		} else {
			related.Where = relational.And{among, related.Where}
		}
		return relational.Exists{Select: related, Not: not}, nil
	}
	found := relational.Predicate(relational.Exists{Select: related})
	if f.Target() == p.gone && p.returns < mostReturns {
		p.was, p.returns = true, p.returns+1
		where, err := p.filter(a, p.gone, in)
		p.was, p.returns = false, p.returns-1
		if err != nil {
			return nil, err
		}
		if violating {
			where = relational.Not{Predicate: where}
		}
		found = relational.Or{found, relational.And{
			relational.In{Column: layout.Table(f.Type).ID, Arg: a.add(edgesParam(layout.Link(f.Reverse())))},
			relational.Exists{Select: &relational.Select{Table: related.Table, Was: a.add(beforeParam), Where: where}},
		}}
	}
	if not {
		return relational.Not{Predicate: found}, nil
	}
	return found, nil
}

// edgesParam is the ids of the partners that a deleted node had through a link.
func edgesParam(link *relational.Link) Param {
	return Param{
		Source: Source{kind: fromEvent, event: eventEdges, edges: link.EdgeKey()},
		Type:   relational.ArgType{Kind: relational.ArgID, List: true},
	}
}

// eventNodeParam is the id of the node.
var eventNodeParam = Param{Source: Source{kind: fromEvent, event: eventNode}, Type: relational.ArgType{Kind: relational.ArgID}}

// beforeParam is the row as it was.
var beforeParam = Param{Source: Source{kind: fromEvent, event: eventBefore}, Type: relational.ArgType{Kind: relational.ArgJSON}}

// itself selects the row of the node.
func (e *eventReader) itself(where relational.Predicate) *relational.Select {
	if where == always {
		where = nil
	}
	if e.kind == database.Deleted {
		return &relational.Select{Table: e.table(), Was: e.args.add(beforeParam), Where: where}
	}
	s := &relational.Select{Table: e.table(), Where: relational.Compare{Column: e.table().ID, Op: relational.Equal, Arg: e.args.add(eventNodeParam)}}
	if where != nil {
		s.Where = relational.And{s.Where, where}
	}
	return s
}

// payload plans the answer. With a condition on the node it is made of the node's row,
// or null; without, it is there whether the node still is or not.
func (e *eventReader) payload(c collected, where relational.Predicate) (relational.Value, *Node) {
	onRow := where != always
	var one *relational.One
	if onRow {
		one = &relational.One{Select: e.itself(where)}
		e.usesRows = true
	}
	node := &Node{}
	var fields []relational.Field
	for _, m := range e.collect(e.t.Name+"SubscriptionPayload", false, c.sets()) {
		value, child := e.member(m, onRow)
		child.Key, child.Field = m.key, e.doc.FieldOf(m.first())
		fields = append(fields, relational.Field{Key: m.key, Value: value})
		node.Children = append(node.Children, child)
	}
	if onRow {
		one.Fields = fields
		return one, node
	}
	return relational.Object{Fields: fields}, node
}

func (e *eventReader) member(c collected, onRow bool) (relational.Value, *Node) {
	switch name := c.first().Name; name {
	case "__typename":
		return literal(quote(e.t.Name + "SubscriptionPayload")), &Node{NonNull: true}
	case "mutation":
		return literal(quote(mutationNames[e.kind])), &Node{NonNull: true}
	case "updatedFields":
		if e.kind != database.Updated {
			return literal("null"), &Node{}
		}
		names, _ := json.Marshal(append([]string{}, e.given...))
		return literal(string(names)), &Node{}
	case "node":
		node := &Node{}
		if e.kind == database.Deleted {
			return literal("null"), node
		}
		return e.ofRow(onRow, e.object(e.t, c.sets(), node)), node
	case "previousValues":
		node := &Node{}
		if e.kind == database.Created {
			return literal("null"), node
		}
		gated := e.gated
		e.gated = false
		fields := e.previous(c, node)
		needsRow := e.gated
		e.gated = e.gated || gated
		if !needsRow {
			if len(fields) > 0 {
				e.usesRows = true
			}
			return relational.Object{Fields: fields}, node
		}
		return e.ofRow(onRow, fields), node
	default:
		return e.refused(fault.Internal(fmt.Errorf("no field %q of a subscription", name)), &Node{})
	}
}

// ofRow is an object of the node's row.
func (e *eventReader) ofRow(isRow bool, fields []relational.Field) relational.Value {
	if isRow {
		return relational.Object{Fields: fields}
	}
	e.usesRows = true
	return &relational.One{Select: e.itself(always), Fields: fields}
}

// previous are the fields of previousValues. Who may read a field of the node may read
// what it was.
func (e *eventReader) previous(c collected, node *Node) []relational.Field {
	var fields []relational.Field
	readable := e.readable(e.t)
	before := e.args.add(beforeParam)
	for _, m := range e.collect(e.t.Name+"PreviousValues", false, c.sets()) {
		value, child := relational.Value(literal(quote(e.t.Name+"PreviousValues"))), &Node{NonNull: true}
		if f := e.t.Field(m.first().Name); f != nil {
			value, child = readable.value(f, relational.Noted{Arg: before, Column: e.doc.Schema.Layout().Column(f)}, &Node{NonNull: f.Required})
			if _, isGuarded := value.(relational.Guarded); isGuarded && e.kind == database.Deleted { // LQ-D46
				child.Denied = nil
				value, child = e.refused(fault.New(fault.NotAllowed, "Insufficient Permissions"), child)
			}
		}
		child.Key, child.Field = m.key, e.doc.FieldOf(m.first())
		fields = append(fields, relational.Field{Key: m.key, Value: value})
		node.Children = append(node.Children, child)
	}
	return fields
}
