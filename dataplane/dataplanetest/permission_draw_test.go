package dataplanetest

import (
	"fmt"
	"slices"
	"strings"

	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/datamodel"
)

// permissions draws records for a data model. They come before all data, so that the
// ids in their queries are strangers' or the server's.
func (d *drawer) permissions() []*permission {
	var records []*permission
	add := func(target string, verb compiledschema.Verb, fields []string) {
		p := &permission{Permission: compiledschema.Permission{Target: target, Verb: verb, Authenticated: d.toss(30), Name: fmt.Sprintf("record %d", len(records)+1)}}
		if len(fields) > 0 && d.toss(40) {
			p.Fields = []string{}
			for _, f := range fields {
				if d.toss(50) {
					p.Fields = append(p.Fields, f)
				}
			}
		}
		if d.toss(65) {
			d.permissionQuery(p)
		}
		records = append(records, p)
	}
	for _, t := range d.model.Types {
		var scalars, all []string
		for _, f := range t.Fields {
			if !f.IsRelation() {
				scalars = append(scalars, f.Name)
			}
			all = append(all, f.Name)
		}
		for range 1 + d.below(4) {
			add(t.Name, compiledschema.Read, scalars)
		}
		for _, verb := range []compiledschema.Verb{compiledschema.Create, compiledschema.Update, compiledschema.Delete} {
			for range 1 + d.below(3) {
				add(t.Name, verb, all)
			}
		}
	}
	for _, r := range d.model.Relations {
		for _, verb := range []compiledschema.Verb{compiledschema.Connect, compiledschema.Disconnect} {
			for range d.below(3) {
				add(r.Name, verb, nil)
			}
		}
	}
	return records
}

// permissionQuery draws the query of a record, as data and as text.
func (d *drawer) permissionQuery(p *permission) {
	q := &permissionDrawer{drawer: d, permission: p}
	var fields []string
	for i := range 1 + d.below(2) {
		typ := pick(d, d.model.Types)
		filter := q.variables(typ, d.filter(typ, 2, d.toss(70), false)).(object)
		if of := d.model.Type(p.Target); of != nil && p.Verb != compiledschema.Create && d.toss(30) && q.declare("node_id", "ID", false) { // what people write: this node, when ...
			typ = of
			filter = object{{"id", server{"node_id"}, "ID"}}
			filter = append(filter, q.variables(typ, d.filter(typ, 2, true, false)).(object)...)
			filter = slices.DeleteFunc(filter, func(e entry) bool { return strings.HasPrefix(e.key, "id") && e.key != "id" })
			seen := map[string]bool{}
			filter = slices.DeleteFunc(filter, func(e entry) bool { was := seen[e.key]; seen[e.key] = true; return was })
		}
		p.asks = append(p.asks, question{typ, filter})
		text := "Some" + typ.Name + "Exists(filter: " + q.text(filter) + ")"
		if i > 0 || d.toss(20) {
			text = fmt.Sprintf("q%d: ", i) + text
		}
		fields = append(fields, text)
	}
	if d.toss(6) {
		p.broken = true
		q.declare("never_there", "ID", true)
		fields = append(fields, "q9: Some"+p.asks[0].typ.Name+"Exists(filter: {id: $never_there})")
	}
	var head []string
	used := strings.Join(fields, " ")
	p.declared = slices.DeleteFunc(p.declared, func(v declaration) bool { return !strings.Contains(used+" ", "$"+v.name) })
	for _, v := range p.declared {
		typ := v.typ
		if v.nonNull {
			typ += "!"
		}
		head = append(head, "$"+v.name+": "+typ)
	}
	p.Query = "query "
	if len(head) > 0 {
		p.Query += "(" + strings.Join(head, ", ") + ") "
	}
	p.Query += "{ " + used + " }"
}

// permissionDrawer puts variables into a filter.
type permissionDrawer struct {
	*drawer
	permission *permission
}

func (q *permissionDrawer) declare(name, typ string, nonNull bool) bool {
	for i, v := range q.permission.declared {
		if v.name == name {
			q.permission.declared[i].nonNull = v.nonNull || nonNull
			return v.typ == typ
		}
	}
	q.permission.declared = append(q.permission.declared, declaration{name, typ, nonNull || q.toss(50)})
	return true
}

// variables replaces some values of a filter on a type by variables.
func (q *permissionDrawer) variables(typ *datamodel.Type, v any) any {
	switch v := v.(type) {
	case object:
		out := object{}
		for _, e := range v {
			if _, missing := e.value.(unset); missing {
				continue
			}
			if e.key == "AND" || e.key == "OR" {
				out = append(out, entry{e.key, q.variables(typ, e.value), e.typ})
				continue
			}
			name, op, _ := strings.Cut(e.key, "_")
			f := typ.Field(name)
			if f.IsRelation() {
				out = append(out, entry{e.key, q.variables(f.Target(), e.value), e.typ})
				continue
			}
			percent := 30
			if f.Scalar == datamodel.ID {
				percent = 80
			}
			isList := op == "in" || op == "not_in"
			if variable, ok := q.variable(f, isList); ok && q.toss(percent) {
				if isList {
					e.value = list{server{variable}, q.near(f)}
				} else {
					e.value = server{variable}
				}
			}
			out = append(out, e)
		}
		return out
	case list:
		out := list{}
		for _, item := range v {
			out = append(out, q.variables(typ, item))
		}
		return out
	case lone:
		return lone{q.variables(typ, v.value)}
	}
	return v
}

// variable finds a server variable whose values fit the place of a field's.
func (q *permissionDrawer) variable(f *datamodel.Field, nonNull bool) (string, bool) {
	p := q.permission
	isText := func(t string) bool { return t == "ID" || t == "String" }
	fits := func(given string) bool { return given == f.TypeName() || isText(given) && isText(f.TypeName()) }
	var names []string
	if fits("ID") {
		names = append(names, "user_id")
	}
	if of := q.model.Type(p.Target); of != nil {
		if fits("ID") {
			names = append(names, "node_id")
		}
		for _, g := range of.Fields {
			switch {
			case g.IsRelation() && !g.List && fits("ID") && p.Verb != compiledschema.Read && p.Verb != compiledschema.Delete:
				names = append(names, "input_"+g.Name+"Id")
			case g.IsRelation() || g.List || !fits(g.TypeName()) || g.Scalar == datamodel.JSON || g.Scalar == datamodel.ID:
			case p.Verb != compiledschema.Create:
				names = append(names, "node_"+g.Name)
				if p.Verb == compiledschema.Update && writable(g) {
					names = append(names, "input_"+g.Name)
				}
			case writable(g):
				names = append(names, "input_"+g.Name)
			}
		}
	} else if fits("ID") {
		nameA, nameB := endNames(q.relation(p.Target))
		names = append(names, nameA+"_id", nameB+"_id", nameA+"_id", nameB+"_id")
	}
	if len(names) == 0 {
		return "", false
	}
	name := pick(q.drawer, names)
	return name, q.declare(name, f.TypeName(), nonNull)
}

// text writes a filter with its variables.
func (q *permissionDrawer) text(v any) string {
	switch v := v.(type) {
	case server:
		return "$" + v.name
	case object:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = e.key + ": " + q.text(e.value)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case list:
		parts := make([]string, len(v))
		for i, item := range v {
			parts[i] = q.text(item)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case lone:
		return q.text(v.value)
	}
	return (&request{toss: func(int) bool { return false }}).value(v, "")
}

// requester draws who sends a request.
func (d *drawer) requester() who {
	switch d.below(6) {
	case 0:
		return who{node: -1}
	case 1:
		return who{admin: true, node: -1}
	case 2:
		if d.toss(50) {
			return who{isNode: true, typ: pick(d, d.model.Types), node: -1}
		}
		if len(d.rows) > 0 { // perhaps gone, perhaps of another type
			return who{isNode: true, typ: pick(d, d.model.Types), node: d.below(len(d.rows))}
		}
	}
	typ := pick(d, d.model.Types)
	if living := d.living(typ); len(living) > 0 {
		return who{isNode: true, typ: typ, node: pick(d, living)}
	}
	return who{node: -1}
}
