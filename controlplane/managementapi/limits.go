package managementapi

import (
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// measure refuses documents that are small as text and large when fragments are
// expanded, before any rule walks them. Unknown fragments and cycles are left
// to validation: a cycle counts as deep as it can be seen.
func (a *API) measure(doc *ast.QueryDocument) *gqlerror.Error {
	m := &measurement{limits: a.Limits, doc: doc, open: map[string]bool{}}
	for _, op := range doc.Operations {
		if !m.walk(op.SelectionSet, 1) {
			return gqlerror.ErrorPosf(op.Position, "the operation is too large: it may have a depth of %d and %d selections", a.Limits.Depth, a.Limits.Expand)
		}
	}
	for _, f := range doc.Fragments {
		if !m.walk(f.SelectionSet, 1) {
			return gqlerror.ErrorPosf(f.Position, "the fragment %s is too large", f.Name)
		}
	}
	return nil
}

type measurement struct {
	limits Limits
	doc    *ast.QueryDocument
	seen   int
	open   map[string]bool // fragments on the way here
}

func (m *measurement) walk(set ast.SelectionSet, depth int) bool {
	if len(set) == 0 {
		return true
	}
	if depth > m.limits.Depth {
		return false
	}
	for _, s := range set {
		if m.seen++; m.seen > m.limits.Expand {
			return false
		}
		var ok bool
		switch s := s.(type) {
		case *ast.Field:
			ok = m.walk(s.SelectionSet, depth+1)
		case *ast.InlineFragment:
			ok = m.walk(s.SelectionSet, depth+1)
		case *ast.FragmentSpread:
			f := m.doc.Fragments.ForName(s.Name)
			if f == nil || m.open[s.Name] {
				continue
			}
			m.open[s.Name] = true
			ok = m.walk(f.SelectionSet, depth+1)
			delete(m.open, s.Name)
		default:
			panic(fmt.Sprintf("managementapi: unknown selection %T", s))
		}
		if !ok {
			return false
		}
	}
	return true
}
