package dataplanetest

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"icehouse/dataplane/datamodel"
)

// drawer draws data models, writes and queries.
type drawer struct {
	*rapid.T
	*world
	keys int          // the last key that a create used
	used map[int]bool // rows that the mutation being drawn connects
}

// below draws a number from 0 to n-1; small ones, to which failures shrink, more often.
func (d *drawer) below(n int) int { return rapid.IntRange(0, n-1).Draw(d.T, "n") }

func (d *drawer) toss(percent int) bool {
	return rapid.IntRange(0, 99).Draw(d.T, "toss") >= 100-percent
}

func pick[T any](d *drawer, from []T) T { return from[d.below(len(from))] }

// typeNames with the plurals that §2.3 gives them.
var (
	typeNames = []string{"Post", "Category", "Shelf", "Person"}
	plurals   = map[string]string{"Post": "Posts", "Category": "Categories", "Shelf": "Shelves", "Person": "Persons"}
)

// palette has names of one case: by §2.6.4 enums compare without case and are
// ordered by name, and the contexts order names by their bytes, BLUES before Blue.
var palette = []string{"RED", "BLUE", "BLUES", "AMBER", "GREEN_2"}

// sdl draws a data model. Each type has a unique key, by which rows are found
// again after they were made. Password fields are left out: each value costs a
// hash, and they have no filters.
func (d *drawer) sdl() string {
	n := 2 + d.below(3)
	bodies := make([][]string, n)
	for i := range bodies {
		bodies[i] = append(bodies[i], "key: Int! @isUnique")
		for _, f := range []string{"createdAt: DateTime!", "updatedAt: DateTime!"} {
			if d.toss(60) {
				bodies[i] = append(bodies[i], f)
			}
		}
		for j := range 2 + d.below(6) {
			bodies[i] = append(bodies[i], d.scalarField(j))
		}
	}
	required := d.toss(10) // on both ends of one relation, then on no other
	for r := range 1 + d.below(5) {
		a, b := d.below(n), d.below(n)
		if r == 0 && a == b && d.toss(50) {
			b = (a + 1) % n
		}
		end := func(at, to int, name string, many, must bool) {
			typ := typeNames[to]
			switch {
			case many:
				typ = "[" + typ + "!]!"
			case must:
				typ += "!"
			}
			field := fmt.Sprintf("%s%d: %s @relation(name: \"Rel%d\")", name, r, typ, r)
			// Fields of relations stand between the others.
			i := d.below(len(bodies[at]) + 1)
			bodies[at] = slices.Insert(bodies[at], i, field)
		}
		manyA, manyB := d.toss(60), d.toss(60)
		if a == b && d.toss(50) {
			end(a, a, "peer", manyA, required && r == 0)
			continue
		}
		// Only towards types that come earlier: there must be a first node.
		mustA, mustB := !required && b < a && d.toss(50), !required && a < b && d.toss(50)
		if required && r == 0 && a != b {
			manyA, manyB, mustA, mustB = false, false, true, true
		}
		end(a, b, "to", manyA, mustA)
		end(b, a, "from", manyB, mustB)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "enum Color { %s }\n", strings.Join(palette, " "))
	for i, body := range bodies {
		fmt.Fprintf(&b, "type %s @model {\n  id: ID! @isUnique\n", typeNames[i])
		for _, f := range body {
			fmt.Fprintf(&b, "  %s\n", f)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func (d *drawer) scalarField(j int) string {
	kinds := []string{"String", "Int", "Float", "Boolean", "DateTime", "Color", "Json"}
	kind := pick(d, kinds)
	name := fmt.Sprintf("%s%d", strings.ToLower(kind), j)
	if d.toss(20) {
		return name + ": [" + kind + pick(d, []string{"!]", "!]!"})
	}
	field := name + ": " + kind
	if d.toss(30) {
		field += "!"
	}
	if kind != "Json" && kind != "Boolean" && d.toss(20) {
		return field + " @isUnique"
	}
	if value, ok := map[string]string{"String": `"Ab"`, "Int": "1", "Float": "0.5", "Boolean": "true", "Color": "BLUE"}[kind]; ok && d.toss(30) {
		field += " @defaultValue(value: " + value + ")"
	}
	return field
}

// Values lie close together, so that conditions meet and miss them. Text has no
// trailing blanks: whether they count for equality is a choice that §2.6.4 leaves
// together with the collation. Nor has it U+0130, the capital I with a dot: simple
// folding keeps it, and the contexts make it an i.
var (
	texts = []string{
		"a", "A", "b", "ab", "aB", "", "ä", "Ä", "a_b", "a%", "%", "_", `a\b`, `"q'`, "null",
		"ß", "ss", "Σ", "ς", "σ", "\u212a", "k", "i", "😀", "z", "<&>", "é", "\u2028", "tab\t",
	}
	ints    = []float64{0, 1, -1, 2, 10, 2147483647, -2147483648}
	floats  = []float64{0, 0.5, -1, 1, 0.1, 1e21, 1e-7, 3, 16777217}
	moments = []moment{
		{"2017-08-01T08:20:30.123Z", "2017-08-01T08:20:30.123Z"},
		{"2017-08-01T10:20:30.1239+02:00", "2017-08-01T08:20:30.123Z"},
		{"2017-08-01T08:20:30.124Z", "2017-08-01T08:20:30.124Z"},
		{"2017", "2017-01-01T00:00:00.000Z"},
		{"2017-213", "2017-08-01T00:00:00.000Z"},
		{"2017-W31-2", "2017-08-01T00:00:00.000Z"},
		{"1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"},
		{"2017-11-30T12:00:05Z", "2017-11-30T12:00:05.000Z"}, // about when things are made
	}
	documents = []string{`{"a":1}`, `[]`, `{}`, `[1,null,"x"]`, `{"b":{"c":[true,1.5]},"a":"\u00e9"}`}
)

// scalar draws a value of a field's type, not null.
func (d *drawer) scalar(f *datamodel.Field) any {
	switch f.Scalar {
	case datamodel.String:
		return pick(d, texts)
	case datamodel.Int:
		if f.Name == "key" && d.toss(80) {
			return float64(d.below(d.keys + 2))
		}
		return pick(d, ints)
	case datamodel.Float:
		return pick(d, floats)
	case datamodel.Boolean:
		return d.toss(50)
	case datamodel.DateTime:
		return pick(d, moments)
	case datamodel.JSON:
		return document{pick(d, documents), d.toss(50)}
	case datamodel.ID:
		return d.id(f.Type)
	default:
		return enumName(pick(d, f.Enum.Values))
	}
}

// stranger is an id that no node has.
const stranger = "cjnobodynobodynobodynobod"

// id draws an id: mostly of a living node of the type.
func (d *drawer) id(typ *datamodel.Type) any {
	living := d.living(typ)
	switch {
	case len(d.rows) > 0 && d.toss(10):
		return wholeID(d.below(len(d.rows))) // perhaps gone, perhaps of another type
	case len(living) == 0 || d.toss(4):
		return stranger
	}
	return wholeID(pick(d, living))
}

func (d *drawer) stored(f *datamodel.Field) any {
	if !f.List {
		return d.scalar(f)
	}
	if d.toss(15) {
		if f.Scalar == datamodel.JSON {
			return lone{document{`{"a":1}`, d.toss(50)}} // an array would be the list itself
		}
		return lone{d.scalar(f)}
	}
	items := list{}
	for range d.below(4) {
		items = append(items, d.scalar(f))
	}
	return items
}

func writable(f *datamodel.Field) bool { return !f.IsRelation() && !f.IsSystem() }

// scalars draws the scalar arguments of a create or an update.
func (d *drawer) scalars(typ *datamodel.Type, create bool) object {
	var o object
	for _, f := range typ.Fields {
		if !writable(f) {
			continue
		}
		t := f.TypeName()
		if f.List {
			t = "[" + t + "!]"
		}
		needed := create && f.Required && f.Default == nil
		if needed {
			t += "!"
		}
		var v any
		switch {
		case create && f.Name == "key":
			d.keys++
			v = float64(d.keys)
		case !needed && d.toss(30), !create && d.toss(40):
			continue
		case !needed && d.toss(5):
			v = unset{}
		case !needed && d.toss(map[bool]int{true: 4, false: 15}[f.Required]):
			v = nil
		default:
			v = d.stored(f)
		}
		o = append(o, entry{f.Name, v, t})
	}
	return o
}

// creation draws a create. Each row, and each that is to lose its partner, is
// connected by one node of a mutation at most, and a node says something of one end
// of each relation: the contract does not order connects that get in each other's
// way, and the contexts refuse some (3032) that would be fine one after another.
// Two new nodes that both ask for the one node that a required field may have are
// answered with 3010, not with the 3032 of §2.10.
func (d *drawer) creation(typ *datamodel.Type, satisfied *datamodel.Field, depth int) *creation {
	return &creation{typ: typ, scalars: d.scalars(typ, true), links: d.links(typ, satisfied, depth, true)}
}

func (d *drawer) links(typ *datamodel.Type, satisfied *datamodel.Field, depth int, create bool) []*link {
	var links []*link
	for _, f := range typ.Fields {
		if !f.IsRelation() || back(f, satisfied) || slices.ContainsFunc(links, func(l *link) bool { return l.field.Relation == f.Relation }) {
			continue
		}
		must := f.Required && !f.List && create
		if must && d.toss(4) || !must && !d.toss(45) {
			continue
		}
		l := &link{field: f}
		links = append(links, l)
		if !must && d.toss(12) { // null or nothing
			if d.toss(50) {
				l.idsGiven = true
			} else {
				l.nestedGiven = true
			}
			continue
		}
		var free []int
		for _, n := range d.living(f.Target()) {
			if !d.used[n] {
				free = append(free, n)
			}
		}
		nest := depth > 0 && d.toss(35) || must && len(free) == 0
		if other := f.Reverse(); must && other.Required && !other.List && d.toss(80) {
			nest = true // what there is has its partner already
		}
		if nest {
			l.nestedGiven = true
			for range 1 + d.below(map[bool]int{true: 3, false: 1}[f.List]) {
				l.nested = append(l.nested, d.creation(f.Target(), f.Reverse(), depth-1))
			}
			if !f.List || d.toss(85) {
				continue
			}
		}
		l.idsGiven = true
		for range 1 + d.below(map[bool]int{true: 4, false: 1}[f.List]) {
			if len(free) == 0 || d.toss(2) {
				l.ids = append(l.ids, stranger)
				continue
			}
			n := pick(d, free)
			if id, ok := d.id(f.Target()).(idOf); ok && d.toss(2) && !d.used[id.node] {
				n = id.node // perhaps gone, perhaps of another type
			}
			d.used[n] = true
			if d.rows[n].typ == f.Target() {
				for _, m := range d.related(n, f.Reverse()) {
					d.used[m] = true
				}
			}
			l.ids = append(l.ids, wholeID(n)) // perhaps twice in a list
		}
	}
	return links
}

// back says that a nested create has no arguments for f: it leads back to the
// parent. Both fields of a self relation share one nested type (§2.7), so that what
// is missing for one is missing for the other.
func back(f, satisfied *datamodel.Field) bool {
	return satisfied != nil && !f.List && f.Relation == satisfied.Relation && (f == satisfied || f.Type == f.Target())
}

// arguments are those of a create or an update.
func (c *creation) arguments() object {
	o := slices.Clone(c.scalars)
	for _, l := range c.links {
		name := l.field.Name
		if l.idsGiven {
			switch {
			case l.field.List && l.ids == nil:
				o = append(o, entry{name + "Ids", list{}, "[ID!]"})
			case l.field.List:
				o = append(o, entry{name + "Ids", list(l.ids), "[ID!]"})
			case l.ids == nil:
				o = append(o, entry{name + "Id", nil, "ID"})
			default:
				o = append(o, entry{name + "Id", l.ids[0], "ID"})
			}
		}
		if l.nestedGiven {
			var nested list
			for _, n := range l.nested {
				nested = append(nested, n.arguments())
			}
			switch {
			case nested == nil:
				o = append(o, entry{name, nil, ""})
			case l.field.List:
				o = append(o, entry{name, nested, ""})
			default:
				o = append(o, entry{name, nested[0], ""})
			}
		}
	}
	return o
}

// filter draws a condition. With real, at least one that counts: what an AND or
// OR does with parts that say nothing in more than the plainest way ({}) is not in
// the contract. Under an _every only conditions whose verdict on a null §2.6.5
// spells out are drawn: "matches nothing" is not said to be a violation.
func (d *drawer) filter(typ *datamodel.Type, depth int, real, strict bool) object {
	var o object
	for range d.below(3) + map[bool]int{true: 1, false: 0}[real] {
		e := d.condition(typ, depth, strict)
		if !slices.ContainsFunc(o, func(other entry) bool { return other.key == e.key }) {
			o = append(o, e)
		}
	}
	if len(o) > 0 && d.toss(8) {
		f := typ.Field("key")
		if _, taken := o.get("key_gt"); !taken {
			o = append(o, entry{"key_gt", unset{}, f.TypeName()})
		}
	}
	return o
}

// condition draws one key of a filter.
func (d *drawer) condition(typ *datamodel.Type, depth int, strict bool) entry {
	if depth > 0 && d.toss(30) {
		e := entry{key: pick(d, []string{"AND", "OR"}), typ: "[" + typ.Name + "Filter!]"}
		if d.toss(15) {
			e.value = lone{d.filter(typ, depth-1, true, strict)}
			return e
		}
		parts := list{d.filter(typ, depth-1, true, strict)}
		for range d.below(3) {
			if d.toss(10) {
				parts = slices.Insert(parts, d.below(len(parts)+1), any(object{}))
				continue
			}
			parts = append(parts, d.filter(typ, depth-1, true, strict))
		}
		e.value = parts
		return e
	}
	var fields []*datamodel.Field
	for _, f := range typ.Fields {
		if f.IsRelation() && depth > 0 || !f.IsRelation() && !f.List && f.Scalar != datamodel.JSON {
			fields = append(fields, f)
			if f.IsRelation() {
				fields = append(fields, f) // twice as often
			}
		}
	}
	f := pick(d, fields)
	switch {
	case f.IsRelation() && f.List:
		op := pick(d, []string{"_every", "_some", "_none"})
		var optional []*datamodel.Field
		for _, g := range f.Target().Fields {
			if !g.IsRelation() && !g.List && !g.Required && g.Scalar != datamodel.JSON {
				optional = append(optional, g)
			}
		}
		if len(optional) > 0 && d.toss(40) { // little else tells a null from a violation
			return entry{f.Name + op, object{d.comparison(pick(d, optional), true)}, f.Target().Name + "Filter"}
		}
		return entry{f.Name + op, d.filter(f.Target(), depth-1, false, op == "_every" || strict), f.Target().Name + "Filter"}
	case f.IsRelation():
		e := entry{f.Name, nil, f.Target().Name + "Filter"}
		if !d.toss(20) {
			e.value = d.filter(f.Target(), depth-1, false, strict)
		}
		return e
	}
	return d.comparison(f, strict)
}

func (d *drawer) comparison(f *datamodel.Field, strict bool) entry {
	t := f.TypeName()
	ops := []string{"", "_not"}
	if f.Scalar != datamodel.Boolean {
		ops = append(ops, "_in", "_not_in")
		if f.Enum == nil {
			ops = append(ops, "_lt", "_lte", "_gt", "_gte")
		}
	}
	text := []string{"_contains", "_not_contains", "_starts_with", "_not_starts_with", "_ends_with", "_not_ends_with"}
	if f.Scalar == datamodel.String || f.Scalar == datamodel.ID {
		ops = append(ops, text...)
	}
	op := pick(d, ops)
	if strings.HasSuffix(op, "_in") {
		e := entry{f.Name + op, nil, "[" + t + "!]"}
		switch {
		case !strict && d.toss(8):
		case d.toss(10):
			e.value = lone{d.near(f)}
		default:
			items := list{}
			for range d.below(4) {
				items = append(items, d.near(f))
			}
			if strict && len(items) == 0 {
				items = list{d.near(f)}
			}
			e.value = items
		}
		return e
	}
	e := entry{f.Name + op, nil, t}
	if d.toss(12) && (!strict || op == "" || op == "_not") {
		return e
	}
	e.value = d.near(f)
	if id, ok := e.value.(idOf); ok && slices.Contains(text, op) {
		id.from = d.below(25)
		id.to = id.from + d.below(25-id.from) + 1
		if strings.HasSuffix(op, "starts_with") && d.toss(50) {
			id.from = 0
		}
		if strings.HasSuffix(op, "ends_with") && d.toss(50) {
			id.to = 25
		}
		e.value = id
	}
	return e
}

// near draws a value that is stored, or close to those that are.
func (d *drawer) near(f *datamodel.Field) any {
	living := d.living(f.Type)
	if f.Scalar != datamodel.ID && len(living) > 0 && d.toss(60) {
		switch v := d.rows[pick(d, living)].values[f.Name].(type) {
		case nil:
		case string:
			switch {
			case f.Enum != nil:
				return enumName(v)
			case f.Scalar == datamodel.DateTime:
				return moment{v, v}
			case d.toss(30):
				return strings.ToUpper(v)
			}
			return v
		default:
			return v
		}
	}
	return d.scalar(f)
}

// listing draws the arguments of a list.
func (d *drawer) listing(typ *datamodel.Type) *listing {
	l := &listing{}
	d.mayFilter(typ, l, 60)
	if d.toss(60) {
		var fields []*datamodel.Field
		for _, f := range typ.Fields {
			// How Json is ordered is nobody's promise.
			if !f.IsRelation() && !f.List && f.Scalar != datamodel.JSON {
				fields = append(fields, f)
			}
		}
		l.order, l.descending = pick(d, fields), d.toss(50)
	}
	number := func(percent int) *int {
		if !d.toss(percent) {
			return nil
		}
		n := d.below(6)
		return &n
	}
	if d.toss(50) {
		l.first = number(60)
	} else {
		l.last = number(60)
	}
	l.skip = number(35)
	if d.toss(25) {
		l.after = d.id(typ)
	}
	if d.toss(25) {
		l.before = d.id(typ)
	}
	return l
}

func (d *drawer) mayFilter(typ *datamodel.Type, l *listing, percent int) {
	if d.toss(percent) {
		var f any = d.filter(typ, 3, false, false)
		if d.toss(5) {
			f = nil
		}
		l.filter = &f
	}
}

func (l *listing) arguments(typ *datamodel.Type) object {
	var o object
	if l == nil {
		return o
	}
	if l.filter != nil {
		o = append(o, entry{"filter", *l.filter, typ.Name + "Filter"})
	}
	if l.order != nil {
		direction := map[bool]string{false: "_ASC", true: "_DESC"}[l.descending]
		o = append(o, entry{"orderBy", enumName(l.order.Name + direction), typ.Name + "OrderBy"})
	}
	for _, n := range []struct {
		name  string
		value *int
	}{{"first", l.first}, {"last", l.last}, {"skip", l.skip}} {
		if n.value != nil {
			o = append(o, entry{n.name, float64(*n.value), "Int"})
		}
	}
	for _, c := range []entry{{"after", l.after, "String"}, {"before", l.before, "String"}} {
		if c.value != nil {
			o = append(o, c)
		}
	}
	return o
}

// selections draws a selection set.
func (d *drawer) selections(typ *datamodel.Type, depth int) []*selection {
	set := []*selection{{key: "key", name: "key", field: typ.Field("key")}}
	for i, f := range typ.Fields {
		alias := fmt.Sprintf("x%d", i)
		switch {
		case !f.IsRelation() && f.Name != "key" && d.toss(35):
			s := &selection{key: f.Name, name: f.Name, field: f}
			if d.toss(15) {
				s.key = alias
			}
			set = append(set, s)
		case f.IsRelation() && depth > 0 && d.toss(60):
			s := &selection{key: alias, name: f.Name, field: f, list: &listing{}}
			if f.List {
				s.list = d.listing(f.Target())
			} else {
				// More often would leave little of answers with required nodes.
				d.mayFilter(f.Target(), s.list, map[bool]int{true: 15, false: 40}[f.Required])
			}
			s.sub = d.selections(f.Target(), depth-1)
			set = append(set, s)
		}
		if f.IsRelation() && f.List && d.toss(20) {
			set = append(set, &selection{key: alias + "n", name: "_" + f.Name + "Meta", field: f, list: d.listing(f.Target()), count: true})
		}
	}
	if d.toss(10) {
		set = append(set, &selection{key: "__typename", name: "__typename"})
	}
	return set
}

// set writes a selection set.
func (r *request) set(set []*selection) string {
	parts := make([]string, 0, len(set))
	for _, s := range set {
		text := s.name
		if s.key != s.name {
			text = s.key + ": " + text
		}
		if s.field != nil && s.field.IsRelation() {
			text += r.arguments(s.list.arguments(s.field.Target()))
			if s.count {
				text += " { count }"
			} else {
				text += " " + r.set(s.sub)
			}
		}
		parts = append(parts, text)
	}
	return "{ " + strings.Join(parts, " ") + " }"
}
