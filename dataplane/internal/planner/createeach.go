package planner

import (
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/relational"
)

// createEach creates all nested nodes of an edge by one statement, when they give
// the same fields and nothing hangs on them: each column's values are one list.
// It returns false when they must be created one by one. The edge's column is in
// the nested nodes' rows.
func (w *writer) createEach(t *datamodel.Type, e edge, parent Source) bool {
	if len(e.nested) < 2 || !alike(e.nested) || w.hooks(compiledschema.Create, t) {
		return false
	}
	first := e.nested[0]
	for _, f := range first.fields {
		key, ok := w.doc.Schema.InputKey(t, f.name)
		switch {
		case !ok, f.value.kind != leaf, key.Field.List:
			return false
		case key.Kind == compiledschema.InputScalar:
		case key.Kind == compiledschema.InputConnect:
			if w.layout().Link(key.Field).Parent == nil || !key.Field.Reverse().List {
				return false
			}
		default:
			return false
		}
	}
	each := func(name string) Source {
		s := Source{kind: fromItems}
		for _, item := range e.nested {
			s.items = append(s.items, item.get(name).source)
		}
		return s
	}
	ids := Source{kind: fromItems}
	for _, nested := range e.nested {
		id := w.newID()
		ids.items = append(ids.items, id)
		w.permit(compiledschema.Create, t, nested, id)
		w.permitConnect(e.field.Reverse(), id, newNode(parent))
	}
	table := w.layout().Table(t)
	r := &row{}
	set := func(c *relational.Column, p Param) { r.set(c, &p) }
	set(table.ID, idsParam(ids))
	set(table.CreatedAt, clock)
	set(table.UpdatedAt, clock)
	set(e.link.Child, idParam(parent))
	for _, f := range t.Fields {
		switch {
		case f.IsSystem():
		case f.IsRelation():
			if name := f.Name + "Id"; first.get(name).given() {
				for i, nested := range e.nested {
					w.permitConnects(ids.items[i], edge{field: f, ids: []Source{nested.get(name).source}})
				}
				w.requireUnlessKey(f.Target(), each(name))
				set(w.layout().Link(f).Parent, idsParam(each(name)))
			}
		case first.get(f.Name).given():
			p := storing(each(f.Name), f, w.layout().Column(f))
			p.Type.List = true
			set(w.layout().Column(f), p)
		default:
			w.createScalar(r, f, input{})
		}
	}
	w.requireOnCreate(t, w.edges(t, first, true), &parentEdge{field: e.field.Reverse()})
	insert := &relational.Insert{Table: table, Columns: r.columns, Values: r.values, Each: true, Args: r.args.types()}
	w.insert(insert, &r.args)
	return true
}

// alike says that all objects give the same fields, none of them null.
func alike(objects []input) bool {
	for _, o := range objects {
		if o.kind != object || len(o.fields) != len(objects[0].fields) {
			return false
		}
		for i, f := range o.fields {
			if f.name != objects[0].fields[i].name || f.value.kind != leaf {
				return false
			}
		}
	}
	return true
}
