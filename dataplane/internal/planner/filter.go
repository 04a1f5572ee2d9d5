package planner

import (
	"slices"

	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/relational"
	"icehouse/tenancy/meter"
)

// filter turns a filter object into a condition on the rows of a type; nil is
// no condition (data-api §2.6).
func (p *planning) filter(a *args, t *datamodel.Type, in input) (relational.Predicate, *fault.Fault) {
	if !in.given() {
		return nil, nil
	}
	p.features |= meter.Filter
	var all relational.And
	for _, f := range in.fields {
		condition, err := p.filterField(a, t, f.name, f.value)
		if err != nil {
			return nil, err
		}
		if condition != nil {
			all = append(all, condition)
		}
	}
	return joined(all), nil
}

func joined(all relational.And) relational.Predicate {
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	default:
		return all
	}
}

func (p *planning) filterField(a *args, t *datamodel.Type, name string, in input) (relational.Predicate, *fault.Fault) {
	key, ok := p.doc.Schema.FilterKey(t, name)
	if !ok {
		return nil, fault.New(fault.BadArguments, "The filter of type '%s' has no key '%s'.", t.Name, name)
	}
	switch key.Kind {
	case compiledschema.FilterAnd, compiledschema.FilterOr:
		return p.filterList(a, t, in, key.Kind == compiledschema.FilterOr)
	case compiledschema.FilterScalar:
		return p.filterScalar(a, key, in), nil
	case compiledschema.FilterToOne:
		return p.filterToOne(a, key.Field, in)
	default:
		return p.filterToMany(a, key, in)
	}
}

// filterList is AND or OR. Objects without a condition are left out, also in
// OR (LQ-D14).
func (p *planning) filterList(a *args, t *datamodel.Type, in input, any bool) (relational.Predicate, *fault.Fault) {
	var parts []relational.Predicate
	for _, item := range in.asList() {
		part, err := p.filter(a, t, item)
		if err != nil {
			return nil, err
		}
		if part != nil {
			parts = append(parts, part)
		}
	}
	if any && len(parts) > 1 {
		return relational.Or(parts), nil
	}
	return joined(parts), nil
}

func (p *planning) filterScalar(a *args, key compiledschema.FilterKey, in input) relational.Predicate {
	column := p.doc.Schema.Layout().Column(key.Field)
	if in.kind == null { // data-api §2.6.5
		switch key.Op {
		case compiledschema.Is:
			return relational.IsNull{Column: column}
		case compiledschema.IsNot:
			return relational.IsNull{Column: column, Not: true}
		default:
			return relational.Constant(false)
		}
	}
	if of := in.source.row; of != nil && of.nullable() { // which rule holds is for the row to say
		given := *of
		given.present = true
		arg := a.add(comparing(in.source, key.Field, column, false))
		in.source.row = &given
		return relational.Or{
			relational.And{relational.NullArg{Arg: arg}, p.filterScalar(a, key, input{kind: null})},
			relational.And{relational.NullArg{Arg: arg, Not: true}, p.filterScalar(a, key, in)},
		}
	}
	if value, ok := in.value.(bool); ok && column.Kind == relational.KindBool {
		// The values of booleans are part of the shape.
		return relational.Flag{Column: column, Value: value == (key.Op == compiledschema.Is)}
	}
	switch key.Op {
	case compiledschema.In, compiledschema.NotIn:
		if slices.ContainsFunc(in.asList(), func(item input) bool { return item.source.kind == fromRow }) {
			return p.oneOf(a, key, in)
		}
		arg := a.add(comparing(in.listSource(), key.Field, column, true))
		return relational.In{Column: column, Arg: arg, Not: key.Op == compiledschema.NotIn}
	case compiledschema.Contains, compiledschema.NotContains:
		return p.match(a, key.Field, column, in, relational.Contains, key.Op == compiledschema.NotContains)
	case compiledschema.StartsWith, compiledschema.NotStartsWith:
		return p.match(a, key.Field, column, in, relational.StartsWith, key.Op == compiledschema.NotStartsWith)
	case compiledschema.EndsWith, compiledschema.NotEndsWith:
		return p.match(a, key.Field, column, in, relational.EndsWith, key.Op == compiledschema.NotEndsWith)
	}
	return relational.Compare{
		Column: column,
		Op:     comparisons[key.Op],
		Arg:    a.add(comparing(in.source, key.Field, column, false)),
	}
}

// oneOf is in and not_in where values of a row are among those given.
func (p *planning) oneOf(a *args, key compiledschema.FilterKey, in input) relational.Predicate {
	column := p.doc.Schema.Layout().Column(key.Field)
	var any relational.Or
	for _, item := range in.asList() {
		if item.given() {
			any = append(any, relational.Compare{Column: column, Op: relational.Equal, Arg: a.add(comparing(item.source, key.Field, column, false))})
		}
	}
	if key.Op == compiledschema.NotIn {
		return relational.Not{Predicate: any}
	}
	return any
}

var comparisons = map[compiledschema.FilterOp]relational.Op{
	compiledschema.Is:    relational.Equal,
	compiledschema.IsNot: relational.NotEqual,
	compiledschema.Lt:    relational.Less,
	compiledschema.Lte:   relational.LessEqual,
	compiledschema.Gt:    relational.Greater,
	compiledschema.Gte:   relational.GreaterEqual,
}

func (p *planning) match(a *args, f *datamodel.Field, c *relational.Column, in input, kind relational.MatchKind, not bool) relational.Predicate {
	param := comparing(in.source, f, c, false)
	m := relational.Match{Column: c, Kind: kind, Not: not, Arg: a.add(param)}
	if kind == relational.StartsWith && m.Arg > 0 {
		param.conv = prefixEnd
		m.Upper = a.add(param)
	}
	return m
}

func (p *planning) filterToOne(a *args, f *datamodel.Field, in input) (relational.Predicate, *fault.Fault) {
	related, err := p.related(a, f, in)
	if err != nil {
		return nil, err
	}
	if id, ok := related.Where.(relational.Compare); ok && id.Column == related.Table.ID && id.Op == relational.Equal && related.Link.Parent != nil && p.gone == nil {
		// The row itself says which node it points at.
		return relational.Definite{Predicate: relational.Compare{Column: related.Link.Parent, Op: relational.Equal, Arg: id.Arg}}, nil
	}
	return p.some(a, f, in, related, in.kind == null, false)
}

func (p *planning) filterToMany(a *args, key compiledschema.FilterKey, in input) (relational.Predicate, *fault.Fault) {
	if in.kind == null {
		return nil, fault.New(fault.ToManyNull, "The field '%s' is a toMany relation. This cannot be filtered by null.", key.Field.Name)
	}
	related, err := p.related(a, key.Field, in)
	if err != nil {
		return nil, err
	}
	switch key.Kind {
	case compiledschema.FilterSome:
		return p.some(a, key.Field, in, related, false, false)
	case compiledschema.FilterNone:
		return p.some(a, key.Field, in, related, true, false)
	default:
		if related.Where == nil {
			return relational.Constant(true), nil // nothing can violate no condition
		}
		// No related row violates it. A condition that is neither true nor
		// false is not violated (LQ-D20).
		related.Where = relational.Not{Predicate: related.Where}
		return p.some(a, key.Field, in, related, true, true)
	}
}

// some holds when a related node is found, or none (not). violating says that it is one
// that does not fulfil the inner filter.
func (p *planning) some(a *args, f *datamodel.Field, in input, related *relational.Select, not, violating bool) (relational.Predicate, *fault.Fault) {
	if p.gone == nil {
		return relational.Exists{Select: related, Not: not}, nil
	}
	return p.someBefore(a, f, in, related, not, violating)
}

// related selects the nodes of a relation field that fulfil the inner filter.
func (p *planning) related(a *args, f *datamodel.Field, in input) (*relational.Select, *fault.Fault) {
	was := p.was
	p.was = false // what is related is there
	where, err := p.filter(a, f.Target(), in)
	p.was = was
	if err != nil {
		return nil, err
	}
	layout := p.doc.Schema.Layout()
	return &relational.Select{Table: layout.Table(f.Target()), Link: layout.Link(f), Where: where}, nil
}
