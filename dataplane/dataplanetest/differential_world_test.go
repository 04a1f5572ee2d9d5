package dataplanetest

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"

	"icehouse/dataplane/datamodel"
)

// world is what a project should hold, and answers as data-api says: slowly, by
// going through all rows for everything.
type world struct {
	model  *datamodel.DataModel
	rows   []*row
	edges  map[*datamodel.Relation][][2]int // rows on side A and side B
	now    string                           // of the request, as it is written out
	quirks quirks
}

// row is a node. Its number is its position; its ids differ by context.
type row struct {
	typ    *datamodel.Type
	ids    []string
	values map[string]any // as JSON holds them
	gone   bool
}

// quirks make the evaluator wrong, to see that this is noticed.
type quirks struct {
	caseMatters     bool // text compares by its bytes
	nullMatchesNot  bool // f_not: x finds rows without f
	unknownViolates bool // f_every sees a null as a violation
	tiesFollow      bool // _DESC turns the order of ids around, too
	skipAtStart     bool // last and skip leave out nodes at the start
	looseLists      bool // an update adds to a list and keeps what was there
	anyDelete       bool // a delete leaves nodes without what they require
}

func (w *world) clone() *world {
	c := *w
	c.rows = make([]*row, len(w.rows))
	for i, r := range w.rows {
		copied := *r
		copied.values = make(map[string]any, len(r.values))
		for k, v := range r.values {
			copied.values[k] = v
		}
		c.rows[i] = &copied
	}
	c.edges = make(map[*datamodel.Relation][][2]int, len(w.edges))
	for r, edges := range w.edges {
		c.edges[r] = slices.Clone(edges)
	}
	return &c
}

// living are the rows of a type.
func (w *world) living(typ *datamodel.Type) []int {
	var found []int
	for i, r := range w.rows {
		if r.typ == typ && !r.gone {
			found = append(found, i)
		}
	}
	return found
}

// related are the nodes that a relation field of n leads to.
func (w *world) related(n int, f *datamodel.Field) []int {
	var found []int
	add := func(m int) {
		if !slices.Contains(found, m) {
			found = append(found, m)
		}
	}
	for _, e := range w.edges[f.Relation] {
		if e[f.Side] == n {
			add(e[1-f.Side])
		}
		if f.Relation.SameField() && e[1-f.Side] == n {
			add(e[f.Side])
		}
	}
	return found
}

func (w *world) disconnect(n int, f *datamodel.Field, m int) {
	w.edges[f.Relation] = slices.DeleteFunc(w.edges[f.Relation], func(e [2]int) bool {
		return e[f.Side] == n && e[1-f.Side] == m || f.Relation.SameField() && e[f.Side] == m && e[1-f.Side] == n
	})
}

// codes are the numbers of the errors that an answer may have: of several that
// apply the contract does not always say which comes first.
type codes map[int]bool

// connect adds an edge; who can have one partner only loses the old one (§2.10).
func (w *world) connect(n int, f *datamodel.Field, m int, wrong codes) {
	if slices.Contains(w.related(n, f), m) {
		return
	}
	back := f.Reverse()
	if !f.List {
		for _, old := range w.related(n, f) {
			w.disconnect(n, f, old)
			if back.Required && !back.List {
				wrong[3032] = true
			}
		}
	}
	if !back.List {
		for _, old := range w.related(m, back) {
			w.disconnect(old, f, m)
			if f.Required && !f.List {
				wrong[3032] = true
			}
		}
	}
	var e [2]int
	e[f.Side], e[1-f.Side] = n, m
	w.edges[f.Relation] = append(w.edges[f.Relation], e)
}

// creation is a create of a node and of what hangs on it.
type creation struct {
	typ     *datamodel.Type
	scalars object
	links   []*link
}

// link is what a create or an update says of one relation field.
type link struct {
	field       *datamodel.Field
	ids         []any // idOf, or a text
	idsGiven    bool  // with no ids: null, or an empty list
	nested      []*creation
	nestedGiven bool
}

// target is the row that an id means, -1 for none.
func (w *world) target(id any, typ *datamodel.Type) int {
	if of, ok := id.(idOf); ok && w.rows[of.node].typ == typ && !w.rows[of.node].gone {
		return of.node
	}
	return -1
}

// create adds the node and all nested ones. satisfied is the field that the
// parent of a nested create fills.
func (w *world) create(c *creation, satisfied *datamodel.Field, wrong codes) int {
	n := len(w.rows)
	r := &row{typ: c.typ, values: map[string]any{"createdAt": w.now, "updatedAt": w.now}}
	w.rows = append(w.rows, r)
	for _, f := range c.typ.Fields {
		if f.IsRelation() || f.IsSystem() {
			continue
		}
		v, given := c.scalars.get(f.Name)
		switch {
		case given && v == nil && f.Required:
			wrong[3036] = true
		case given:
			r.values[f.Name] = bare(v, nil)
		case f.Default != nil && !f.Default.Null:
			var value any
			_ = json.Unmarshal([]byte(f.Default.JSON), &value)
			r.values[f.Name] = value
		}
		w.unique(n, f, wrong)
	}
	for _, f := range c.typ.Fields {
		if f.IsRelation() && f.Required && !f.List && f != satisfied &&
			!slices.ContainsFunc(c.links, func(l *link) bool { return l.field == f && len(l.ids)+len(l.nested) > 0 }) {
			wrong[3032] = true
		}
	}
	w.follow(n, c.links, wrong)
	return n
}

// follow connects a node: first with what is there, which is a part of writing the
// node itself, then with nested creates (§2.10).
func (w *world) follow(n int, links []*link, wrong codes) {
	for _, l := range links {
		for _, id := range l.ids {
			if m := w.target(id, l.field.Target()); m < 0 {
				wrong[3011] = true
				if other := l.field.Reverse(); !l.field.List && other.Required && len(w.related(n, l.field)) > 0 {
					wrong[3032] = true // the old partner is dropped first, or not
				}
			} else {
				w.connect(n, l.field, m, wrong)
			}
		}
	}
	for _, l := range links {
		for _, c := range l.nested {
			m := w.create(c, l.field.Reverse(), wrong)
			w.connect(n, l.field, m, wrong)
		}
	}
}

func (w *world) unique(n int, f *datamodel.Field, wrong codes) {
	v := w.rows[n].values[f.Name]
	if !f.Unique || v == nil {
		return
	}
	for _, other := range w.living(f.Type) {
		if o := w.rows[other].values[f.Name]; other != n && o != nil && w.compare(f, v, o) == 0 {
			wrong[3010] = true
		}
	}
}

func (w *world) update(id any, c *creation, wrong codes) int {
	n := w.target(id, c.typ)
	if n < 0 {
		wrong[3002] = true
		// What else is wrong may be noticed first.
		n = len(w.rows)
		w.rows = append(w.rows, &row{typ: c.typ, values: map[string]any{}})
	}
	touched := false
	for _, e := range c.scalars {
		f := c.typ.Field(e.key)
		v, given := c.scalars.get(e.key)
		if !given {
			continue
		}
		if v == nil && f.Required {
			wrong[3020] = true
		}
		w.rows[n].values[e.key] = bare(v, nil)
		w.unique(n, f, wrong)
		touched = true
	}
	if touched {
		w.rows[n].values["updatedAt"] = w.now
	}
	for _, l := range c.links {
		if !l.idsGiven && !l.nestedGiven {
			continue
		}
		f := l.field
		if f.List || len(l.ids)+len(l.nested) == 0 {
			if !f.List && f.Required {
				wrong[3032] = true
			}
			for _, old := range w.related(n, f) {
				if w.quirks.looseLists || slices.ContainsFunc(l.ids, func(id any) bool { return w.target(id, f.Target()) == old }) {
					continue
				}
				w.disconnect(n, f, old)
				if back := f.Reverse(); back.Required && !back.List {
					wrong[3032] = true
				}
			}
		}
	}
	w.follow(n, c.links, wrong)
	return n
}

func (w *world) remove(id any, typ *datamodel.Type, wrong codes) {
	n := w.target(id, typ)
	if n < 0 {
		wrong[3002] = true
		return
	}
	for _, f := range typ.Fields {
		if !f.IsRelation() {
			continue
		}
		for _, m := range w.related(n, f) {
			if back := f.Reverse(); m != n && back.Required && !back.List && !w.quirks.anyDelete {
				wrong[3032] = true
			}
			w.disconnect(n, f, m)
		}
	}
	w.rows[n].gone = true
}

// fold is simple case folding (§2.6.4; accents count).
func (w *world) fold(s string) string {
	if w.quirks.caseMatters {
		return s
	}
	return strings.Map(func(r rune) rune {
		least := r
		for o := unicode.SimpleFold(r); o != r; o = unicode.SimpleFold(o) {
			least = min(least, o)
		}
		if least == r && unicode.SimpleFold(r) == r {
			return r
		}
		return unicode.ToLower(least)
	}, s)
}

// compare orders two values of a field, neither null.
func (w *world) compare(f *datamodel.Field, a, b any) int {
	switch a := a.(type) {
	case float64:
		switch b := b.(float64); {
		case a < b:
			return -1
		case a > b:
			return 1
		}
		return 0
	case bool:
		switch {
		case a == b.(bool):
			return 0
		case a:
			return 1
		}
		return -1
	}
	x, y := a.(string), b.(string)
	if f.Scalar == datamodel.String || f.Enum != nil {
		x, y = w.fold(x), w.fold(y)
	}
	return strings.Compare(x, y)
}

// view is the world as one context shows it.
type view struct {
	*world
	context int
	nulls   *int // counts the nulls where none may be
}

func (v view) value(n int, f *datamodel.Field) any {
	if f.Scalar == datamodel.ID {
		return v.rows[n].ids[v.context]
	}
	return v.rows[n].values[f.Name]
}

// truth is SQL's: a condition on a null is neither.
type truth int

const (
	no truth = iota - 1
	unknown
	yes
)

func is(b bool) truth {
	if b {
		return yes
	}
	return no
}

// matches evaluates a filter (§2.6.3, §2.6.5).
func (v view) matches(n int, typ *datamodel.Type, filter object) truth {
	all := yes
	for _, e := range filter {
		if _, missing := e.value.(unset); missing {
			continue
		}
		all = min(all, v.condition(n, typ, e))
	}
	return all
}

func (v view) condition(n int, typ *datamodel.Type, e entry) truth {
	if e.key == "AND" || e.key == "OR" {
		return v.junction(n, typ, e)
	}
	name, op, _ := strings.Cut(e.key, "_")
	f := typ.Field(name)
	if !f.IsRelation() {
		return v.scalar(f, op, v.value(n, f), bare(e.value, v.idText))
	}
	related := v.related(n, f)
	if e.value == nil { // to-one; null is an error for the others
		return is(len(related) == 0)
	}
	inner := e.value.(object)
	var fulfil, violate int
	for _, m := range related {
		switch t := v.matches(m, f.Target(), inner); {
		case t == yes:
			fulfil++
		case t == no || v.quirks.unknownViolates:
			violate++
		}
	}
	switch op {
	case "every":
		return is(violate == 0)
	case "none":
		return is(fulfil == 0)
	default:
		return is(fulfil > 0)
	}
}

func (v view) junction(n int, typ *datamodel.Type, e entry) truth {
	var parts list
	switch value := e.value.(type) {
	case list:
		parts = value
	case lone:
		parts = list{value.value}
	}
	all, any := yes, no
	seen := false
	for _, p := range parts {
		if p.(object).empty() {
			continue
		}
		seen = true
		t := v.matches(n, typ, p.(object))
		all, any = min(all, t), max(any, t)
	}
	switch {
	case !seen:
		return yes
	case e.key == "AND":
		return all
	default:
		return any
	}
}

func (v view) scalar(f *datamodel.Field, op string, have, want any) truth {
	switch {
	case want == nil && op == "":
		return is(have == nil)
	case want == nil && op == "not":
		return is(have != nil)
	case want == nil:
		return no
	}
	if items, ok := want.([]any); ok {
		if len(items) == 0 {
			return is(op == "not_in")
		}
		if have == nil {
			return unknown
		}
		found := slices.ContainsFunc(items, func(item any) bool { return v.compare(f, have, item) == 0 })
		return is(found == (op == "in"))
	}
	if have == nil {
		if op == "not" && v.quirks.nullMatchesNot {
			return yes
		}
		return unknown
	}
	order := v.compare(f, have, want)
	switch op {
	case "":
		return is(order == 0)
	case "not":
		return is(order != 0)
	case "lt":
		return is(order < 0)
	case "lte":
		return is(order <= 0)
	case "gt":
		return is(order > 0)
	case "gte":
		return is(order >= 0)
	}
	text, part := have.(string), want.(string)
	if f.Scalar == datamodel.String {
		text, part = v.fold(text), v.fold(part)
	}
	positive := strings.TrimPrefix(op, "not_")
	found := map[string]func(string, string) bool{
		"contains": strings.Contains, "starts_with": strings.HasPrefix, "ends_with": strings.HasSuffix,
	}[positive](text, part)
	return is(found == (positive == op))
}

func (v view) idText(id idOf) string {
	return v.rows[id.node].ids[v.context][id.from:id.to]
}

// listing are the arguments of a list.
type listing struct {
	filter            *any // an object, or null
	order             *datamodel.Field
	descending        bool
	first, last, skip *int
	after, before     any // nil: not given
}

func (v view) filtered(rows []int, typ *datamodel.Type, filter *any) []int {
	var found []int
	for _, n := range rows {
		if filter == nil || *filter == nil || v.matches(n, typ, (*filter).(object)) == yes {
			found = append(found, n)
		}
	}
	return found
}

// order says how two rows are ordered (§2.11).
func (v view) order(l *listing, a, b int) int {
	if l.order != nil {
		x, y := v.value(a, l.order), v.value(b, l.order)
		c := 0
		switch {
		case x == nil && y == nil:
		case x == nil:
			c = -1
		case y == nil:
			c = 1
		default:
			c = v.compare(l.order, x, y)
		}
		if l.descending {
			c = -c
		}
		if c != 0 {
			return c
		}
		if l.descending && v.quirks.tiesFollow {
			a, b = b, a
		}
	}
	return strings.Compare(v.rows[a].ids[v.context], v.rows[b].ids[v.context])
}

// page is a list as its arguments ask for it.
func (v view) page(rows []int, typ *datamodel.Type, l *listing) []int {
	rows = v.filtered(rows, typ, l.filter)
	slices.SortFunc(rows, func(a, b int) int { return v.order(l, a, b) })
	for _, cursor := range []struct {
		id   any
		side int
	}{{l.after, 1}, {l.before, -1}} {
		if cursor.id == nil {
			continue
		}
		at := v.target(cursor.id, typ)
		rows = slices.DeleteFunc(rows, func(n int) bool { return at < 0 || v.order(l, n, at) != cursor.side })
	}
	skip := 0
	if l.skip != nil {
		skip = min(*l.skip, len(rows))
	}
	switch {
	case l.last != nil:
		if v.quirks.skipAtStart {
			rows = rows[skip:]
		} else {
			rows = rows[:len(rows)-skip]
		}
		return rows[max(0, len(rows)-*l.last):]
	case l.first != nil:
		rows = rows[skip:]
		return rows[:min(*l.first, len(rows))]
	default:
		return rows[skip:]
	}
}

// selection is one field of a selection set.
type selection struct {
	key   string           // of the response
	name  string           // in the request
	field *datamodel.Field // nil: __typename
	list  *listing         // of relation fields
	count bool             // the _meta of the field
	sub   []*selection
}

// object answers a selection set on a node; it is not ok when a null stands where
// none may be (§2.13).
func (v view) object(n int, set []*selection) (answer map[string]any, ok bool) {
	answer = make(map[string]any, len(set))
	for _, s := range set {
		switch {
		case s.field == nil:
			answer[s.key] = v.rows[n].typ.Name
		case !s.field.IsRelation():
			answer[s.key] = v.value(n, s.field)
		case s.count:
			answer[s.key] = map[string]any{"count": float64(len(v.filtered(v.related(n, s.field), s.field.Target(), s.list.filter)))}
		case s.field.List:
			items, fine := v.objects(v.page(v.related(n, s.field), s.field.Target(), s.list), s.sub)
			answer[s.key] = any(items)
			if !fine {
				answer[s.key] = nil
			}
		default:
			answer[s.key] = nil
			var one map[string]any
			fine := false
			if found := v.filtered(v.related(n, s.field), s.field.Target(), s.list.filter); len(found) > 0 {
				if one, fine = v.object(found[0], s.sub); fine {
					answer[s.key] = one
				}
			}
			if !fine && s.field.Required {
				*v.nulls++
				return nil, false
			}
		}
	}
	return answer, true
}

func (v view) objects(rows []int, set []*selection) ([]any, bool) {
	items := []any{}
	for _, n := range rows {
		one, ok := v.object(n, set)
		if !ok {
			return nil, false
		}
		items = append(items, one)
	}
	return items, true
}
