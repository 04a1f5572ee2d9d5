package planner

import (
	"errors"
	"fmt"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"

	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/internal/operation"
	"icehouse/dataplane/relational"
	"icehouse/tenancy/meter"
)

// Permission records become parts of the statements that they are about (data-api
// §6): a field is read behind a gate on its row, a write runs behind guards. Here is
// what both have in common: which records count, and what their queries ask.

// free says that nothing has to be checked.
func (p *planning) free() bool { return p.target.Requester.Admin || p.doc.Schema.Open() }

// access is what records say before a row is looked at.
type access struct {
	open      bool                 // allowed, whatever the rows are
	condition relational.Predicate // else allowed where this holds; nil: nowhere
	invalid   error                // why a query among them can't run (LQ-D55)
	rules     []string             // the names of the records that decide
}

// denied is the fault where access is not given.
func (a access) denied(message string) *fault.Fault {
	if a.invalid != nil {
		message = "Permission Query is invalid. " + a.invalid.Error()
	}
	return fault.New(fault.NotAllowed, "%s", message)
}

// subject is what permission queries are asked about.
type subject struct {
	// value makes the value of a variable; false: it has none.
	value func(compiledschema.PermissionVariable) (input, bool)
	// about makes a condition one on the row that the question is about, where it
	// speaks of that row.
	about func(*args, relational.Predicate) relational.Predicate
	keep  bool // leave the rows that are found as they are until the transaction ends
}

// access asks the records that count. Simple ones come first, and those for
// everyone before those for the authenticated, so that no more is looked at than
// must be.
func (p *planning) access(a *args, records []*compiledschema.Permission, s subject) access {
	var out access
	applies := func(r *compiledschema.Permission) bool { return !r.Authenticated || p.target.Requester.Type != "" }
	for _, authenticated := range []bool{false, true} {
		for _, r := range records {
			if !r.Custom() && r.Authenticated == authenticated && applies(r) {
				p.asRequester = p.asRequester || authenticated
				return access{open: true, rules: []string{r.Name}}
			}
		}
	}
	var any relational.Or
	for _, r := range records {
		if !r.Custom() || !applies(r) {
			continue
		}
		p.asRequester = p.asRequester || r.Authenticated
		out.rules = append(out.rules, r.Name)
		before := *a
		condition, err := p.permissionQuery(a, r, s)
		if err != nil {
			*a = before // what it took along stands nowhere
			out.invalid = fmt.Errorf("%s: %w", r.Name, err)
			continue
		}
		any = append(any, s.about(a, condition))
	}
	switch len(any) {
	case 0:
	case 1:
		out.condition = any[0]
	default:
		out.condition = any
	}
	return out
}

// permissionQuery is the condition that all fields of a query are true.
func (p *planning) permissionQuery(a *args, r *compiledschema.Permission, s subject) (relational.Predicate, error) {
	p.queries++
	p.features |= meter.PermissionQueries
	doc, err := p.target.Queries(r.Query)
	var invalid *operation.Invalid
	switch {
	case errors.As(err, &invalid) && len(invalid.Errors) > 0:
		return nil, errors.New(invalid.Errors[0].Message)
	case err != nil:
		return nil, err
	}
	q := &planning{target: p.target, doc: doc, server: map[string]input{}}
	var all relational.And
	for _, v := range doc.Operation.VariableDefinitions {
		in, err := p.serverValue(q, r, v, s)
		if err != nil {
			return nil, err
		}
		if in.source.kind == fromRow && in.source.row.nullable() && v.Type.NonNull { // it can't run for such a node
			all = append(all, relational.NullArg{Arg: a.add(Param{Source: in.source, Type: in.source.row.argType()}), Not: true})
			in.source.row.present = true
		}
		q.server[v.Variable] = in
	}
	if q.dependsOnVariables(doc.Operation.Directives, doc.Operation.SelectionSet) {
		return nil, errors.New("@skip and @include can't depend on a variable here")
	}
	for _, c := range q.collect("Query", false, []ast.SelectionSet{doc.Operation.SelectionSet}) {
		condition, err := q.exists(a, c, s.keep)
		if err != nil {
			return nil, err
		}
		all = append(all, condition)
	}
	return joinedOrTrue(all), nil
}

func joinedOrTrue(all relational.And) relational.Predicate {
	if len(all) == 0 {
		return relational.Constant(true)
	}
	return joined(all)
}

// serverValue is the value of one variable (data-api §6.6).
func (p *planning) serverValue(q *planning, r *compiledschema.Permission, v *ast.VariableDefinition, s subject) (input, error) {
	in := input{}
	variable, ok := p.doc.Schema.PermissionVariable(r.Target, r.Verb, v.Variable)
	if ok {
		isEnum := variable.Field != nil && variable.Field.Enum != nil
		if !compiledschema.FitsPermissionVariable(v.Type.Name(), variable.Type, isEnum) {
			return in, fmt.Errorf("the variable $%s has the type %s, which can't take its value", v.Variable, v.Type)
		}
		if variable.Kind == compiledschema.PermissionUser {
			in = p.userID()
		} else if value, ok := s.value(variable); ok {
			in = value
		}
		if in.source.kind == fromRow && v.Type.NonNull && (v.Type.Name() == "ID" || v.Type.Name() == "String") {
			in.source.row.noNulls = true
		}
	}
	if in.kind == absent && v.DefaultValue != nil {
		in = q.input(v.DefaultValue)
	}
	if !in.given() && (v.Type.NonNull || !ok && v.DefaultValue == nil) {
		return in, fmt.Errorf("the variable $%s has no value", v.Variable)
	}
	return in, nil
}

// userID is the id of the requester's node; nobody's is the empty text.
func (p *planning) userID() input {
	if p.target.Requester.Type == "" {
		return input{kind: leaf, source: Source{value: ""}}
	}
	p.asRequester = true
	return input{kind: leaf, source: Source{kind: fromRequester}}
}

// dependsOnVariables says that what a query selects is not known.
func (p *planning) dependsOnVariables(directives ast.DirectiveList, set ast.SelectionSet) bool {
	for _, d := range directives {
		if a := d.Arguments.ForName("if"); a != nil {
			if _, known := p.input(a.Value).value.(bool); !known {
				return true
			}
		}
	}
	return slices.ContainsFunc(set, func(selection ast.Selection) bool {
		switch s := selection.(type) {
		case *ast.Field:
			return p.dependsOnVariables(s.Directives, s.SelectionSet)
		case *ast.InlineFragment:
			return p.dependsOnVariables(s.Directives, s.SelectionSet)
		case *ast.FragmentSpread:
			f := p.doc.Fragments.ForName(s.Name)
			return p.dependsOnVariables(s.Directives, nil) || f != nil && p.dependsOnVariables(nil, f.SelectionSet)
		}
		return false
	})
}

// exists is one field of a permission query.
func (p *planning) exists(a *args, c collected, keep bool) (relational.Predicate, error) {
	f := c.first()
	root, ok := p.doc.Schema.QueryRoot(f.Name)
	if !ok { // __typename and the like are not true
		return relational.Constant(false), nil
	}
	where, refused := p.filter(a, root.Type, p.argument(f, "filter"))
	if refused != nil {
		return nil, refused
	}
	sel := &relational.Select{Table: p.doc.Schema.Layout().Table(root.Type), Where: where}
	some, err := p.existsInPage(a, sel, root.Type, f)
	if err != nil || !some {
		return relational.Constant(false), err
	}
	if itself, ok := p.ofRow(a, sel); ok {
		return itself, nil
	}
	return relational.Exists{Select: sel, Keep: keep && sel.Skip == 0 && p.target.Dialect.Features().ParallelWriters}, nil
}

// existsInPage reads the pagination arguments. It is false when the page is empty
// whatever there is. A page that is not has a row when more are found than are
// skipped.
func (p *planning) existsInPage(a *args, sel *relational.Select, t *datamodel.Type, f *ast.Field) (bool, error) {
	shape := &Node{}
	r := &reader{planning: p, args: *a}
	if refused := r.page(sel, t, f, shape); refused != nil {
		return false, refused
	}
	if sel.Limit != 0 { // no page
		b := &Binding{}
		for _, size := range []*Param{shape.Check.First, shape.Check.Last} {
			if size != nil && size.Source.kind != fromConstant {
				return false, errors.New("the size of a page can't depend on a variable here")
			}
		}
		return false, b.Check(shape.Check)
	}
	if c := shape.Check; c != nil && c.Skip != nil {
		if c.Skip.Source.kind != fromConstant {
			return false, errors.New("what is skipped can't depend on a variable here")
		}
		if err := (&Binding{}).Check(c); err != nil {
			return false, err
		}
	}
	sel.Max, sel.FromEnd = 0, false
	*a = r.args
	return true, nil
}

// ofRow finds what is asked of the very row that the condition is about: a row that
// is being read is there, so that only the rest has to hold.
func (p *planning) ofRow(a *args, sel *relational.Select) (relational.Predicate, bool) {
	if len(sel.Cursors) > 0 || sel.Skip != 0 {
		return nil, false
	}
	isRow := func(part relational.Predicate) bool {
		c, ok := part.(relational.Compare)
		return ok && c.Op == relational.Equal && c.Column == sel.Table.ID && c.Arg < 0 && a.rows[-c.Arg-1].Column == sel.Table.ID
	}
	var rest relational.And
	found := false
	parts, ok := sel.Where.(relational.And)
	if !ok {
		parts = relational.And{sel.Where}
	}
	for _, part := range parts {
		if isRow(part) {
			found = true
		} else {
			rest = append(rest, part)
		}
	}
	return relational.Definite{Predicate: joinedOrTrue(rest)}, found
}

// rowValue is a column of the row that a condition is about.
type rowValue struct {
	column  *relational.Column
	noNulls bool // null is the empty text
	present bool // where it is null, the condition is false already
}

func (r *rowValue) nullable() bool { return !r.column.Required && !r.noNulls && !r.present }

func (r *rowValue) argType() relational.ArgType {
	return relational.ArgType{Kind: comparedAs(r.column)}
}

// fromRow is the value of a column of the current row.
func rowInput(c *relational.Column) input {
	return input{kind: leaf, source: Source{kind: fromRow, row: &rowValue{column: c}}}
}

// onRow closes a condition that may speak of the current row's values: it says which
// they are. What is added to a after that begins anew.
func onRow(a *args, condition relational.Predicate) relational.Predicate {
	if len(a.rows) == 0 {
		return condition
	}
	condition = relational.WithRow{Values: a.rows, Predicate: condition}
	a.rows = nil
	return condition
}
