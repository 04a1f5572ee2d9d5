package dataplanetest

import (
	"encoding/json"
	"flag"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"icehouse/dataplane"
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/relational"
)

// The differential test draws a data model, writes and queries, sends them to
// every context, and compares each answer with that of a slow evaluator in memory
// (differential_world_test.go), which follows the contract and knows no SQL.

// scope lets what a check made go when the check ends, not only with the test.
type scope struct {
	testing.TB
	undo []func()
}

func (s *scope) Cleanup(f func()) { s.undo = append(s.undo, f) }

func (s *scope) end() {
	for _, f := range slices.Backward(s.undo) {
		f()
	}
}

// trial is one drawn data model in all contexts.
type trial struct {
	*drawer
	tb       testing.TB
	projects []*Project
	names    []string
	clock    time.Time
	text     string                   // of the data model
	writes   []string                 // all that was sent and succeeded
	token    func(context int) string // of who sends; nil: an admin
}

// outcome is the answer that is expected of a context.
type outcome struct {
	data  any
	codes codes // one of them, with an error
	nulls bool  // errors for nulls where none may be, which have no code
}

// deploy starts a trial of a data model.
func deploy(t *rapid.T, tb testing.TB, in []Context, sdl string, q quirks) *trial {
	return deployWith(t, tb, in, sdl, q, func(*drawer) compiledschema.Permissions { return compiledschema.Permissions{Open: true} })
}

// deployWith starts a trial where permissions are drawn for the data model.
func deployWith(t *rapid.T, tb testing.TB, in []Context, sdl string, q quirks, permissions func(*drawer) compiledschema.Permissions) *trial {
	parsed, problems := datamodel.Parse(sdl)
	if len(problems) > 0 {
		tb.Fatalf("data model: %v\n%s", problems, sdl)
	}
	w := &world{model: parsed.Model, edges: map[*datamodel.Relation][][2]int{}, quirks: q}
	r := &trial{drawer: &drawer{T: t, world: w}, tb: tb, clock: Clock, text: sdl}
	release := compiledschema.Release{Model: parsed.Model, Layout: relational.Build(parsed.Model, nil), Permissions: permissions(r.drawer)}
	for _, c := range in {
		r.names = append(r.names, c.Name)
		r.projects = append(r.projects, DeployRelease(tb, c, release, func(config *dataplane.Config) {
			config.Clock = func() time.Time { return r.clock }
		}))
	}
	return r
}

// send sends a request to all contexts, with the ids of each.
func (r *trial) send(request Request) []string {
	answers := make([]string, len(r.projects))
	for i, p := range r.projects {
		sent := Request{
			Query:     forContext(request.Query, r.rows, i),
			Variables: []byte(forContext(string(request.Variables), r.rows, i)),
			Token:     AdminToken,
		}
		if r.token != nil {
			sent.Token = r.token(i)
		}
		_, answers[i] = p.Do(r.tb, sent)
	}
	return answers
}

// compare compares the answers with what is expected of each context. It returns
// a report, "" when all is well.
func (r *trial) compare(request Request, answers []string, expected func(context int) outcome) string {
	for i, answer := range answers {
		want := expected(i)
		if problem := want.differs(answer); problem != "" {
			return r.report(request, answers, i, want, problem)
		}
	}
	return ""
}

func (o outcome) differs(answer string) string {
	var got struct {
		Data   any
		Error  string
		Errors []struct {
			Message string
			Code    int
		}
	}
	if err := json.Unmarshal([]byte(answer), &got); err != nil {
		return err.Error()
	}
	switch {
	case got.Error != "":
		return "the request fails as a whole"
	case len(o.codes) > 0 && (len(got.Errors) == 0 || !o.codes[got.Errors[0].Code]):
		return fmt.Sprintf("no error with a code of %v", o.codes)
	case o.nulls && (len(got.Errors) == 0 || got.Errors[0].Code != 0):
		return "no error for a null where none may be"
	case len(o.codes) == 0 && !o.nulls && len(got.Errors) > 0:
		return "an error"
	case !reflect.DeepEqual(got.Data, o.data):
		return "other data"
	}
	return ""
}

// report is the way to see a disagreement again.
func (r *trial) report(request Request, answers []string, context int, want outcome, problem string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n%s\n", r.names[context], problem, r.text)
	for _, w := range r.writes {
		fmt.Fprintf(&b, "%s\n", w)
	}
	fmt.Fprintf(&b, "\n%s\n\n", show(request))
	for i, answer := range answers {
		fmt.Fprintf(&b, "%s answered:\n%s\n", r.names[i], r.hideIDs(answer, i))
	}
	data, _ := json.Marshal(want.data)
	fmt.Fprintf(&b, "expected of %s, with codes %v:\n{\"data\":%s}\n", r.names[context], want.codes, r.hideIDs(string(data), context))
	return b.String()
}

func show(request Request) string {
	text := request.Query
	if len(request.Variables) > 0 {
		text += "\n  with " + string(request.Variables)
	}
	return text
}

// hideIDs shows the ids in an answer as they stand in requests.
func (r *trial) hideIDs(text string, context int) string {
	for n, row := range r.rows {
		if context < len(row.ids) {
			text = strings.ReplaceAll(text, row.ids[context], wholeID(n).mark())
		}
	}
	return text
}

// write draws a mutation, sends it and expects what the world makes of it.
func (r *trial) write() string {
	r.clock = r.clock.Add(time.Second)
	r.now = r.clock.Format("2006-01-02T15:04:05.000Z")
	r.used = map[int]bool{}
	typ := pick(r.drawer, r.model.Types)
	kind := r.below(10)
	if len(r.living(typ)) < 2 {
		kind = 0
	}
	next := r.clone()
	wrong := codes{}
	q := &request{toss: r.toss}
	var field string
	var answer func(v view, before view) (any, bool)
	switch {
	case kind <= 3:
		c := r.creation(typ, nil, 2)
		set := r.selections(typ, 2)
		field = "create" + typ.Name + q.arguments(c.arguments()) + " " + q.set(set)
		n := next.create(c, nil, wrong)
		answer = func(v, _ view) (any, bool) { return nullable(v.object(n, set)) }
	case kind <= 6:
		id := r.id(typ)
		if of, ok := id.(idOf); ok {
			// No nested create connects it: what it says of the same relation itself
			// may come first or last. Relation mutations connect nodes with themselves.
			r.used[of.node] = true
		}
		c := &creation{typ: typ, scalars: r.scalars(typ, false), links: r.links(typ, nil, 1, false)}
		set := r.selections(typ, 2)
		field = "update" + typ.Name + q.arguments(append(object{{"id", id, "ID!"}}, c.arguments()...)) + " " + q.set(set)
		n := next.update(id, c, wrong)
		answer = func(v, _ view) (any, bool) { return nullable(v.object(n, set)) }
	case kind == 7:
		id := r.id(typ)
		set := r.selections(typ, 2)
		field = "delete" + typ.Name + q.arguments(object{{"id", id, "ID!"}}) + " " + q.set(set)
		n := next.target(id, typ)
		next.remove(id, typ, wrong)
		answer = func(_, before view) (any, bool) { return nullable(before.object(n, set)) }
	default:
		if len(r.model.Relations) == 0 {
			return ""
		}
		field, answer = r.relate(next, q, wrong)
	}
	body := q.body("mutation", "m: "+field)
	answers := r.send(body)
	if len(wrong) == 0 {
		if problem := r.learn(next, answers); problem != "" {
			return r.report(body, answers, 0, outcome{}, problem)
		}
	}
	before := r.world
	problem := r.compare(body, answers, func(i int) outcome {
		if len(wrong) > 0 {
			return outcome{data: map[string]any{"m": nil}, codes: wrong}
		}
		nulls := 0
		data, _ := answer(view{next, i, &nulls}, view{before, i, &nulls})
		return outcome{data: map[string]any{"m": data}, nulls: nulls > 0}
	})
	if problem == "" && len(wrong) == 0 {
		r.world, r.drawer.world = next, next
		r.writes = append(r.writes, show(body))
	}
	return problem
}

func nullable(answer map[string]any, ok bool) (any, bool) {
	if !ok {
		return nil, false
	}
	return answer, true
}

// relate draws a relation mutation (§2.9).
func (r *trial) relate(next *world, q *request, wrong codes) (field string, answer func(v, before view) (any, bool)) {
	relation := pick(r.drawer, r.model.Relations)
	a, b := relation.A(), relation.B()
	nameA, nameB := a.Name+a.Target().Name, b.Name+b.Target().Name
	if relation.SameField() {
		nameA, nameB = a.Name+"1"+a.Target().Name, a.Name+"2"+a.Target().Name
	}
	verb, undo := "addTo", "removeFrom"
	if !a.List && !b.List {
		verb, undo = "set", "unset"
	}
	mayUndo := !a.Required && !b.Required
	idA, idB := r.id(a.Target()), r.id(b.Target()) // found in a, found in b
	setA, setB := r.selections(a.Target(), 1), r.selections(b.Target(), 1)
	m, n := next.target(idA, a.Target()), next.target(idB, b.Target())
	if mayUndo && r.toss(50) {
		verb = undo
		if m < 0 || n < 0 {
			wrong[3013] = true
		} else {
			next.disconnect(n, a, m)
		}
	} else if m < 0 || n < 0 {
		wrong[3011] = true
	} else {
		next.connect(n, a, m, wrong)
	}
	field = fmt.Sprintf("%s%s(%s) { %s %s %s %s }", verb, relation.Name,
		q.entries(object{{nameA + "Id", idA, "ID!"}, {nameB + "Id", idB, "ID!"}}), nameB, q.set(setB), nameA, q.set(setA))
	return field, func(v, _ view) (any, bool) {
		one, _ := nullable(v.object(n, setB))
		other, _ := nullable(v.object(m, setA))
		return map[string]any{nameB: one, nameA: other}, true
	}
}

// learn asks for the ids of the rows that a mutation made, by their keys.
func (r *trial) learn(next *world, answers []string) string {
	if len(next.rows) == len(r.rows) {
		return ""
	}
	for _, answer := range answers {
		if strings.Contains(answer, `"code"`) || strings.Contains(answer, `{"data":null`) {
			return "an error"
		}
	}
	for _, row := range next.rows[len(r.rows):] {
		field := fmt.Sprintf("m: %s(key: %s) { id }", row.typ.Name, number(row.values["key"].(float64)))
		for _, answer := range r.send((&request{}).body("query", field)) {
			var found struct {
				Data struct{ M struct{ ID string } }
			}
			if err := json.Unmarshal([]byte(answer), &found); err != nil || len(found.Data.M.ID) != 25 {
				return field + " finds nothing: " + answer
			}
			row.ids = append(row.ids, found.Data.M.ID)
		}
	}
	return ""
}

// query draws a query and expects what the world answers.
func (r *trial) query() string {
	q := &request{toss: r.toss}
	var fields []string
	var evaluations []func(v view) (value any, ok bool)
	for i := range 1 + r.below(3) {
		text, evaluate := r.root(q)
		fields = append(fields, fmt.Sprintf("r%d: %s", i, text))
		evaluations = append(evaluations, evaluate)
	}
	body := q.body("query", strings.Join(fields, " "))
	return r.compare(body, r.send(body), func(context int) outcome {
		nulls := 0
		data := map[string]any{}
		for i, evaluate := range evaluations {
			value, ok := evaluate(view{r.world, context, &nulls})
			if !ok {
				return outcome{nulls: true}
			}
			data[fmt.Sprintf("r%d", i)] = value
		}
		return outcome{data: data, nulls: nulls > 0}
	})
}

// refusal draws a query that the contract refuses (§2.5, §2.6.5, §2.11).
func (r *trial) refusal() string {
	typ := pick(r.drawer, r.model.Types)
	set := r.selections(typ, 1)
	q := &request{toss: r.toss}
	bad := func(args object, code int) string {
		body := q.body("query", "r: all"+plurals[typ.Name]+q.arguments(args)+" "+q.set(set))
		return r.compare(body, r.send(body), func(int) outcome { return outcome{codes: codes{code: true}} })
	}
	switch r.below(7) {
	case 0:
		return bad(object{{"first", 1.0, "Int"}, {"last", float64(r.below(3)), "Int"}}, 3014)
	case 1:
		return bad(object{{"first", -1.0, "Int"}}, 3026)
	case 2:
		return bad(object{{"last", -1.0, "Int"}}, 3027)
	case 3:
		return bad(object{{"skip", -1.0, "Int"}}, 3028)
	case 4:
		return bad(object{{pick(r.drawer, []string{"first", "last"}), 1001.0, "Int"}}, 2041)
	case 5:
		for _, f := range typ.Fields {
			if f.IsRelation() && f.List {
				op := pick(r.drawer, []string{"_every", "_some", "_none"})
				return bad(object{{"filter", object{{f.Name + op, nil, f.Target().Name + "Filter"}}, typ.Name + "Filter"}}, 3033)
			}
		}
	}
	body := q.body("query", "r: "+typ.Name+q.arguments(object{{"key", nil, "Int"}})+" "+q.set(set))
	return r.compare(body, r.send(body), func(int) outcome {
		return outcome{data: map[string]any{"r": nil}, codes: codes{3000: true}}
	})
}

// root draws a field of Query.
func (r *trial) root(q *request) (text string, evaluate func(v view) (any, bool)) {
	typ := pick(r.drawer, r.model.Types)
	plural := plurals[typ.Name]
	switch r.below(8) {
	case 6: // by a unique field; of several the first that is not null decides
		var o object
		var by *datamodel.Field
		// "Field order" (§2.5) is read as that of the arguments: alphabetical.
		fields := slices.SortedFunc(slices.Values(typ.Fields), func(a, b *datamodel.Field) int { return strings.Compare(a.Name, b.Name) })
		for _, f := range fields {
			if !f.Unique || f.IsRelation() {
				continue
			}
			e := entry{f.Name, nil, f.TypeName()}
			if r.toss(60) {
				e.value = r.near(f)
			}
			if by == nil && e.value != nil {
				by = f
			}
			if e.value != nil || r.toss(30) {
				o = append(o, e)
			}
		}
		if by == nil {
			by = typ.Field("key")
			o = object{{"key", r.near(by), "Int"}}
		}
		set := r.selections(typ, 2)
		return typ.Name + q.arguments(o) + " " + q.set(set), func(v view) (any, bool) {
			want, _ := o.get(by.Name)
			for _, n := range v.living(typ) {
				if v.scalar(by, "", v.value(n, by), bare(want, v.idText)) == yes {
					answer, _ := nullable(v.object(n, set))
					return answer, true
				}
			}
			return nil, true
		}
	case 7:
		id := r.id(typ)
		set := r.selections(typ, 2)
		return "node" + q.arguments(object{{"id", id, "ID!"}}) + " { id ... on " + typ.Name + " " + q.set(set) + " }", func(v view) (any, bool) {
			of, ok := id.(idOf)
			if !ok || v.rows[of.node].gone {
				return nil, true
			}
			answer := map[string]any{}
			if v.rows[of.node].typ == typ {
				if answer, ok = v.object(of.node, set); !ok {
					return nil, true
				}
			}
			answer["id"] = v.idText(of)
			return answer, true
		}
	case 5:
		l := r.listing(typ)
		return "_all" + plural + "Meta" + q.arguments(l.arguments(typ)) + " { count }", func(v view) (any, bool) {
			return map[string]any{"count": float64(len(v.filtered(v.living(typ), typ, l.filter)))}, true
		}
	default:
		l := r.listing(typ)
		set := r.selections(typ, 2)
		return "all" + plural + q.arguments(l.arguments(typ)) + " " + q.set(set), func(v view) (any, bool) {
			items, ok := v.objects(v.page(v.living(typ), typ, l), set)
			return items, ok
		}
	}
}

// check deploys a drawn data model, fills it and asks; it returns the first
// disagreement.
func check(t *rapid.T, tb testing.TB, in []Context, q quirks) string {
	s := &scope{TB: tb}
	defer s.end()
	d := &drawer{T: t, world: &world{}}
	r := deploy(t, s, in, d.sdl(), q)
	for range 6 + d.below(8) {
		if problem := r.write(); problem != "" {
			return problem
		}
	}
	for range 4 + d.below(24) {
		step := r.query
		switch {
		case d.toss(40):
			step = r.write
		case d.toss(5):
			step = r.refusal
		}
		if problem := step(); problem != "" {
			return problem
		}
	}
	for i, p := range r.projects {
		if log := p.Log.String(); log != "" {
			return r.names[i] + " logged unexpected failures:\n" + log
		}
	}
	return ""
}

// TestDifferential compares the contexts with the evaluator. -rapid.checks asks
// for more than the modest number that runs by default.
func TestDifferential(t *testing.T) {
	modestly(t, 100)
	in := contexts(t)
	rapid.Check(t, func(r *rapid.T) {
		if problem := check(r, t, in, quirks{}); problem != "" {
			r.Fatal(problem)
		}
	})
}

// modestly sets the number of checks, unless the command line did.
func modestly(t *testing.T, checks int) {
	t.Helper()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if given {
		return
	}
	f := flag.Lookup("rapid.checks")
	before := f.Value.String()
	if err := f.Value.Set(fmt.Sprint(checks)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Value.Set(before); err != nil {
			t.Error(err)
		}
	})
}

// TestDifferentialNotices breaks the evaluator in ways that are easy to get wrong:
// each must lead to a disagreement soon.
func TestDifferentialNotices(t *testing.T) {
	c := embedded(t)
	for name, q := range map[string]quirks{
		"case matters":             {caseMatters: true},
		"null matches _not":        {nullMatchesNot: true},
		"unknown violates _every":  {unknownViolates: true},
		"ties follow the order":    {tiesFollow: true},
		"skip is at the start":     {skipAtStart: true},
		"lists are not replaced":   {looseLists: true},
		"deletes are never denied": {anyDelete: true},
	} {
		t.Run(name, func(t *testing.T) {
			seen := ""
			attempt := rapid.Custom(func(r *rapid.T) string { return check(r, t, []Context{c}, q) })
			for seed := 1; seen == "" && seed <= 1000; seed++ {
				seen = attempt.Example(seed)
			}
			if seen == "" {
				t.Error("nobody noticed")
			}
		})
	}
}
