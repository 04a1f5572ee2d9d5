package dataplanetest

import (
	"fmt"
	"slices"
	"strings"

	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/datamodel"
)

// Here data-api §6 is interpreted: slowly, record by record and node by node, by
// asking the world what a permission query asks.

// permission is a record with its query as data.
type permission struct {
	compiledschema.Permission
	asks     []question
	declared []declaration
	broken   bool // the query can't run, whoever asks
}

// question is one field of a permission query: is there a node of the type?
type question struct {
	typ    *datamodel.Type
	filter object // with server variables among its values
}

// server is a variable that the server fills.
type server struct{ name string }

type declaration struct {
	name, typ string
	nonNull   bool
}

// oversights make the interpreter wrong, to see that this is noticed.
type oversights struct {
	authenticated bool // records for the authenticated are for everyone
	fields        bool // records are about all fields
	anyField      bool // one true field of a query is enough
	echo          bool // what was given can't be read back
	nested        bool // nested creates need no permission
	connect       bool // edges need no permission
	dead          bool // the token of a node that is gone counts
	nulls         bool // a null of a node is a missing variable
}

// who sends a request.
type who struct {
	admin  bool
	typ    *datamodel.Type // of a node's token
	node   int             // the row, -1 for one that never was
	isNode bool
}

// authority says what somebody may do in a context.
type authority struct {
	view
	records []*permission
	who     who
	wrong   oversights
	asked   map[string]verdict
	births  int
}

// verdict is what a query says; unrunnable ones say no.
type verdict struct{ holds, ran bool }

// authenticated says that the requester's node is there (§7.2).
func (a *authority) authenticated() bool {
	w := a.who
	if !w.isNode || w.node < 0 {
		return w.isNode && a.wrong.dead
	}
	r := a.rows[w.node]
	return a.wrong.dead || !r.gone && r.typ == w.typ
}

func (a *authority) userID() string {
	if !a.authenticated() || a.who.node < 0 {
		return ""
	}
	return a.rows[a.who.node].ids[a.context]
}

// subject is what a query is about.
type subject struct {
	node  int // -1 for one that is to be created, or that is not there
	id    any // of the node; nil: not-the-id
	input *creation
	ends  [2]string // by the side of the field that the node is found in
}

// applicable are the records that count for the requester.
func (a *authority) applicable(target string, verb compiledschema.Verb, field string) []*permission {
	var found []*permission
	for _, p := range a.records {
		if p.Target != target || p.Verb != verb || p.Authenticated && !a.authenticated() && !a.wrong.authenticated {
			continue
		}
		if field != "" && p.Fields != nil && !slices.Contains(p.Fields, field) && !a.wrong.fields {
			continue
		}
		found = append(found, p)
	}
	return found
}

// may says whether one of the records allows it, and whether one that could not run
// is among them.
func (a *authority) may(records []*permission, s subject) (allowed, unrunnable bool) {
	for _, p := range records {
		if !p.Custom() {
			return true, false
		}
	}
	for _, p := range records {
		v := a.holds(p, s)
		allowed = allowed || v.holds
		unrunnable = unrunnable || !v.ran
	}
	return allowed, unrunnable
}

func (a *authority) holds(p *permission, s subject) verdict {
	if p.broken {
		return verdict{}
	}
	key := ""
	if s.input == nil && s.ends[0] == "" {
		key = fmt.Sprintf("%p %d", p, s.node)
		if v, ok := a.asked[key]; ok {
			return v
		}
	}
	v := a.run(p, s)
	if key != "" {
		a.asked[key] = v
	}
	return v
}

func (a *authority) run(p *permission, s subject) verdict {
	values, unknown := map[string]any{}, false
	for _, d := range p.declared {
		if strings.HasPrefix(d.name, "node_") && d.name != "node_id" && s.node < 0 && s.id != nil {
			unknown = true // nothing is known of a node that is not there
			continue
		}
		v, given := a.variable(p, d.name, s)
		if given && v == nil && a.wrong.nulls && strings.HasPrefix(d.name, "node_") {
			given = false
		}
		if given && v == nil && d.nonNull && strings.HasPrefix(d.name, "node_") && (d.typ == "String" || d.typ == "ID") {
			v = "" // LQ-D57
		}
		if d.nonNull && v == nil {
			return verdict{}
		}
		if !given {
			v = unset{}
		}
		values[d.name] = v
	}
	if unknown {
		return verdict{ran: true}
	}
	all, any := true, false
	for _, q := range p.asks {
		filter := filled(q.filter, values).(object)
		found := slices.ContainsFunc(a.living(q.typ), func(n int) bool { return a.matches(n, q.typ, filter) == yes })
		all, any = all && found, any || found
	}
	if a.wrong.anyField {
		all = any
	}
	return verdict{holds: all, ran: true}
}

// filled puts values in the place of variables.
func filled(v any, values map[string]any) any {
	switch v := v.(type) {
	case server:
		return values[v.name]
	case object:
		out := object{}
		for _, e := range v {
			out = append(out, entry{e.key, filled(e.value, values), e.typ})
		}
		return out
	case list:
		out := list{}
		for _, item := range v {
			out = append(out, filled(item, values))
		}
		return out
	case lone:
		return lone{filled(v.value, values)}
	}
	return v
}

// variable is the value of a server's variable (§6.6).
func (a *authority) variable(p *permission, name string, s subject) (any, bool) {
	if name == "user_id" {
		return a.userID(), true
	}
	if p.Verb == compiledschema.Connect || p.Verb == compiledschema.Disconnect {
		nameA, nameB := endNames(a.relation(p.Target))
		switch name {
		case nameA + "_id":
			return s.ends[datamodel.SideA], true
		case nameB + "_id":
			return s.ends[datamodel.SideB], true
		}
		return nil, false
	}
	typ := a.model.Type(p.Target)
	prefix, rest, _ := strings.Cut(name, "_")
	switch {
	case name == "node_id" && s.id == nil:
		return "not-the-id", true
	case name == "node_id":
		return bare(s.id, a.idText), true
	case prefix == "node":
		if s.node < 0 {
			return nil, false
		}
		return a.value(s.node, typ.Field(rest)), true
	case prefix == "input" && typ.Field(rest) != nil && !typ.Field(rest).IsRelation():
		v, given := s.input.scalars.get(rest)
		return bare(v, a.idText), given
	case prefix == "input":
		for _, l := range s.input.links {
			if l.field.Name+"Id" != rest || !l.idsGiven {
				continue
			}
			if len(l.ids) == 0 {
				return nil, true
			}
			return bare(l.ids[0], a.idText), true
		}
	}
	return nil, false
}

func (w *world) relation(name string) *datamodel.Relation {
	for _, r := range w.model.Relations {
		if r.Name == name {
			return r
		}
	}
	return nil
}

func endNames(r *datamodel.Relation) (nameA, nameB string) {
	a, b := r.A(), r.B()
	if r.SameField() {
		return a.Name + "1" + a.Target().Name, a.Name + "2" + a.Target().Name
	}
	return a.Name + a.Target().Name, b.Name + b.Target().Name
}

// reads says whether a field of a node may be read (§6.3).
func (a *authority) reads(n int, f *datamodel.Field) (allowed, unrunnable bool) {
	if a.who.admin {
		return true, false
	}
	typ := a.rows[n].typ
	return a.may(a.applicable(typ.Name, compiledschema.Read, f.Name), subject{node: n, id: wholeID(n)})
}

// writes says whether a node may be written, and all nested ones (§6.4).
func (a *authority) writes(verb compiledschema.Verb, c *creation, n int, id any) (allowed, unrunnable bool) {
	if a.who.admin {
		return true, false
	}
	allowed = true
	s := subject{node: n, id: id, input: c}
	ask := func(field string) {
		yes, not := a.may(a.applicable(c.typ.Name, verb, field), s)
		allowed, unrunnable = allowed && yes, unrunnable || not
	}
	asked := false
	for _, e := range c.scalars {
		if _, missing := e.value.(unset); !missing {
			ask(e.key)
			asked = true
		}
	}
	for _, l := range c.links {
		if l.nestedGiven {
			ask(l.field.Name)
			asked = true
		}
		for _, nested := range l.nested {
			if a.wrong.nested {
				continue
			}
			yes, not := a.writes(compiledschema.Create, nested, -1, nil)
			allowed, unrunnable = allowed && yes, unrunnable || not
		}
	}
	if !asked {
		ask("")
	}
	return allowed, unrunnable
}

// unborn is the id of a node that is not there yet: behind all that are.
func (a *authority) unborn() string {
	a.births++
	return fmt.Sprintf("czzzzzzzzzzzzzzzzzzzzzz%02d", a.births)
}

// connects says whether all edges that a write adds may be added (§6.5).
func (a *authority) connects(c *creation, id string) (allowed, unrunnable bool) {
	allowed = true
	for _, l := range c.links {
		ask := func(other string) {
			yes, not := a.edge(compiledschema.Connect, l.field, id, other)
			allowed, unrunnable = allowed && yes, unrunnable || not
		}
		for _, other := range l.ids {
			ask(bare(other, a.idText).(string))
		}
		for _, nested := range l.nested {
			child := a.unborn()
			ask(child)
			yes, not := a.connects(nested, child)
			allowed, unrunnable = allowed && yes, unrunnable || not
		}
	}
	return allowed, unrunnable
}

// edge says whether an edge of a field of the node id may be added or removed.
func (a *authority) edge(verb compiledschema.Verb, f *datamodel.Field, id, other string) (allowed, unrunnable bool) {
	if a.who.admin || a.wrong.connect {
		return true, false
	}
	s := subject{node: -1}
	s.ends[f.Side], s.ends[1-f.Side] = other, id
	return a.may(a.applicable(f.Relation.Name, verb, ""), s)
}

// failure is an error that is expected at a path.
type failure struct {
	path string
	code int
	any  bool // a query that can't run is among the records: the text says which
}

// object answers a selection on a node. It is not ok when the node is null for it.
func (a *authority) object(n int, set []*selection, path string, echo map[string]bool) (answer map[string]any, ok bool, failures []failure) {
	answer, ok = make(map[string]any, len(set)), true
	for _, s := range set {
		at := path + "." + s.key
		answer[s.key] = nil
		switch {
		case s.field == nil:
			answer[s.key] = a.rows[n].typ.Name
		case !s.field.IsRelation():
			allowed, unrunnable := a.reads(n, s.field)
			if allowed || echo[s.field.Name] && !a.wrong.echo {
				answer[s.key] = a.value(n, s.field)
				continue
			}
			failures = append(failures, failure{at, 3008, unrunnable})
			ok = ok && !s.field.Required
		case s.count:
			answer[s.key] = map[string]any{"count": float64(len(a.filtered(a.related(n, s.field), s.field.Target(), s.list.filter)))}
		case s.field.List:
			items, fine, more := a.objects(a.page(a.related(n, s.field), s.field.Target(), s.list), s.sub, at)
			failures = append(failures, more...)
			if fine {
				answer[s.key] = items
			}
		default:
			found := a.filtered(a.related(n, s.field), s.field.Target(), s.list.filter)
			if len(found) == 0 {
				if s.field.Required {
					failures = append(failures, failure{path: at})
					ok = false
				}
				continue
			}
			one, fine, more := a.object(found[0], s.sub, at, nil)
			failures = append(failures, more...)
			if fine {
				answer[s.key] = one
			}
			ok = ok && (fine || !s.field.Required)
		}
	}
	return answer, ok, failures
}

// objects answers for a list. Of a list that is null for one of its items, only that
// item's failures count.
func (a *authority) objects(rows []int, set []*selection, path string) ([]any, bool, []failure) {
	items := []any{}
	var failures []failure
	for i, n := range rows {
		one, ok, more := a.object(n, set, fmt.Sprintf("%s.%d", path, i), nil)
		if !ok {
			return nil, false, more
		}
		items, failures = append(items, one), append(failures, more...)
	}
	return items, true, failures
}
