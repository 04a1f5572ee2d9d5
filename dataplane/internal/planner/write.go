package planner

import (
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"

	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/relational"
)

// mutation plans each root field as a transaction of its own (data-api §2.8,
// LQ-D22).
func (p *planning) mutation() (*Plan, error) {
	plan := &Plan{Root: &Node{NonNull: true}, Mark: p.target.Mark, Deletes: true}
	for i, c := range p.collect("Mutation", false, []ast.SelectionSet{p.doc.Operation.SelectionSet}) {
		p.root = i
		write := p.write(c)
		plan.Deletes = plan.Deletes && p.deletes(c)
		write.Node.Key, write.Node.Field = c.key, p.doc.FieldOf(c.first())
		plan.Writes = append(plan.Writes, write)
		plan.Root.Children = append(plan.Root.Children, write.Node)
	}
	plan.Verdicts = p.verdicts
	if p.asRequester {
		var a args
		change := &relational.Guard{Condition: relational.Exists{Select: p.requesterNode(&a)}}
		change.Args = a.types()
		plan.Requester = &Step{Statement: p.target.Dialect.Change(p.target.Namespace, change), Params: a.params}
	}
	return plan, nil
}

// deletes says that a root field does nothing but delete a node.
func (p *planning) deletes(c collected) bool {
	name := c.first().Name
	root, ok := p.doc.Schema.MutationRoot(name)
	return ok && root.Kind == compiledschema.RootDelete || name == "__typename"
}

func (p *planning) write(c collected) *Write {
	f := c.first()
	write := &Write{Node: &Node{}}
	if f.Name == "__typename" {
		write.Node.NonNull = true
		write.Found = &Sequence{Node: &Node{}}
		return write
	}
	refuse := func(err *fault.Fault) *Write {
		write.Found = &Sequence{Fault: err, Node: &Node{}}
		return write
	}
	root, ok := p.doc.Schema.MutationRoot(f.Name)
	if !ok {
		return refuse(fault.Internal(fmt.Errorf("no mutation %q", f.Name)))
	}
	write.Node.NonNull = p.doc.Schema.RootType(root).NonNull()
	if root.Kind == compiledschema.RootResolver {
		p.call(root, c, write.Node)
		return write
	}
	in := p.mutationInput(f)
	switch root.Kind {
	case compiledschema.RootCreate:
		write.Found = p.sequence(func(w *writer) {
			w.after(compiledschema.Create, root.Type)
			id := w.create(root.Type, in, nil)
			w.payloadNode(root, in, in, id, c)
		})
	case compiledschema.RootUpdate:
		write.Found = p.sequence(func(w *writer) {
			w.after(compiledschema.Update, root.Type)
			w.update(root.Type, in)
			w.payloadNode(root, in, in, in.get("id").source, c)
		})
	case compiledschema.RootUpdateOrCreate:
		update, create := in.get("update"), in.get("create")
		write.Choose = p.probe(root.Type, update.get("id").source)
		write.Found = p.sequence(func(w *writer) {
			w.update(root.Type, update)
			w.payloadNode(root, in, update, update.get("id").source, c)
		})
		p.missing = true
		write.Missing = p.sequence(func(w *writer) {
			id := w.create(root.Type, create, nil)
			w.payloadNode(root, in, create, id, c)
		})
		p.missing = false
	case compiledschema.RootDelete:
		write.Found = p.sequence(func(w *writer) {
			id := in.get("id").source
			w.after(compiledschema.Delete, root.Type)
			w.permit(compiledschema.Delete, root.Type, in, id)
			w.hooked(compiledschema.Delete, root.Type, in, id)
			w.mayBeDeleted(root.Type, id)
			w.deleteReading(root, in, id, c)
		})
	default:
		write.Found = p.sequence(func(w *writer) { w.relationMutation(root, in, c) })
	}
	return write
}

// probe asks whether a node exists.
func (p *planning) probe(t *datamodel.Type, id Source) *Step {
	var a args
	table := p.doc.Schema.Layout().Table(t)
	where := relational.Compare{Column: table.ID, Op: relational.Equal, Arg: a.add(idParam(id))}
	q := &relational.Query{Fields: []relational.Field{{Key: "node", Value: &relational.One{
		Select: &relational.Select{Table: table, Where: where},
		Fields: []relational.Field{{Key: "id", Value: relational.ColumnValue{Column: table.ID}}},
	}}}, Args: a.types()}
	return &Step{Statement: p.target.Dialect.Query(p.target.Namespace, q), Params: a.params}
}

// rowWrite is a step that writes one row, and what it can be made to return.
type rowWrite struct {
	step      *Step
	render    func(returning []relational.Field) relational.Change
	mustExist func(args []any) *fault.Fault // of a write that may find no row; else nil
	requires  func()                        // adds the check that is needed when it returns nothing
}

// refuse makes the whole write fail. The first reason stands.
func (w *writer) refuse(f *fault.Fault) {
	if w.out.Fault == nil {
		w.out.Fault = f
	}
}

func (w *writer) layout() *relational.Layout { return w.doc.Schema.Layout() }

func (w *writer) step(c relational.Change, a *args) *Step {
	return &Step{Statement: w.target.Dialect.Change(w.target.Namespace, c), Params: a.params}
}

func (w *writer) add(c relational.Change, a *args) *Step {
	s := w.step(c, a)
	w.body = append(w.body, s)
	return s
}

// guard adds a check; otherwise is the fault when the condition doesn't hold.
func (w *writer) guard(a *args, condition relational.Predicate, otherwise *fault.Fault) {
	w.body = append(w.body, w.guardStep(a, condition, otherwise))
}

func (w *writer) guardStep(a *args, condition relational.Predicate, otherwise *fault.Fault) *Step {
	s := w.step(&relational.Guard{Condition: condition, Args: a.types()}, a)
	s.OnCheck = func(string) *fault.Fault { return otherwise }
	return s
}

// require adds a check that nodes exist.
func (w *writer) require(t *datamodel.Type, ids Source, otherwise func(id string) *fault.Fault) {
	w.body = append(w.body, w.requireStep(t, ids, otherwise))
}

func (w *writer) requireStep(t *datamodel.Type, ids Source, otherwise func(id string) *fault.Fault) *Step {
	var a args
	change := &relational.Require{Table: w.layout().Table(t), IDs: a.add(idsParam(ids))}
	change.Args = a.types()
	s := w.step(change, &a)
	s.OnCheck = otherwise
	return s
}

// mustExist adds the check of update and delete.
func (w *writer) mustExist(t *datamodel.Type, id Source) {
	w.exist = append(w.exist, w.requireStep(t, id, func(id string) *fault.Fault { return nodeMissing(t, id) }))
}

func nodeMissing(t *datamodel.Type, id string) *fault.Fault {
	return fault.New(fault.NodeMissing, "'%s' has no item with id '%s'", t.Name, id)
}

func connectMissing(id string) *fault.Fault {
	return fault.New(fault.ConnectMissing, "A node that should be connected does not exist. Id if available: %s", id)
}

// relationRequired is the fault of leaving a required relation field empty.
func relationRequired(f *datamodel.Field) *fault.Fault {
	return fault.New(fault.RelationRequired, "The field '%s' on type '%s' is required. This mutation would leave it without a node.", f.Name, f.Type.Name)
}

// payloadNode makes a node, as it is after the writes, or in the Relay API the
// payload around it, the value of the root field: returned by the write of its row
// where that is all there is to do, else read. given is what of the arguments was
// written, which may be read back.
func (w *writer) payloadNode(root compiledschema.Root, in, given input, id Source, c collected) {
	w.echoed = echoed(given)
	node := w.out.Node
	r := w.reader()
	if w.doc.Schema.API() == compiledschema.Relay {
		w.notReturned()
		r.payloadEcho, r.payloadAfter = w.echoed, w.out.After != nil
		w.payload(r, c.key, r.payload(root, in, id, c, node))
	} else if !w.returned(root.Type, c, node) {
		r.echo, r.after = w.echoed, w.out.After != nil
		w.payload(r, c.key, r.node(root.Type, id, c.sets(), node))
	}
	if w.out.After != nil {
		w.scalarsOf(root.Type, id)
	}
}

// deleteReading deletes a node. What is read of it shows the state before
// (LQ-D26).
func (w *writer) deleteReading(root compiledschema.Root, in input, id Source, c collected) {
	w.echoed = echoed(in)
	node := w.out.Node
	if w.doc.Schema.API() == compiledschema.Relay {
		w.mustExist(root.Type, id)
		w.deleteWithPayload(root, in, id, c, node)
		return
	}
	if w.out.After != nil {
		w.scalarsOf(root.Type, id)
	}
	w.delete(root.Type, id)
	if w.returned(root.Type, c, node) {
		return
	}
	last := len(w.body) - 1
	deletion := w.body[last]
	w.body = w.body[:last]
	r := w.reader()
	r.echo, r.after = w.echoed, w.out.After != nil
	w.payload(r, c.key, r.node(root.Type, id, c.sets(), node))
	w.body = append(w.body, deletion)
}

func (w *writer) reader() *reader { return &reader{planning: w.planning} }

// notReturned adds the check that a row exists whose write was meant to say so.
func (w *writer) notReturned() {
	if w.row != nil && w.row.requires != nil {
		w.row.requires()
	}
	w.row = nil
}

// returned lets the write of the row return the payload, when it can. When not,
// the check that the row exists goes first.
func (w *writer) returned(t *datamodel.Type, c collected, node *Node) bool {
	row := w.row
	if row == nil {
		return false
	}
	r := w.reader()
	r.echo, r.after = w.echoed, w.out.After != nil
	shape := &Node{}
	fields := []relational.Field{{Key: c.key, Value: relational.Object{Fields: r.object(t, c.sets(), shape)}}}
	if r.rewrite || r.gated || len(r.args.params) > 0 || !relational.Returnable(fields, row.mustExist != nil) {
		w.notReturned()
		return false
	}
	node.Children, w.out.Watch = shape.Children, r.watch
	row.step.Statement = w.target.Dialect.Change(w.target.Namespace, row.render(fields))
	row.step.OnNone = row.mustExist
	w.parts = []*Step{row.step}
	return true
}

func (r *reader) node(t *datamodel.Type, id Source, sets []ast.SelectionSet, node *Node) relational.Value {
	one := r.byKey(t, id)
	one.Fields = r.object(t, sets, node)
	return one
}

// byKey is the node with this id, without fields.
func (r *reader) byKey(t *datamodel.Type, id Source) *relational.One {
	table := r.doc.Schema.Layout().Table(t)
	return &relational.One{Select: &relational.Select{
		Table: table,
		Where: relational.Compare{Column: table.ID, Op: relational.Equal, Arg: r.args.add(idParam(id))},
	}}
}

func (w *writer) payload(r *reader, key string, value relational.Value) {
	q := &relational.Query{Fields: []relational.Field{{Key: key, Value: value}}, Args: r.args.types()}
	w.out.Rewrite = w.out.Rewrite || r.rewrite
	w.out.Watch = append(w.out.Watch, r.watch...)
	if r.gated {
		w.out.Mark = r.mark()
	}
	step := &Step{Statement: w.target.Dialect.Query(w.target.Namespace, q), Params: r.args.params}
	w.body, w.parts = append(w.body, step), append(w.parts, step)
}

// row is a row being composed.
type row struct {
	args    args
	columns []*relational.Column
	values  []relational.Arg
}

func (r *row) set(c *relational.Column, p *Param) {
	r.columns = append(r.columns, c)
	if p == nil {
		r.values = append(r.values, 0)
	} else {
		r.values = append(r.values, r.args.add(*p))
	}
}

// create adds the steps that create a node and everything nested in it, and
// returns where its id comes from. parent is the edge to the node that it is
// created in, if any.
func (w *writer) create(t *datamodel.Type, in input, parent *parentEdge) Source {
	id := w.newID()
	w.permit(compiledschema.Create, t, in, id)
	if parent != nil {
		w.permitConnect(parent.field, id, newNode(parent.id))
	}
	in = w.hooked(compiledschema.Create, t, in, id)
	table := w.layout().Table(t)
	r := &row{}
	idOf := idParam(id)
	r.set(table.ID, &idOf)
	r.set(table.CreatedAt, &clock)
	r.set(table.UpdatedAt, &clock)
	for _, f := range t.Fields {
		if f.IsRelation() || f.IsSystem() {
			continue
		}
		w.createScalar(r, f, in.get(f.Name))
	}
	if parent != nil && parent.column != nil {
		p := idParam(parent.id)
		r.set(parent.column, &p)
	}
	edges := w.edges(t, in, true)
	for _, e := range edges {
		w.hold(nil, e)
		w.permitConnects(id, e)
		if e.link.Parent != nil { // the new row points at the other node: that one comes first
			w.createPointing(r, id, e)
		}
	}
	w.requireOnCreate(t, edges, parent)
	insert := &relational.Insert{Table: table, Columns: r.columns, Values: r.values, Args: r.args.types()}
	step := w.insert(insert, &r.args)
	for _, e := range edges {
		if e.link.Parent == nil {
			w.connectFrom(id, e)
		}
	}
	w.row = nil
	if w.body[len(w.body)-1] == step && (w.inserted == nil || len(w.inserted.change.Also) == 0) { // nothing after it changes what the row shows
		w.row = &rowWrite{step: step, render: func(returning []relational.Field) relational.Change {
			insert.Returning = returning
			return insert
		}}
	}
	return id
}

// parentEdge is the edge between a nested node and the one it is created in.
type parentEdge struct {
	field  *datamodel.Field   // the nested node's end
	column *relational.Column // set when the nested node's row holds the edge
	id     Source             // of the parent
}

func (w *writer) createScalar(r *row, f *datamodel.Field, in input) {
	column := w.layout().Column(f)
	switch {
	case in.given():
		p := storing(valueSource(f, in), f, column)
		r.set(column, &p)
	case in.kind == absent && f.Default != nil && !f.Default.Null:
		value, err := constant(f)
		if err != nil {
			w.refuse(&fault.Fault{Code: fault.ValueNotValid, Message: fmt.Sprintf("The default value of field %s of type %s is not valid.", f.Name, f.Type.Name), Cause: err})
			return
		}
		p := storing(Source{value: value}, f, column)
		r.set(column, &p)
	case f.Required && in.kind == null:
		w.refuse(fault.New(fault.ValueNotValid, "The input value null was not valid for field %s of type %s.", f.Name, f.Type.Name))
	case f.Required:
		w.refuse(RequiredNull(f))
	}
}

// RequiredNull is the fault of a required field that would be null.
func RequiredNull(f *datamodel.Field) *fault.Fault {
	return fault.New(fault.RequiredNull, "You are trying to set a required field to null. Fieldname if known: %s", f.Name)
}

func valueSource(f *datamodel.Field, in input) Source {
	if f.List {
		return in.listSource()
	}
	return in.source
}

// update adds the steps that change a node.
func (w *writer) update(t *datamodel.Type, in input) {
	id := in.get("id").source
	w.permit(compiledschema.Update, t, in, id)
	in = w.hooked(compiledschema.Update, t, in, id)
	table := w.layout().Table(t)
	edges := w.edges(t, in, false)
	r := &row{}
	var set []relational.Assignment
	for _, f := range t.Fields {
		if f.IsRelation() || f.IsSystem() {
			continue
		}
		value := in.get(f.Name)
		if value.kind == absent {
			continue
		}
		if f.IsReadOnly() {
			w.refuse(fault.New(fault.ReadOnlyField, "The field %s is read only.", f.Name))
		}
		column := w.layout().Column(f)
		if value.kind == kept {
			set = append(set, relational.Assignment{Column: column, Keep: true})
			continue
		}
		if value.kind == null {
			if f.Required {
				w.refuse(RequiredNull(f))
			}
			r.set(column, nil)
			continue
		}
		p := storing(valueSource(f, value), f, column)
		r.set(column, &p)
	}
	if len(r.columns)+len(set) > 0 {
		r.set(table.UpdatedAt, &clock)
		change := &relational.Update{Table: table, Set: set, Where: relational.Compare{Column: table.ID, Op: relational.Equal, Arg: r.args.add(idParam(id))}}
		for i, c := range r.columns {
			change.Set = append(change.Set, relational.Assignment{Column: c, Value: r.values[i]})
		}
		change.Args = r.args.types()
		step := w.add(change, &r.args)
		if len(edges) == 0 {
			w.row = w.existing(t, id, step, func(returning []relational.Field) relational.Change {
				change.Returning = returning
				return change
			})
			return
		}
	}
	w.mustExist(t, id)
	for _, e := range edges {
		w.hold(&id, e)
		w.permitConnects(id, e)
		w.replaceFrom(id, e)
	}
	w.row = nil
}

// existing is a write of the row with this id, which must be there.
func (w *writer) existing(t *datamodel.Type, id Source, step *Step, render func([]relational.Field) relational.Change) *rowWrite {
	at := -1
	for i, p := range step.Params {
		if p.same(idParam(id)) {
			at = i
		}
	}
	return &rowWrite{
		step:   step,
		render: render,
		mustExist: func(args []any) *fault.Fault {
			return nodeMissing(t, fmt.Sprint(args[at]))
		},
		requires: func() { w.mustExist(t, id) },
	}
}

// mayBeDeleted checks that no other node requires this one (data-api §2.8).
func (w *writer) mayBeDeleted(t *datamodel.Type, id Source) {
	for _, f := range t.Fields {
		if !f.IsRelation() || !f.Reverse().Required {
			continue
		}
		w.noneWouldLose(f, id, nil)
	}
}

func (w *writer) delete(t *datamodel.Type, id Source) {
	var a args
	table := w.layout().Table(t)
	change := &relational.Delete{Table: table, Where: relational.Compare{Column: table.ID, Op: relational.Equal, Arg: a.add(idParam(id))}}
	change.Args = a.types()
	step := w.add(change, &a)
	step.Deletes = true
	w.row = w.existing(t, id, step, func(returning []relational.Field) relational.Change {
		change.Returning = returning
		return change
	})
}
