package planner

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/vektah/gqlparser/v2/ast"

	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/internal/operation"
	"icehouse/dataplane/relational"
)

// Target is whom and what a plan is made for.
type Target struct {
	Dialect   dialect.Dialect
	Namespace string
	Requester Requester
	// Queries gives the document of a permission query by its text.
	Queries func(text string) (*operation.Document, error)
	// Hooked says what hooks returned; nil until they have.
	Hooked *Hooked
	// Explain asks for Plan.Verdicts.
	Explain bool
	// Mark is what the database says in place of a value that may not be read. No
	// client knows it.
	Mark string
}

// Requester is who asks, as far as a plan depends on it (data-api §6.2).
type Requester struct {
	Admin bool   // passes all checks
	Type  string // of the node whose token was sent; "" for nobody
}

// In is the requester as plans of a schema know them: no node has a type that is not
// there.
func (r Requester) In(s *compiledschema.Schema) Requester {
	if r.Type != "" && s.ModelType(r.Type) == nil {
		r.Type = ""
	}
	return r
}

// Make plans a prepared operation.
func Make(prepared *operation.Prepared, target Target) (*Plan, error) {
	p := &planning{target: target, doc: prepared.Document, vars: prepared.Variables}
	plans := p.query // a subscription over HTTP, too: a query whose root fields are null (data-api §2.13)
	if p.doc.Operation.Operation == ast.Mutation {
		plans = p.mutation
	}
	plan, err := plans()
	if err == nil {
		plan.Features, plan.PermissionQueries = p.features, p.queries
	}
	return plan, err
}

func (p *planning) query() (*Plan, error) {
	r := &reader{planning: p}
	rootName := "Query"
	if p.doc.Operation.Operation == ast.Subscription {
		rootName = "Subscription"
	}
	root := &Node{NonNull: true}
	var fields []relational.Field
	for _, c := range p.collect(rootName, false, []ast.SelectionSet{p.doc.Operation.SelectionSet}) {
		value, node := r.root(c, rootName)
		node.Key, node.Field = c.key, p.doc.FieldOf(c.first())
		fields = append(fields, relational.Field{Key: c.key, Value: value})
		root.Children = append(root.Children, node)
	}
	return r.plan(fields, root), nil
}

// plan is the plan whose answer has these fields.
func (r *reader) plan(fields []relational.Field, root *Node) *Plan {
	p := r.planning
	read := &Read{Rewrite: r.rewrite, Watch: r.watch, Checks: root.checks(), AsRequester: p.asRequester}
	if p.asRequester {
		fields = append(fields, relational.Field{Key: requesterKey, Value: &relational.Count{Select: p.requesterNode(&r.args)}})
	}
	if r.usesRows || p.asRequester {
		statement := p.target.Dialect.Query(p.target.Namespace, &relational.Query{Fields: fields, Args: r.args.types()})
		read.Step = &Step{Statement: statement, Params: r.args.params}
	} else {
		read.Constant = constantObject(fields)
	}
	return &Plan{Read: read, Root: root, Mark: r.mark(), Verdicts: p.verdicts, Calls: p.calls}
}

// requesterKey is the key, the last one, under which a read says whether the
// requester's node is there. No field can have it.
const requesterKey = ""

// requesterNode finds the node whose token was sent.
func (p *planning) requesterNode(a *args) *relational.Select {
	table := p.doc.Schema.Layout().Table(p.doc.Schema.ModelType(p.target.Requester.Type))
	return &relational.Select{Table: table, Where: relational.Compare{
		Column: table.ID, Op: relational.Equal, Arg: a.add(requesterParam),
	}}
}

func constantObject(fields []relational.Field) []byte {
	out := []byte{'{'}
	for i, f := range fields {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, '"'), f.Key...), `":`...)
		if object, ok := f.Value.(relational.Object); ok {
			out = append(out, constantObject(object.Fields)...)
		} else {
			out = append(out, f.Value.(relational.Literal).JSON...)
		}
	}
	return append(out, '}')
}

// reader plans selections as values of one statement.
type reader struct {
	*planning
	args     args
	usesRows bool     // something must be read
	rewrite  bool     // the database's JSON may need work
	watch    []string // it does when one of these keys is null
	gated    bool     // values may come marked
	// echo are the fields of the object that is planned next that may be read
	// whatever the records say (data-api §6.3).
	echo map[string]bool
	// payloadEcho are those of the node that a payload of the Relay API is about.
	payloadEcho map[string]bool
	// after says that the scalars of the object that is planned next are those that a
	// function returned, if one did; payloadAfter, those of the node that a payload is
	// about.
	after, payloadAfter bool
}

// mark is what values may be marked with; "" when none is.
func (r *reader) mark() string {
	if r.gated {
		return r.target.Mark
	}
	return ""
}

// literal is a value that needs no row.
func literal(json string) relational.Value { return relational.Literal{JSON: json} }

// refused is a field that can't be answered.
func (r *reader) refused(f *fault.Fault, node *Node) (relational.Value, *Node) {
	r.rewrite = true
	node.Fault = f
	return literal("null"), node
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func (r *reader) root(c collected, rootName string) (relational.Value, *Node) {
	f := c.first()
	switch f.Name {
	case "__typename":
		return literal(quote(rootName)), &Node{NonNull: true}
	case "__schema", "__type":
		r.rewrite = true
		merged := *f
		merged.SelectionSet = nil
		for _, set := range c.sets() {
			merged.SelectionSet = append(merged.SelectionSet, set...)
		}
		return literal("null"), &Node{NonNull: f.Name == "__schema", Inspect: &merged}
	}
	if rootName == "Subscription" {
		return literal("null"), &Node{}
	}
	root, ok := r.doc.Schema.QueryRoot(f.Name)
	if !ok {
		return r.refused(fault.Internal(fmt.Errorf("no root field %q", f.Name)), &Node{})
	}
	return r.field(root, c)
}

// field plans a root field, or one of the Relay API's Viewer.
func (r *reader) field(root compiledschema.Root, c collected) (relational.Value, *Node) {
	node := &Node{NonNull: r.doc.Schema.RootType(root).NonNull()}
	switch root.Kind {
	case compiledschema.RootViewer:
		return r.viewer(c, node)
	case compiledschema.RootViewerID:
		return literal(quote(compiledschema.ViewerID)), node
	case compiledschema.RootResolver:
		r.rewrite = true
		r.call(root, c, node)
		r.calls = append(r.calls, node)
		return literal("null"), node
	}
	switch root.Kind {
	case compiledschema.RootAll:
		return r.list(root.Type, nil, c, node)
	case compiledschema.RootMeta:
		return r.meta(root.Type, nil, c, node)
	case compiledschema.RootOne:
		return r.single(root.Type, c, node)
	case compiledschema.RootNode:
		return r.byID(c, node)
	case compiledschema.RootUser:
		return r.user(root.Type, c, node)
	case compiledschema.RootExists:
		return r.some(root.Type, c, node)
	default:
		return r.refused(fault.Internal(fmt.Errorf("root field %q is no query", c.first().Name)), node)
	}
}

// object plans the selection on nodes of a type.
func (r *reader) object(t *datamodel.Type, sets []ast.SelectionSet, node *Node) []relational.Field {
	fields := []relational.Field{}
	readable := r.readable(t)
	for _, c := range r.collect(t.Name, true, sets) {
		value, child := r.member(t, c, readable)
		child.Key, child.Field = c.key, r.doc.FieldOf(c.first())
		fields = append(fields, relational.Field{Key: c.key, Value: value})
		node.Children = append(node.Children, child)
	}
	return fields
}

func (r *reader) member(t *datamodel.Type, c collected, readable *readable) (relational.Value, *Node) {
	f := c.first()
	if f.Name == "__typename" {
		return literal(quote(t.Name)), &Node{NonNull: true}
	}
	m, ok := r.doc.Schema.Member(t, f.Name)
	if !ok {
		return r.refused(fault.Internal(fmt.Errorf("no field %q on %s", f.Name, t.Name)), &Node{})
	}
	layout := r.doc.Schema.Layout()
	switch m.Kind {
	case compiledschema.MemberScalar:
		node := &Node{NonNull: m.Field.Required}
		if readable.after {
			node.Returned = m.Field
		}
		return readable.value(m.Field, relational.ColumnValue{Column: layout.Column(m.Field)}, node)
	case compiledschema.MemberToOne:
		return r.toOne(m.Field, c)
	case compiledschema.MemberToMany:
		return r.list(m.Field.Target(), layout.Link(m.Field), c, &Node{})
	default:
		return r.meta(m.Field.Target(), layout.Link(m.Field), c, &Node{NonNull: true})
	}
}

func (r *reader) toOne(f *datamodel.Field, c collected) (relational.Value, *Node) {
	node := &Node{NonNull: f.Required}
	target := f.Target()
	where, err := r.filter(&r.args, target, r.argument(c.first(), "filter"))
	if err != nil {
		return r.refused(err, node)
	}
	link := r.doc.Schema.Layout().Link(f)
	if f.Required && (where != nil || link.Parent == nil) {
		// The row may be missing although the field is required.
		r.rewrite = true
	} else if f.Required { // empty until an import has brought the edge
		r.watch = append(r.watch, c.key)
	}
	r.usesRows = true
	one := &relational.One{Select: &relational.Select{Table: r.doc.Schema.Layout().Table(target), Link: link, Where: where}}
	one.Fields = r.object(target, c.sets(), node)
	return one, node
}

// list plans a list of nodes: an array, in the Relay API a connection.
func (r *reader) list(t *datamodel.Type, link *relational.Link, c collected, node *Node) (relational.Value, *Node) {
	f := c.first()
	where, err := r.filter(&r.args, t, r.argument(f, "filter"))
	if err != nil {
		return r.refused(err, node)
	}
	sel := &relational.Select{Table: r.doc.Schema.Layout().Table(t), Link: link, Where: where}
	if r.doc.Schema.API() == compiledschema.Relay {
		return r.connection(t, sel, c, node)
	}
	if err := r.page(sel, t, f, node); err != nil {
		return r.refused(err, node)
	}
	r.usesRows = true
	node.List, node.Item = true, true
	m := &relational.Many{Select: sel}
	m.Fields = r.object(t, c.sets(), node)
	return m, node
}

func (r *reader) meta(t *datamodel.Type, link *relational.Link, c collected, node *Node) (relational.Value, *Node) {
	where, err := r.filter(&r.args, t, r.argument(c.first(), "filter"))
	if err != nil {
		return r.refused(err, node)
	}
	fields := []relational.Field{}
	for _, m := range r.collect("_QueryMeta", false, c.sets()) {
		child := &Node{Key: m.key, Field: r.doc.FieldOf(m.first()), NonNull: true}
		if m.first().Name == "__typename" {
			fields = append(fields, relational.Field{Key: m.key, Value: literal(`"_QueryMeta"`)})
		} else {
			r.usesRows = true
			fields = append(fields, relational.Field{Key: m.key, Value: &relational.Count{
				Select: &relational.Select{Table: r.doc.Schema.Layout().Table(t), Link: link, Where: where},
			}})
		}
		node.Children = append(node.Children, child)
	}
	r.usesRows = true
	return relational.Object{Fields: fields}, node
}

// single is the query of one node by a unique field: the first argument, in
// field order, that is not null decides (data-api §2.5).
func (r *reader) single(t *datamodel.Type, c collected, node *Node) (relational.Value, *Node) {
	unique := r.doc.Schema.UniqueFields(t)
	for _, f := range unique {
		in := r.argument(c.first(), f.Name)
		if !in.given() {
			continue
		}
		column := r.doc.Schema.Layout().Column(f)
		r.usesRows = true
		one := &relational.One{Select: &relational.Select{
			Table: column.Table,
			Where: relational.Compare{Column: column, Op: relational.Equal, Arg: r.args.add(comparing(in.source, f, column, false))},
		}}
		one.Fields = r.object(t, c.sets(), node)
		return one, node
	}
	names := ""
	for i, f := range unique {
		if i > 0 {
			names += ", "
		}
		names += f.Name
	}
	return r.refused(fault.New(fault.BadArguments, "None of the following arguments provided: List(%s)", names), node)
}

// user is the node whose token was sent (data-api §2.5).
func (r *reader) user(t *datamodel.Type, c collected, node *Node) (relational.Value, *Node) {
	if r.target.Requester.Type == "" {
		return literal("null"), node
	}
	r.usesRows = true
	if r.target.Requester.Type != t.Name { // ids may coincide, but the token's node must be there
		r.asRequester = true
	}
	table := r.doc.Schema.Layout().Table(t)
	one := &relational.One{Select: &relational.Select{Table: table, Where: relational.Compare{
		Column: table.ID, Op: relational.Equal, Arg: r.args.add(requesterParam),
	}}}
	one.Fields = r.object(t, c.sets(), node)
	return one, node
}

// TypeKey is the key under which a plan asks which type a node of an interface
// has. It is always the first key of the object, so that an alias of the same
// name does no harm.
const TypeKey = "__type"

// byID is node(id:): the id is looked for in the table of each type.
func (r *reader) byID(c collected, node *Node) (relational.Value, *Node) {
	in := r.argument(c.first(), "id")
	arg := r.args.add(cursorParam(in.source))
	r.usesRows = true
	value := &relational.FirstOf{}
	for _, t := range r.doc.Schema.Model().Types {
		table := r.doc.Schema.Layout().Table(t)
		option := &Node{}
		one := &relational.One{Select: &relational.Select{
			Table: table,
			Where: relational.Compare{Column: table.ID, Op: relational.Equal, Arg: arg},
		}}
		one.Fields = r.object(t, c.sets(), option)
		value.Options = append(value.Options, one)
		node.Options = append(node.Options, option.Children)
	}
	isRelay := r.doc.Schema.API() == compiledschema.Relay
	var viewer relational.Object
	if isRelay { // the Viewer is a node too (LQ-D37)
		option := &Node{}
		viewer = r.viewerObject(c.sets(), option)
		node.Options = append(node.Options, option.Children)
	}
	r.rewrite = r.rewrite || r.gated || len(r.watch) > 0 || len(node.checks()) > 0
	if r.rewrite {
		// The rewriter must know which of the shapes it has before it.
		for i, one := range value.Options {
			one.Fields = withOption(i, one.Fields)
		}
		viewer.Fields = withOption(len(value.Options), viewer.Fields)
	} else {
		node.Options = nil
	}
	found := relational.Value(value)
	if len(value.Options) == 0 {
		found = literal("null")
	}
	if isRelay {
		return relational.When{Arg: arg, Is: compiledschema.ViewerID, Then: viewer, Else: found}, node
	}
	return found, node
}

// withOption says which option of an interface an object is.
func withOption(option int, fields []relational.Field) []relational.Field {
	return append([]relational.Field{{Key: TypeKey, Value: literal(strconv.Itoa(option))}}, fields...)
}
