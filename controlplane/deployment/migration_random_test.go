package deployment_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// A world is a data model with rows, and what a deploy may make of it: written from
// platform §3.5 without a look at the planner.
type world struct {
	rand  *rand.Rand
	enums []*anEnum
	types []*aType
	rels  []*aRelation
	names int
	hints map[any]string // directives of the next text, by element
	codes map[int]bool   // why the next deploy must be refused
	force bool           // something is removed
}

type anEnum struct {
	name   string
	values []string
	isNew  bool // not deployed yet
}

type aType struct {
	name   string
	fields []*aField
	rows   []*aRow
}

type aField struct {
	name                   string
	scalar                 string // "" for an enum
	enum                   *anEnum
	list, required, unique bool
	value                  string // the migration value of the deployed text
}

type aRow struct {
	id     string
	values map[string]any // by field name: what JSON says
}

type anEnd struct {
	of             *aType
	field          string
	list, required bool
}

type aRelation struct {
	name  string
	ends  [2]anEnd
	edges map[[2]string]bool // ids at the ends
}

func (w *world) chance(percent int) bool { return w.rand.IntN(100) < percent }

func one[T any](w *world, list []T) T { return list[w.rand.IntN(len(list))] }

func (w *world) name(prefix string) string {
	w.names++
	return prefix + strconv.Itoa(w.names)
}

var scalarNames = []string{"String", "Int", "Float", "Boolean", "DateTime", "Json"}

func (f *aField) typeName() string {
	if f.enum != nil {
		return f.enum.name
	}
	return f.scalar
}

func (w *world) value(f *aField) any {
	if !f.required && w.chance(25) {
		return nil
	}
	if !f.list {
		return w.single(f)
	}
	list := []any{}
	for range w.rand.IntN(3) {
		list = append(list, w.single(f))
	}
	return list
}

func (w *world) single(f *aField) any {
	n := w.rand.IntN(6)
	if f.enum != nil {
		return one(w, f.enum.values)
	}
	switch f.scalar {
	case "Int":
		return float64(n)
	case "Float":
		return float64(n) + 0.5
	case "Boolean":
		return n%2 == 0
	case "DateTime":
		return fmt.Sprintf("2017-01-0%dT00:00:00.000Z", n+1)
	case "Json":
		return map[string]any{"n": float64(n)}
	default:
		return []string{"a", "b", "It's", "ü", `say "x"`, ""}[n]
	}
}

// literal is a value in a directive.
func literal(v any) string {
	text, ok := v.(string)
	if !ok {
		raw, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		text = string(raw)
	}
	return strconv.Quote(text)
}

// asText is what a value is when its field becomes a String.
func asText(v any) any {
	switch v := v.(type) {
	case nil, string:
		return v
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = asText(item)
		}
		return out
	default:
		raw, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return string(raw)
	}
}

func (w *world) sdl() string {
	var b strings.Builder
	for _, t := range w.types {
		fmt.Fprintf(&b, "type %s @model%s {\n  id: ID! @isUnique\n", t.name, w.hints[t])
		for _, f := range t.fields {
			form := f.typeName()
			if f.list {
				form = "[" + form + "!]"
			}
			if f.required {
				form += "!"
			}
			if f.unique {
				form += " @isUnique"
			}
			fmt.Fprintf(&b, "  %s: %s%s\n", f.name, form, w.hints[f])
		}
		for _, r := range w.rels {
			for i, e := range r.ends {
				if e.of != t {
					continue
				}
				form := r.ends[1-i].of.name
				switch {
				case e.list:
					form = "[" + form + "!]!"
				case e.required:
					form += "!"
				}
				fmt.Fprintf(&b, "  %s: %s @relation(name: %q%s)%s\n", e.field, form, r.name, w.hints[r], w.hints[[2]any{r, i}])
			}
		}
		b.WriteString("}\n")
	}
	for _, e := range w.enums {
		fmt.Fprintf(&b, "enum %s%s { %s }\n", e.name, w.hints[e], strings.Join(e.values, " "))
	}
	return b.String()
}

// copy is deep, so that a deploy that is refused leaves the world as it was.
func (w *world) copy() *world {
	out := &world{rand: w.rand, names: w.names, hints: map[any]string{}, codes: map[int]bool{}}
	enums, types := map[*anEnum]*anEnum{}, map[*aType]*aType{}
	for _, e := range w.enums {
		enums[e] = &anEnum{e.name, slices.Clone(e.values), e.isNew}
		out.enums = append(out.enums, enums[e])
	}
	for _, t := range w.types {
		c := &aType{name: t.name}
		for _, f := range t.fields {
			field := *f
			field.enum = enums[f.enum]
			c.fields = append(c.fields, &field)
		}
		for _, r := range t.rows {
			c.rows = append(c.rows, &aRow{r.id, maps.Clone(r.values)})
		}
		types[t] = c
		out.types = append(out.types, c)
	}
	for _, r := range w.rels {
		c := &aRelation{name: r.name, ends: r.ends, edges: maps.Clone(r.edges)}
		c.ends[0].of, c.ends[1].of = types[r.ends[0].of], types[r.ends[1].of]
		out.rels = append(out.rels, c)
	}
	return out
}

// deployed forgets what only the text of a deploy said.
func (w *world) deployed() {
	for _, t := range w.types {
		for _, f := range t.fields {
			_, text, _ := strings.Cut(w.hints[f], "@migrationValue(value: ")
			f.value = strings.TrimSuffix(text, ")")
		}
	}
	for _, e := range w.enums {
		e.isNew = false
	}
	w.hints, w.codes, w.force = map[any]string{}, map[int]bool{}, false
}

// change does one thing to the model that a developer might, and to the rows what
// the contract says; it is false when the dice found nothing to do. No element is
// changed twice between two deploys.
func (w *world) change(touched map[any]bool) bool {
	free := func(x any) bool {
		if touched[x] {
			return false
		}
		touched[x] = true
		return true
	}
	if len(w.types) == 0 || w.chance(8) {
		t := &aType{name: w.name("T")}
		for range 1 + w.rand.IntN(3) {
			t.fields = append(t.fields, w.newField())
		}
		touched[t] = true
		for _, f := range t.fields {
			touched[f] = true
		}
		w.types = append(w.types, t)
		return true
	}
	t := one(w, w.types)
	switch w.rand.IntN(10) {
	case 0: // rename a type
		if !free(t) {
			return false
		}
		old := t.name
		t.name = w.name("T")
		w.hints[t] = fmt.Sprintf(" @rename(oldName: %q)", old)
	case 1: // remove a type
		if len(w.types) < 2 || slices.ContainsFunc(t.fields, func(f *aField) bool { return touched[f] }) || !free(t) || slices.ContainsFunc(w.rels, func(r *aRelation) bool { return (r.ends[0].of == t || r.ends[1].of == t) && touched[r] }) {
			return false
		}
		w.types = slices.DeleteFunc(w.types, func(o *aType) bool { return o == t })
		w.rels = slices.DeleteFunc(w.rels, func(r *aRelation) bool { return r.ends[0].of == t || r.ends[1].of == t })
		w.force = true
	case 2, 3:
		return w.addField(t, touched)
	case 4, 5, 6:
		if len(t.fields) == 0 {
			return false
		}
		f := one(w, t.fields)
		return free(f) && w.changeField(t, f)
	case 7:
		return w.changeEnum(touched)
	default:
		return w.changeRelations(touched)
	}
	return true
}

func (w *world) newField() *aField {
	f := &aField{name: w.name("f"), scalar: one(w, scalarNames), list: w.chance(15), required: w.chance(30)}
	if w.chance(30) {
		if len(w.enums) == 0 || w.chance(30) {
			w.enums = append(w.enums, &anEnum{w.name("E"), []string{"A", "B", "C"}, true})
		}
		f.scalar, f.enum = "", one(w, w.enums)
	}
	f.unique = !f.list && f.scalar != "Json" && f.scalar != "Boolean" && f.enum == nil && w.chance(25)
	return f
}

func (w *world) refuse(code int) { w.codes[code] = true }

func (w *world) addField(t *aType, touched map[any]bool) bool {
	f := w.newField()
	isNew := touched[t] && len(t.rows) == 0 && w.hints[t] == ""
	touched[f] = true
	t.fields = append(t.fields, f)
	var value any
	if w.chance(50) && !isNew {
		plain := *f
		plain.required = true
		value = w.value(&plain)
		w.hints[f] = " @migrationValue(value: " + literal(value) + ")"
	}
	switch {
	case value != nil && f.unique && len(t.rows) > 1:
		w.refuse(3010)
	case value == nil && f.required && len(t.rows) > 0:
		w.refuse(2007)
	}
	for _, r := range t.rows {
		r.values[f.name] = value
	}
	return true
}

func (w *world) changeField(t *aType, f *aField) bool {
	was := *f
	switch w.rand.IntN(7) {
	case 0: // another name
		f.name = w.name("f")
		w.hints[f] = fmt.Sprintf(" @rename(oldName: %q)", was.name)
		for _, r := range t.rows {
			r.values[f.name] = r.values[was.name]
			delete(r.values, was.name)
		}
		return true
	case 1: // gone
		t.fields = slices.DeleteFunc(t.fields, func(o *aField) bool { return o == f })
		w.force = true
		return true
	case 2:
		f.required = !f.required
	case 3:
		if f.list || f.scalar == "Json" || f.scalar == "Boolean" || f.enum != nil {
			return false
		}
		f.unique = !f.unique
	case 4:
		f.list = !f.list
		f.unique = false
	case 5: // another type
		f.scalar, f.enum = one(w, scalarNames), nil
		f.unique = f.unique && !f.list && f.scalar != "Json" && f.scalar != "Boolean"
	case 6: // only values
	}
	var value any
	if w.chance(50) {
		plain := *f
		plain.required = true
		value = w.value(&plain)
		w.hints[f] = " @migrationValue(value: " + literal(value) + ")"
	}
	if value != nil && f.value == literal(value) && f.typeName() == was.typeName() && f.list == was.list && f.required == was.required && f.unique == was.unique {
		return true // it was applied (LQ-51)
	}
	typeChange, listChange, required := f.scalar != was.scalar || f.enum != was.enum, f.list != was.list, f.required && !was.required
	if value != nil {
		if f.unique && len(t.rows) > 0 {
			w.refuse(3010)
		}
		for _, r := range t.rows {
			if typeChange || listChange || f.list || !required || r.values[f.name] == nil {
				r.values[f.name] = value
			}
		}
		return true
	}
	switch {
	case listChange:
		if len(t.rows) > 0 {
			w.refuse(2004)
		}
	case typeChange && f.scalar == "String":
		for _, r := range t.rows {
			r.values[f.name] = asText(r.values[f.name])
		}
	case typeChange && len(t.rows) > 0:
		w.refuse(2051)
	}
	seen := map[string]bool{}
	for _, r := range t.rows {
		v := r.values[f.name]
		if v == nil {
			if required {
				w.refuse(2007)
			}
			continue
		}
		key := strings.ToLower(literal(v))
		if f.unique && !was.unique && seen[key] {
			w.refuse(2024)
		}
		seen[key] = true
	}
	return true
}

func (w *world) changeEnum(touched map[any]bool) bool {
	if len(w.enums) == 0 {
		return false
	}
	e := one(w, w.enums)
	users := map[*aField]*aType{}
	for _, t := range w.types {
		for _, f := range t.fields {
			if f.enum == e {
				users[f] = t
			}
		}
	}
	for f := range users {
		if touched[f] {
			return false
		}
	}
	if touched[e] || e.isNew {
		return false
	}
	touched[e] = true
	for f := range users {
		touched[f] = true
	}
	switch w.rand.IntN(4) {
	case 0:
		old := e.name
		e.name = w.name("E")
		w.hints[e] = fmt.Sprintf(" @rename(oldName: %q)", old)
	case 1:
		e.values = append(e.values, w.name("V"))
	case 2:
		if len(users) > 0 {
			return false
		}
		w.enums = slices.DeleteFunc(w.enums, func(o *anEnum) bool { return o == e })
		w.force = true
	case 3:
		if len(e.values) < 2 {
			return false
		}
		lost := e.values[0]
		e.values = e.values[1:]
		for _, t := range w.types { // in order, so that a seed draws the same
			for _, f := range t.fields {
				if f.enum == e {
					w.loseValue(t, f, lost)
				}
			}
		}
	}
	return true
}

func (w *world) loseValue(t *aType, f *aField, lost string) {
	var value any
	if w.chance(50) {
		value = w.value(&aField{enum: f.enum, list: f.list, required: true})
		w.hints[f] = " @migrationValue(value: " + literal(value) + ")"
	}
	for _, r := range t.rows {
		switch {
		case value != nil && (f.list || r.values[f.name] == lost):
			r.values[f.name] = value
		case value != nil:
		case f.list:
			w.refuse(2022)
		case r.values[f.name] == lost:
			w.refuse(2021)
		}
	}
}

func (w *world) partners(r *aRelation, side int) map[string]int {
	n := map[string]int{}
	for edge := range r.edges {
		n[edge[side]]++
	}
	return n
}

func (w *world) changeRelations(touched map[any]bool) bool {
	if len(w.rels) == 0 || w.chance(25) {
		a, b := one(w, w.types), one(w, w.types)
		r := &aRelation{name: w.name("R"), edges: map[[2]string]bool{}}
		for i, of := range []*aType{a, b} {
			r.ends[i] = anEnd{of: of, field: w.name("r"), list: w.chance(50)}
			r.ends[i].required = !r.ends[i].list && w.chance(25)
			if r.ends[i].required && len(of.rows) > 0 {
				w.refuse(2052)
			}
		}
		touched[r], touched[a], touched[b] = true, true, true
		w.rels = append(w.rels, r)
		return true
	}
	r := one(w, w.rels)
	if touched[r] {
		return false
	}
	touched[r] = true
	touched[r.ends[0].of], touched[r.ends[1].of] = true, true
	i := w.rand.IntN(2)
	e := &r.ends[i]
	switch w.rand.IntN(5) {
	case 0:
		w.rels = slices.DeleteFunc(w.rels, func(o *aRelation) bool { return o == r })
		w.force = true
	case 1:
		w.hints[r] = fmt.Sprintf(", oldName: %q", r.name)
		r.name = w.name("R")
	case 2:
		w.hints[[2]any{r, i}] = fmt.Sprintf(" @rename(oldName: %q)", e.field)
		e.field = w.name("r")
	case 3:
		e.list, e.required = !e.list, false
		for _, n := range w.partners(r, i) {
			if !e.list && n > 1 {
				w.refuse(2031)
			}
		}
	case 4:
		if e.list {
			return false
		}
		e.required = !e.required
		if e.required && len(w.partners(r, i)) < len(e.of.rows) {
			w.refuse(2047)
		}
	}
	return true
}
