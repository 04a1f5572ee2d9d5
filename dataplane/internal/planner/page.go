package planner

import (
	"strconv"

	"github.com/vektah/gqlparser/v2/ast"

	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/internal/operation"
	"icehouse/dataplane/relational"
)

// MaxNodes is how many nodes a list returns at most (data-api §2.11).
const MaxNodes = 1000

// page reads orderBy and the pagination arguments (data-api §2.11).
func (r *reader) page(sel *relational.Select, t *datamodel.Type, f *ast.Field, node *Node) *fault.Fault {
	if order := r.argument(f, "orderBy"); order.given() {
		name, _ := order.value.(string)
		field, desc, ok := r.doc.Schema.OrderBy(t, name)
		if !ok {
			return fault.New(fault.BadArguments, "'%s' is no order of type '%s'.", name, t.Name)
		}
		sel.OrderBy, sel.Desc = r.doc.Schema.Layout().Column(field), desc
	}
	if after := r.argument(f, "after"); after.given() {
		sel.Cursors = append(sel.Cursors, relational.Cursor{ID: r.args.add(cursorParam(after.source))})
	}
	if before := r.argument(f, "before"); before.given() {
		sel.Cursors = append(sel.Cursors, relational.Cursor{ID: r.args.add(cursorParam(before.source)), Before: true})
	}
	first, last, skip := r.argument(f, "first"), r.argument(f, "last"), r.argument(f, "skip")
	if first.given() && last.given() {
		return fault.New(fault.FirstAndLast, "Including a value for both first and last is not supported. See the pagination docs for help.")
	}
	check := &PageCheck{}
	if skip.given() {
		param := pageParam(skip.source)
		param.conv = pageSkip
		check.Skip, sel.Skip = &param, r.args.add(param)
	}
	switch {
	case first.given():
		param := pageParam(first.source)
		check.First = &param
		r.limit(sel, first, param)
	case last.given():
		param := pageParam(last.source)
		check.Last, sel.FromEnd = &param, true
		r.limit(sel, last, param)
	default:
		sel.Max = MaxNodes
	}
	if check.First != nil || check.Last != nil || check.Skip != nil {
		node.Check = check
	}
	return nil
}

// limit cuts a list. Sizes belong to the document or to the shape (operation), so
// that the engine can plan for them.
func (r *reader) limit(sel *relational.Select, in input, param Param) {
	size, known := in.value.(int64)
	if l, ok := in.source.value.(operation.Literal); ok {
		if n, err := strconv.ParseInt(l.Raw, 10, 32); err == nil {
			size, known = n, true
		}
	}
	if !known || size <= 0 || size > MaxNodes {
		sel.Limit = r.args.add(param)
		return
	}
	sel.Max = int(size)
}

func pageParam(s Source) Param {
	return Param{Source: s, Type: relational.ArgType{Kind: relational.ArgInt}, conv: pageSize, scalar: datamodel.Int}
}

func cursorParam(s Source) Param {
	return Param{Source: s, Type: relational.ArgType{Kind: relational.ArgID}, scalar: datamodel.String}
}

// PageCheck are the arguments of a list that must be looked at for each request
// (data-api §2.11).
type PageCheck struct {
	First, Last, Skip *Param // nil: not given, or null
}

// checks are those of a shape.
func (n *Node) checks() []*PageCheck {
	var out []*PageCheck
	n.each(func(n *Node) {
		if n.Check != nil {
			out = append(out, n.Check)
		}
	})
	return out
}

// Check says what is wrong with the pagination arguments of a list; nil when
// nothing is.
func (b *Binding) Check(c *PageCheck) error {
	for _, one := range []struct {
		param    *Param
		negative int
		name     string
	}{{c.First, fault.NegativeFirst, "first"}, {c.Last, fault.NegativeLast, "last"}, {c.Skip, fault.NegativeSkip, "skip"}} {
		if one.param == nil {
			continue
		}
		v, err := b.resolve(one.param, one.param.Source)
		if err != nil {
			return err
		}
		n, _ := v.(int64)
		if n < 0 {
			return fault.New(one.negative, "The '%s' argument must be non negative", one.name)
		}
		if n > MaxNodes && one.param != c.Skip {
			return fault.New(fault.TooManyNodes, "You requested %d nodes. We will only return up to %d nodes per query.", n, MaxNodes)
		}
	}
	return nil
}
