package operation

import (
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"icehouse/dataplane/internal/fault"
)

// Limits protect the server from documents made to hurt it (data-api §2.11,
// last rule). The defaults admit everything that real services were seen to
// send, with room to spare.
type Limits struct {
	TextBytes  int // the query text
	Tokens     int
	Nesting    int // brackets of any kind inside each other
	Depth      int // selection sets inside each other, fragments expanded
	Fragments  int // fragment definitions
	Selections int // fields, fragments expanded
	Errors     int // validation errors reported
}

// DefaultLimits are in force where the configuration names none.
func DefaultLimits() Limits {
	return Limits{
		TextBytes:  256 << 10,
		Tokens:     20_000,
		Nesting:    200,
		Depth:      25,
		Fragments:  256,
		Selections: 10_000,
		Errors:     20,
	}
}

func (l Limits) checkText(n normal) *gqlerror.Error {
	switch {
	case n.nesting > l.Nesting:
		return beyond(nil, "The query nests %d brackets. At most %d are allowed.", n.nesting, l.Nesting)
	case n.tokens > l.Tokens:
		return beyond(nil, "The query has %d tokens. At most %d are allowed.", n.tokens, l.Tokens)
	}
	return nil
}

// checkDocument measures a parsed document with its fragments expanded, without
// expanding them. It refuses fragments that contain themselves, since all that
// follows relies on their absence.
func (l Limits) checkDocument(doc *ast.QueryDocument) *gqlerror.Error {
	if n := len(doc.Fragments); n > l.Fragments {
		return beyond(nil, "The query defines %d fragments. At most %d are allowed.", n, l.Fragments)
	}
	m := &measurer{limits: l, fragments: map[string]*measured{}}
	for _, f := range doc.Fragments {
		if _, ok := m.fragments[f.Name]; !ok { // a second one of that name is for validation to refuse
			m.fragments[f.Name] = &measured{definition: f}
		}
	}
	for _, f := range doc.Fragments {
		if _, err := m.fragment(f.Name, f.Position); err != nil {
			return err
		}
	}
	for _, op := range doc.Operations {
		size, err := m.set(op.SelectionSet)
		if err != nil {
			return err
		}
		if err := m.check(size, op.Position); err != nil {
			return err
		}
	}
	return nil
}

type size struct{ depth, selections int }

type measured struct {
	definition *ast.FragmentDefinition
	state      uint8 // 0 not measured, 1 being measured, 2 done
	size       size
}

type measurer struct {
	limits    Limits
	fragments map[string]*measured
}

func (m *measurer) fragment(name string, at *ast.Position) (size, *gqlerror.Error) {
	f := m.fragments[name]
	if f == nil {
		return size{}, nil // unknown: validation says so
	}
	switch f.state {
	case 1:
		return size{}, gqlerror.ErrorPosf(at, "Cannot spread fragment %q within itself.", name)
	case 0:
		f.state = 1
		s, err := m.set(f.definition.SelectionSet)
		if err != nil {
			return size{}, err
		}
		f.size, f.state = s, 2
		if err := m.check(s, f.definition.Position); err != nil {
			return size{}, err
		}
	}
	return f.size, nil
}

func (m *measurer) set(set ast.SelectionSet) (size, *gqlerror.Error) {
	var total size
	for _, selection := range set {
		var s size
		var err *gqlerror.Error
		switch selection := selection.(type) {
		case *ast.Field:
			s, err = m.set(selection.SelectionSet)
			s.depth++
			s.selections++
		case *ast.InlineFragment:
			s, err = m.set(selection.SelectionSet)
		case *ast.FragmentSpread:
			s, err = m.fragment(selection.Name, selection.Position)
		}
		if err != nil {
			return size{}, err
		}
		total.depth = max(total.depth, s.depth)
		total.selections += s.selections
		if total.selections > m.limits.Selections {
			return size{}, beyond(selection.GetPosition(), "The query selects more than %d fields, fragments included, which is the most allowed.", m.limits.Selections)
		}
	}
	return total, nil
}

func (m *measurer) check(s size, at *ast.Position) *gqlerror.Error {
	if s.depth > m.limits.Depth {
		return beyond(at, "The query is %d levels deep. At most %d are allowed.", s.depth, m.limits.Depth)
	}
	return nil
}

// limitRule marks the errors of limits.
const limitRule = "limit"

func beyond(at *ast.Position, format string, args ...any) *gqlerror.Error {
	err := gqlerror.Errorf(format, args...)
	if at != nil {
		err = gqlerror.ErrorPosf(at, format, args...)
	}
	err.Rule = limitRule
	return err
}

// refused is what a document is refused with that breaks a limit, or a rule that the
// measuring relies on.
func refused(err *gqlerror.Error) *Invalid {
	invalid := &Invalid{Errors: gqlerror.List{err}}
	if err.Rule == limitRule {
		invalid.Code = fault.TookTooLong
	}
	return invalid
}
