package planner

import (
	"github.com/vektah/gqlparser/v2/ast"
)

// collected are the fields of a selection that share a response key. They
// select the same field with the same arguments (validation saw to that), so the
// first stands for all, but for what they select inside.
type collected struct {
	key    string
	fields []*ast.Field
}

func (c collected) first() *ast.Field { return c.fields[0] }

func (c collected) sets() []ast.SelectionSet {
	sets := make([]ast.SelectionSet, 0, len(c.fields))
	for _, f := range c.fields {
		if len(f.SelectionSet) > 0 {
			sets = append(sets, f.SelectionSet)
		}
	}
	return sets
}

// collect lists what the selections ask of an object of this type, in order of
// first appearance, with fragments expanded and @skip and @include decided.
func (p *planning) collect(typeName string, isNode bool, sets []ast.SelectionSet) []collected {
	c := &collector{p: p, typeName: typeName, isNode: isNode}
	for _, set := range sets {
		c.set(set)
	}
	return c.out
}

type collector struct {
	p        *planning
	typeName string
	isNode   bool
	out      []collected
	seen     map[string]bool // fragments already expanded here
}

func (c *collector) set(set ast.SelectionSet) {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			if c.p.included(s.Directives) {
				c.field(s)
			}
		case *ast.InlineFragment:
			if c.p.included(s.Directives) && c.applies(s.TypeCondition) {
				c.set(s.SelectionSet)
			}
		case *ast.FragmentSpread:
			if c.seen[s.Name] || !c.p.included(s.Directives) {
				continue
			}
			f := c.p.doc.Fragments.ForName(s.Name)
			if f == nil || !c.applies(f.TypeCondition) {
				continue
			}
			if c.seen == nil {
				c.seen = map[string]bool{}
			}
			c.seen[s.Name] = true
			c.set(f.SelectionSet)
		}
	}
}

func (c *collector) applies(condition string) bool {
	return condition == "" || condition == c.typeName || c.isNode && condition == "Node"
}

func (c *collector) field(f *ast.Field) {
	key := f.Alias
	if key == "" {
		key = f.Name
	}
	for i := range c.out {
		if c.out[i].key == key {
			c.out[i].fields = append(c.out[i].fields, f)
			return
		}
	}
	c.out = append(c.out, collected{key: key, fields: []*ast.Field{f}})
}

// included decides @skip and @include. Boolean variables are part of the shape,
// so the decision holds for the plan.
func (p *planning) included(directives ast.DirectiveList) bool {
	for _, d := range directives {
		if d.Name != "skip" && d.Name != "include" {
			continue
		}
		a := d.Arguments.ForName("if")
		if a == nil {
			continue
		}
		on, _ := p.input(a.Value).value.(bool)
		if on == (d.Name == "skip") {
			return false
		}
	}
	return true
}
