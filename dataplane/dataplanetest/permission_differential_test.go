package dataplanetest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"icehouse/dataplane/compiledschema"
)

// guarded is a trial with drawn permissions.
type guarded struct {
	*trial
	records []*permission
	wrong   oversights
	cases   int
}

// as is what the requester may do in each context.
func (g *guarded) as(w who) []*authority {
	out := make([]*authority, len(g.projects))
	for i := range out {
		nulls := 0
		out[i] = &authority{view: view{g.world, i, &nulls}, records: g.records, who: w, wrong: g.wrong, asked: map[string]verdict{}}
	}
	return out
}

// send sends a request as somebody.
func (g *guarded) sendAs(w who, q Request) []string {
	g.cases++
	g.token = func(context int) string {
		switch {
		case w.admin:
			return AdminToken
		case !w.isNode:
			return ""
		case w.node < 0:
			return g.projects[context].NodeToken(g.tb, w.typ.Name, stranger)
		default:
			text, err := Keys.Node(g.projects[context].ID, g.rows[w.node].ids[context], w.typ.Name, time.Hour)
			if err != nil {
				g.tb.Fatal(err)
			}
			return text
		}
	}
	defer func() { g.token = nil }()
	return g.send(q)
}

// expected is what a context should answer.
type expected struct {
	data     any
	failures []failure
	codes    codes // one of these at the mutation, and nothing else
}

// differs says how an answer is not what was expected.
func (e expected) differs(answer string) string {
	var got struct {
		Data   any
		Error  string
		Errors []struct {
			Message string
			Code    int
			Path    []any
		}
	}
	if err := json.Unmarshal([]byte(answer), &got); err != nil {
		return err.Error()
	}
	if got.Error != "" {
		return "the request fails as a whole"
	}
	if !reflect.DeepEqual(got.Data, e.data) {
		return "other data"
	}
	if e.codes != nil {
		if len(got.Errors) != 1 || !e.codes[got.Errors[0].Code] {
			return fmt.Sprintf("no error with a code of %v", e.codes)
		}
		return ""
	}
	var want, have []string
	for _, f := range e.failures {
		want = append(want, fmt.Sprintf("%s %d", strings.TrimPrefix(f.path, "."), f.code))
	}
	for _, err := range got.Errors {
		path := ""
		for _, p := range err.Path {
			path += fmt.Sprintf(".%v", p)
		}
		have = append(have, fmt.Sprintf("%s %d", strings.TrimPrefix(path, "."), err.Code))
		if err.Code == 3008 && !slices.Contains([]string{
			"Insufficient Permissions", "Insufficient permissions for this mutation", "No CONNECT permissions", "No DISCONNECT permissions",
		}, err.Message) && !slices.ContainsFunc(e.failures, func(f failure) bool { return f.any }) {
			return "an unexpected text"
		}
	}
	slices.Sort(want)
	slices.Sort(have)
	if !slices.Equal(want, have) {
		return fmt.Sprintf("errors %v, expected %v", have, want)
	}
	return ""
}

// judge compares all answers.
func (g *guarded) judge(w who, body Request, answers []string, want []expected) string {
	for i, answer := range answers {
		if problem := want[i].differs(answer); problem != "" {
			var b strings.Builder
			for _, p := range g.records {
				line, _ := json.Marshal(p.Permission)
				fmt.Fprintf(&b, "%s\n", line)
			}
			fmt.Fprintf(&b, "as %+v\nwith errors %v\n", w, want[i].failures)
			return b.String() + g.report(body, answers, i, outcome{data: want[i].data, codes: want[i].codes}, problem)
		}
	}
	return ""
}

// read draws a query by somebody.
func (g *guarded) read() string {
	w := g.requester()
	q := &request{toss: g.toss}
	var fields []string
	var evaluations []func(a *authority, path string) (value any, ok bool, failures []failure)
	for i := range 1 + g.below(2) {
		typ := pick(g.drawer, g.model.Types)
		set := g.selections(typ, 2)
		var text string
		switch g.below(6) {
		case 0:
			id := g.id(typ)
			text = "node" + q.arguments(object{{"id", id, "ID!"}}) + " { ... on " + typ.Name + " " + q.set(set) + " }"
			evaluations = append(evaluations, func(a *authority, path string) (any, bool, []failure) {
				of, ok := id.(idOf)
				if !ok || a.rows[of.node].gone {
					return nil, true, nil
				}
				if a.rows[of.node].typ != typ {
					return map[string]any{}, true, nil
				}
				one, fine, failures := a.object(of.node, set, path, nil)
				if !fine {
					return nil, true, failures
				}
				return one, true, failures
			})
		case 1:
			key := g.near(typ.Field("key"))
			text = typ.Name + q.arguments(object{{"key", key, "Int"}}) + " " + q.set(set)
			evaluations = append(evaluations, func(a *authority, path string) (any, bool, []failure) {
				for _, n := range a.living(typ) {
					if a.rows[n].values["key"] == key {
						one, fine, failures := a.object(n, set, path, nil)
						if !fine {
							return nil, true, failures
						}
						return one, true, failures
					}
				}
				return nil, true, nil
			})
		default:
			l := g.listing(typ)
			text = "all" + plurals[typ.Name] + q.arguments(l.arguments(typ)) + " " + q.set(set)
			evaluations = append(evaluations, func(a *authority, path string) (any, bool, []failure) {
				items, ok, failures := a.objects(a.page(a.living(typ), typ, l), set, path)
				return items, ok, failures
			})
		}
		fields = append(fields, fmt.Sprintf("r%d: %s", i, text))
	}
	body := q.body("query", strings.Join(fields, " "))
	var want []expected
	for _, a := range g.as(w) {
		data, all := map[string]any{}, true
		var e expected
		for i, evaluate := range evaluations {
			key := fmt.Sprintf("r%d", i)
			value, ok, failures := evaluate(a, "."+key)
			data[key] = value
			all = all && ok
			e.failures = append(e.failures, failures...)
		}
		if all {
			e.data = data
		}
		want = append(want, e)
	}
	return g.judge(w, body, g.sendAs(w, body), want)
}

// attempt is a mutation by somebody, as it is judged in one context.
type attempt struct {
	allowed, unrunnable bool // to write the nodes
	edges, edgesBroken  bool // may be added, or removed
}

// mutate draws a mutation by somebody.
func (g *guarded) mutate() string {
	w := g.requester()
	g.clock = g.clock.Add(time.Second)
	g.now = g.clock.Format("2006-01-02T15:04:05.000Z")
	g.used = map[int]bool{}
	typ := pick(g.drawer, g.model.Types)
	next, wrong := g.clone(), codes{}
	q := &request{toss: g.toss}
	set := g.selections(typ, 2)
	echo := func(o object) map[string]bool {
		names := map[string]bool{"id": true}
		for _, e := range o {
			if _, missing := e.value.(unset); !missing {
				names[e.key] = true
			}
		}
		return names
	}
	var field string
	var judge func(a *authority) attempt
	var payload func(before, after *authority) (any, []failure)
	node := func(a *authority, n int, echoed map[string]bool) (any, []failure) {
		one, fine, failures := a.object(n, set, ".m", echoed)
		if !fine {
			return nil, failures
		}
		return one, failures
	}
	create := func(c *creation) func(*authority) attempt {
		return func(a *authority) (out attempt) {
			out.allowed, out.unrunnable = a.writes(compiledschema.Create, c, -1, nil)
			out.edges, out.edgesBroken = a.connects(c, a.unborn())
			return out
		}
	}
	update := func(c *creation, id any) func(*authority) attempt {
		return func(a *authority) (out attempt) {
			out.allowed, out.unrunnable = a.writes(compiledschema.Update, c, a.target(id, typ), id)
			out.edges, out.edgesBroken = a.connects(c, bare(id, a.idText).(string))
			return out
		}
	}
	drawUpdate := func(id any) *creation {
		if of, ok := id.(idOf); ok {
			g.used[of.node] = true
		}
		return &creation{typ: typ, scalars: g.scalars(typ, false), links: g.links(typ, nil, 1, false)}
	}
	kind := g.below(10)
	switch {
	case kind <= 2:
		c := g.creation(typ, nil, 2)
		args := c.arguments()
		field = "create" + typ.Name + q.arguments(args) + " " + q.set(set)
		judge = create(c)
		n := next.create(c, nil, wrong)
		payload = func(_, after *authority) (any, []failure) { return node(after, n, echo(args)) }
	case kind <= 5:
		id := g.id(typ)
		c := drawUpdate(id)
		args := c.arguments()
		field = "update" + typ.Name + q.arguments(append(object{{"id", id, "ID!"}}, args...)) + " " + q.set(set)
		judge = update(c, id)
		n := next.update(id, c, wrong)
		payload = func(_, after *authority) (any, []failure) { return node(after, n, echo(args)) }
	case kind == 6:
		id := g.id(typ)
		c, u := g.creation(typ, nil, 0), &creation{typ: typ, scalars: g.scalars(typ, false)}
		field = "updateOrCreate" + typ.Name + "(update: {" + q.entries(append(object{{"id", id, "ID!"}}, u.arguments()...)) + "}, create: {" + q.entries(c.arguments()) + "}) " + q.set(set)
		if g.target(id, typ) >= 0 {
			judge = update(u, id)
			n := next.update(id, u, wrong)
			payload = func(_, after *authority) (any, []failure) { return node(after, n, echo(u.arguments())) }
		} else {
			judge = create(c)
			n := next.create(c, nil, wrong)
			payload = func(_, after *authority) (any, []failure) { return node(after, n, echo(c.arguments())) }
		}
	case kind == 7:
		id := g.id(typ)
		field = "delete" + typ.Name + q.arguments(object{{"id", id, "ID!"}}) + " " + q.set(set)
		n := next.target(id, typ)
		judge = func(a *authority) (out attempt) {
			out.allowed, out.unrunnable = true, false
			if !a.who.admin {
				out.allowed, out.unrunnable = a.may(a.applicable(typ.Name, compiledschema.Delete, ""), subject{node: n, id: id})
			}
			out.edges = true
			return out
		}
		next.remove(id, typ, wrong)
		payload = func(before, _ *authority) (any, []failure) { return node(before, n, echo(nil)) }
	default:
		if len(g.model.Relations) == 0 {
			return ""
		}
		relation := pick(g.drawer, g.model.Relations)
		a, b := relation.A(), relation.B()
		nameA, nameB := endNames(relation)
		idA, idB := g.id(a.Target()), g.id(b.Target())
		setA, setB := g.selections(a.Target(), 1), g.selections(b.Target(), 1)
		m, n := next.target(idA, a.Target()), next.target(idB, b.Target())
		verb, name, missing := compiledschema.Connect, "addTo", 3011
		if !a.List && !b.List {
			name = "set"
		}
		undo := !a.Required && !b.Required && g.toss(50)
		if undo {
			verb, name, missing = compiledschema.Disconnect, map[string]string{"addTo": "removeFrom", "set": "unset"}[name], 3013
		}
		switch {
		case m < 0 || n < 0:
			wrong[missing] = true
		case undo:
			next.disconnect(n, a, m)
		default:
			next.connect(n, a, m, wrong)
		}
		field = fmt.Sprintf("%s%s(%s) { %s %s %s %s }", name, relation.Name,
			q.entries(object{{nameA + "Id", idA, "ID!"}, {nameB + "Id", idB, "ID!"}}), nameB, q.set(setB), nameA, q.set(setA))
		judge = func(x *authority) attempt {
			ok, broken := x.edge(verb, a, bare(idB, x.idText).(string), bare(idA, x.idText).(string))
			return attempt{allowed: true, edges: ok, edgesBroken: broken}
		}
		payload = func(_, after *authority) (any, []failure) {
			one, okB, failuresB := after.object(n, setB, ".m."+nameB, nil)
			other, okA, failuresA := after.object(m, setA, ".m."+nameA, nil)
			data := map[string]any{nameB: any(one), nameA: any(other)}
			if !okB {
				data[nameB] = nil
			}
			if !okA {
				data[nameA] = nil
			}
			return data, append(failuresB, failuresA...)
		}
	}
	before := g.as(w)
	attempts := make([]attempt, len(before))
	for i, a := range before {
		attempts[i] = judge(a)
	}
	for _, a := range attempts[1:] {
		if a != attempts[0] { // the ids are not the same: the contexts would go ways of their own
			return ""
		}
	}
	body := q.body("mutation", "m: "+field)
	answers := g.sendAs(w, body)
	want := make([]expected, len(before))
	refused := map[string]any{"m": nil}
	switch judged := attempts[0]; {
	case !judged.allowed:
		for i := range want {
			want[i] = expected{data: refused, failures: []failure{{".m", 3008, judged.unrunnable}}}
		}
	case !judged.edges:
		for i := range want {
			if len(wrong) == 0 {
				want[i] = expected{data: refused, failures: []failure{{".m", 3008, judged.edgesBroken}}}
			} else { // §6.7: value checks come first, as far as they are checks
				wrong[3008] = true
				want[i] = expected{data: refused, codes: wrong}
			}
		}
	case len(wrong) > 0:
		for i := range want {
			want[i] = expected{data: refused, codes: wrong}
		}
	default:
		if !slices.ContainsFunc(answers, func(answer string) bool {
			return strings.Contains(answer, "for this mutation") || strings.Contains(answer, "CONNECT perm")
		}) {
			if problem := g.learnAs(next); problem != "" {
				return g.judge(w, body, answers, want) + g.report(body, answers, 0, outcome{}, problem)
			}
		}
		for i, a := range before {
			after := *a
			after.world, after.asked = next, map[string]verdict{}
			data, failures := payload(a, &after)
			want[i] = expected{data: map[string]any{"m": data}, failures: failures}
		}
		g.writes = append(g.writes, show(body))
	}
	problem := g.judge(w, body, answers, want)
	if problem == "" && attempts[0].allowed && attempts[0].edges && len(wrong) == 0 {
		g.world, g.drawer.world = next, next
	}
	return problem
}

// learnAs asks for the ids of new rows as an admin.
func (g *guarded) learnAs(next *world) string { return g.learn(next, nil) }

// checkPermissions deploys a drawn model with drawn permissions, fills it and lets
// all kinds of people ask; it returns the first disagreement, and how many asked.
func checkPermissions(t *rapid.T, tb testing.TB, in []Context, wrong oversights) (problem string, cases int) {
	s := &scope{TB: tb}
	defer s.end()
	d := &drawer{T: t, world: &world{}}
	g := &guarded{wrong: wrong}
	g.trial = deployWith(t, s, in, d.sdl(), quirks{}, func(d *drawer) compiledschema.Permissions {
		g.records = d.permissions()
		var p compiledschema.Permissions
		for _, r := range g.records {
			p.Records = append(p.Records, r.Permission)
		}
		return p
	})
	for range 6 + g.below(8) {
		if problem := g.write(); problem != "" {
			return problem, g.cases
		}
	}
	for range 30 {
		step := g.read
		if g.toss(55) {
			step = g.mutate
		}
		if problem := step(); problem != "" {
			return problem, g.cases
		}
	}
	for i, p := range g.projects {
		if log := p.Log.String(); log != "" {
			return g.names[i] + " logged unexpected failures:\n" + log, g.cases
		}
	}
	return "", g.cases
}

// TestPermissions compares what the contexts allow with the interpreter.
// -rapid.checks asks for more than the modest number that runs by default.
func TestPermissions(t *testing.T) {
	modestly(t, 400)
	in := contexts(t)
	total := 0
	rapid.Check(t, func(r *rapid.T) {
		problem, cases := checkPermissions(r, t, in, oversights{})
		if total += cases; problem != "" {
			r.Fatal(problem)
		}
	})
	t.Logf("%d operations", total)
}

// TestPermissionsNotices breaks the interpreter in ways that are easy to get wrong:
// each must lead to a disagreement soon.
func TestPermissionsNotices(t *testing.T) {
	c := embedded(t)
	for name, wrong := range map[string]oversights{
		"everyone is authenticated":         {authenticated: true},
		"records are about all fields":      {fields: true},
		"one true field is enough":          {anyField: true},
		"nothing can be read back":          {echo: true},
		"nested creates are free":           {nested: true},
		"edges are free":                    {connect: true},
		"the token of a dead node counts":   {dead: true},
		"a null of a node is a missing one": {nulls: true},
	} {
		t.Run(name, func(t *testing.T) {
			seen := ""
			try := rapid.Custom(func(r *rapid.T) string { problem, _ := checkPermissions(r, t, []Context{c}, wrong); return problem })
			for seed := 1; seen == "" && seed <= 1000; seed++ {
				seen = try.Example(seed)
			}
			if seen == "" {
				t.Error("nobody noticed")
			}
		})
	}
}
