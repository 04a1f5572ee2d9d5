package planner

import (
	"slices"

	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/relational"
)

// args numbers the arguments of one statement.
type args struct {
	params []Param
	rows   []relational.RowValue // those that are values of the current row
}

// add returns the number of an argument. The same value asked for in the same
// way is one argument.
func (a *args) add(p Param) relational.Arg {
	if p.Source.kind == fromRow {
		v := relational.RowValue{Column: p.Source.row.column, Type: p.Type, NoNulls: p.Source.row.noNulls && !p.Source.row.column.Required}
		i := slices.Index(a.rows, v)
		if i < 0 {
			i = len(a.rows)
			a.rows = append(a.rows, v)
		}
		return relational.Arg(-i - 1)
	}
	for i := range a.params {
		if a.params[i].same(p) {
			return relational.Arg(i + 1)
		}
	}
	a.params = append(a.params, p)
	return relational.Arg(len(a.params))
}

func (a *args) types() []relational.ArgType {
	types := make([]relational.ArgType, len(a.params))
	for i, p := range a.params {
		types[i] = p.Type
	}
	return types
}

func (p Param) same(q Param) bool {
	return p.Type == q.Type && p.conv == q.conv && p.scalar == q.scalar && p.field == q.field && p.Source.same(q.Source)
}

func (s Source) same(o Source) bool {
	if s.kind != o.kind || s.scalar != o.scalar || s.literal != o.literal || s.name != o.name || s.number != o.number || s.event != o.event || s.edges != o.edges || len(s.path) != len(o.path) || s.kind == fromItems {
		return false
	}
	for i := range s.path {
		if s.path[i] != o.path[i] {
			return false
		}
	}
	switch s.value.(type) {
	case nil, bool, string, int64:
		return s.value == o.value
	default:
		return false
	}
}

// newID is a source for an id that the server makes.
func (p *planning) newID() Source {
	p.newIDs++
	return Source{kind: fromNewID, number: p.newIDs - 1}
}

func idParam(s Source) Param {
	return Param{Source: s, Type: relational.ArgType{Kind: relational.ArgID}, conv: nodeID, scalar: datamodel.ID}
}

func idsParam(s Source) Param {
	return Param{Source: s, Type: relational.ArgType{Kind: relational.ArgID, List: true}, conv: nodeID, scalar: datamodel.ID}
}

// requesterParam is the id of the node whose token was sent.
var requesterParam = Param{Source: Source{kind: fromRequester}, Type: relational.ArgType{Kind: relational.ArgID}, scalar: datamodel.ID}

var clock = Param{Source: Source{kind: fromClock}, Type: relational.ArgType{Kind: relational.ArgTime}, scalar: datamodel.DateTime}

// comparing is the parameter of a condition on a column.
func comparing(s Source, f *datamodel.Field, c *relational.Column, isList bool) Param {
	p := Param{Source: s, Type: relational.ArgType{Kind: comparedAs(c), List: isList}, scalar: f.Scalar, field: f}
	if p.Type.Kind == relational.ArgFold {
		p.conv = folded
	}
	return p
}

// storing is the parameter of a field's value to be written.
func storing(s Source, f *datamodel.Field, c *relational.Column) Param {
	return Param{Source: s, Type: relational.ArgType{Kind: c.Kind.Arg()}, scalar: f.Scalar, field: f, conv: stored}
}

func comparedAs(c *relational.Column) relational.ArgKind {
	if c.Kind == relational.KindText {
		return relational.ArgFold
	}
	return c.Kind.Arg()
}
