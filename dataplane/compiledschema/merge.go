package compiledschema

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator"
)

// Fields of one selection that answer under the same name must be the same field
// with the same arguments, and give the same kind of value. The textbook rule
// compares all pairs; here equal fields are put into one group and each is
// compared with the first of its group, since being the same is transitive. What
// the fields of a group select below is then one selection again. The work grows
// with the document; where fragments repeat each other it is cut by remembering
// groups, and in the end by a budget.

// mergeBudget is how many fields the check looks at before it gives up.
const mergeBudget = 200_000

// mergeable is the validation rule OverlappingFieldsCanBeMerged.
var mergeable = validator.Rule{Name: "OverlappingFieldsCanBeMerged", RuleFunc: func(observers *validator.Events, addError validator.AddErrFunc) {
	observers.OnOperation(func(w *validator.Walker, op *ast.OperationDefinition) {
		m := merger{walker: w, addError: addError, budget: mergeBudget, seen: map[string]bool{}}
		m.selection([]ast.SelectionSet{op.SelectionSet}, false)
		if m.budget <= 0 {
			addError(validator.Message("The selections of this operation overlap in too many ways to be checked."), at(op.Position))
		}
	})
}}

type merger struct {
	walker   *validator.Walker
	addError validator.AddErrFunc
	budget   int
	seen     map[string]bool
}

// group is the fields of one selection that answer under one name.
type group struct {
	name   string
	fields []*ast.Field
}

// selection checks the union of some selection sets. shapeOnly is set where the
// sets never answer together, because their objects are of different types.
func (m *merger) selection(sets []ast.SelectionSet, shapeOnly bool) {
	c := newCollector()
	for _, set := range sets {
		c.collect(set)
	}
	for i := range c.groups {
		m.budget -= len(c.groups[i].fields)
		if m.budget <= 0 {
			return
		}
		m.group(c.groups[i], shapeOnly)
	}
}

func (m *merger) group(g group, shapeOnly bool) {
	if len(g.fields) == 1 && len(g.fields[0].SelectionSet) == 0 || !m.first(g, shapeOnly) {
		return
	}
	for _, f := range g.fields[1:] {
		if why := m.shapes(g.fields[0], f); why != "" {
			m.conflict(g.name, f, why)
			return
		}
	}
	if shapeOnly {
		m.below(g.fields, true)
		return
	}
	parts := byParent(g.fields)
	for _, part := range parts {
		for _, f := range part[1:] {
			if why := differs(part[0], f); why != "" {
				m.conflict(g.name, f, why)
				return
			}
		}
	}
	if len(parts) > 1 {
		m.below(g.fields, true)
	}
	for _, part := range parts {
		m.below(part, false)
	}
}

func (m *merger) below(fields []*ast.Field, shapeOnly bool) {
	sets := make([]ast.SelectionSet, 0, len(fields))
	for _, f := range fields {
		if len(f.SelectionSet) > 0 {
			sets = append(sets, f.SelectionSet)
		}
	}
	if len(sets) > 0 {
		m.selection(sets, shapeOnly)
	}
}

// first says whether a group with these fields was not looked at yet. It ends the
// walk through a fragment that spreads itself, and bounds the work where several
// fragments spread the same ones.
func (m *merger) first(g group, shapeOnly bool) bool {
	positions := make([]int, len(g.fields))
	for i, f := range g.fields {
		positions[i] = f.Position.Start // a field's own place, so it stands for the field
	}
	slices.Sort(positions)
	key := make([]byte, 1, 1+4*len(positions))
	if shapeOnly {
		key[0] = 1
	}
	for _, p := range positions {
		key = binary.AppendUvarint(key, uint64(p))
	}
	if m.seen[string(key)] {
		return false
	}
	m.seen[string(key)] = true
	return true
}

func (m *merger) conflict(name string, f *ast.Field, why string) {
	m.addError(
		validator.Message(`Fields "%s" conflict because %s. Use different aliases on the fields to fetch both if this was intentional.`, name, why),
		at(f.Position),
	)
}

// byParent splits fields into those that can answer on the same object. A field
// of an interface can meet every object.
func byParent(fields []*ast.Field) [][]*ast.Field {
	var parts [][]*ast.Field
	var shared []*ast.Field
	index := map[string]int{}
	for _, f := range fields {
		parent := f.ObjectDefinition
		if parent == nil || parent.Kind != ast.Object {
			shared = append(shared, f)
			continue
		}
		i, ok := index[parent.Name]
		if !ok {
			i = len(parts)
			index[parent.Name] = i
			parts = append(parts, nil)
		}
		parts[i] = append(parts[i], f)
	}
	if len(parts) == 0 {
		return [][]*ast.Field{shared}
	}
	for i := range parts {
		parts[i] = append(parts[i], shared...)
	}
	return parts
}

// shapes says why two fields give different kinds of values.
func (m *merger) shapes(a, b *ast.Field) string {
	if a.Definition == nil || b.Definition == nil {
		return ""
	}
	typeA, typeB := answerType(a), answerType(b)
	if m.sameShape(typeA, typeB) {
		return ""
	}
	return fmt.Sprintf(`they return conflicting types "%s" and "%s"`, typeA, typeB)
}

var typenameType = ast.NonNullNamedType("String", nil)

// answerType is the type of a field's value. The library takes __typename for a
// nullable String.
func answerType(f *ast.Field) *ast.Type {
	if f.Name == "__typename" {
		return typenameType
	}
	return f.Definition.Type
}

func (m *merger) sameShape(a, b *ast.Type) bool {
	for {
		if a.NonNull != b.NonNull || (a.Elem == nil) != (b.Elem == nil) {
			return false
		}
		if a.Elem == nil {
			break
		}
		a, b = a.Elem, b.Elem
	}
	return a.NamedType == b.NamedType || !m.isLeaf(a.NamedType) && !m.isLeaf(b.NamedType)
}

// isLeaf: a type that the small schema does not hold was never selected into, so
// it is looked up only when it is a leaf.
func (m *merger) isLeaf(name string) bool {
	def := m.walker.Schema.Types[name]
	return def != nil && def.IsLeafType()
}

// differs says why two fields that can answer on the same object are not the same.
func differs(a, b *ast.Field) string {
	if a.Name != b.Name {
		return fmt.Sprintf(`"%s" and "%s" are different fields`, a.Name, b.Name)
	}
	if len(a.Arguments) != len(b.Arguments) {
		return "they have differing arguments"
	}
	for _, arg := range a.Arguments {
		other := b.Arguments.ForName(arg.Name)
		if other == nil || !sameValue(arg.Value, other.Value) {
			return "they have differing arguments"
		}
	}
	return ""
}

// sameValue compares literals; the order of an object's fields does not count.
func sameValue(a, b *ast.Value) bool {
	if a.Kind != b.Kind || a.Raw != b.Raw || len(a.Children) != len(b.Children) {
		return false
	}
	for i, child := range a.Children {
		other := b.Children[i]
		if child.Name != "" && child.Name != other.Name {
			found := b.Children.ForName(child.Name)
			if found == nil || !sameValue(child.Value, found) {
				return false
			}
			continue
		}
		if !sameValue(child.Value, other.Value) {
			return false
		}
	}
	return true
}

// collector puts the fields of selection sets into groups, in order. A fragment
// counts once.
type collector struct {
	groups    []group
	index     map[string]int
	fragments map[string]bool
}

func newCollector() collector {
	return collector{index: map[string]int{}, fragments: map[string]bool{}}
}

func (c *collector) collect(set ast.SelectionSet) {
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			c.add(selection)
		case *ast.InlineFragment:
			c.collect(selection.SelectionSet)
		case *ast.FragmentSpread:
			if selection.Definition != nil && !c.fragments[selection.Name] {
				c.fragments[selection.Name] = true
				c.collect(selection.Definition.SelectionSet)
			}
		}
	}
}

func (c *collector) add(f *ast.Field) {
	i, ok := c.index[f.Alias]
	if !ok {
		i = len(c.groups)
		c.index[f.Alias] = i
		c.groups = append(c.groups, group{name: f.Alias})
	}
	c.groups[i].fields = append(c.groups[i].fields, f)
}
