package bulk

import (
	"context"

	"github.com/go-json-experiment/json/jsontext"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/relational"
)

// lists imports values of list fields: they go behind those that are there.
type lists struct {
	*importer
	appends map[*datamodel.Field]dialect.Statement
	batch   []tail
}

// tail is what is appended to a list of a node.
type tail struct {
	reference
	index int
	field *datamodel.Field
	json  string // an array, as stored
}

func (l *lists) check(element jsontext.Value) error {
	_, err := refer(l.model(), element, ignore)
	return err
}

// add takes the first list field of an element; other members mean nothing
// (data-api §9.2).
func (l *lists) add(index int, element jsontext.Value) error {
	var given []member
	of, err := refer(l.model(), element, func(name string, value jsontext.Value) error {
		given = append(given, member{name, value})
		return nil
	})
	if err != nil {
		return err
	}
	for _, m := range given {
		f := of.typ.Field(m.name)
		if f == nil || f.IsRelation() || !f.List {
			continue
		}
		text, err := array(f, m.value)
		if err != nil {
			return err
		}
		l.batch = append(l.batch, tail{of, index, f, text})
		return nil
	}
	if len(given) > 0 && of.typ.Field(given[0].name) == nil {
		return wrongField(of.typ, given[0].name)
	}
	return refuse("The element names no list field of type '%s'.", of.typ.Name)
}

// array writes the items of a list as they are stored.
func array(f *datamodel.Field, value jsontext.Value) (string, error) {
	if value.Kind() != '[' {
		return "", refuse("The value %s is not valid for the field '%s': a list is wanted.", shown(value), f.Name)
	}
	out := append(make([]byte, 0, len(value)), '[')
	err := items(value, func(i int, item jsontext.Value) (err error) {
		if i > 0 {
			out = append(out, ',')
		}
		out, err = appendItem(out, f, item)
		return err
	})
	return string(append(out, ']')), err
}

func (l *lists) flush(ctx context.Context) error {
	batch := l.batch
	l.batch = l.batch[:0]
	ids := make([]string, len(batch))
	for i, t := range batch {
		ids[i] = t.id
	}
	known, _, err := l.owners(ctx, ids)
	if err != nil {
		return err
	}
	writes := make([]database.Statement, 0, len(batch))
	for _, t := range batch {
		if !known.has(t.reference) {
			l.report(t.index, noNode(t.typ, t.id))
			continue
		}
		writes = append(writes, database.Statement{Statement: l.append(t.field), Args: []any{t.id, t.json}})
	}
	if len(writes) == 0 {
		return nil
	}
	return l.importer.write(ctx, writes)
}

func (l *lists) append(f *datamodel.Field) dialect.Statement {
	if s, ok := l.appends[f]; ok {
		return s
	}
	table := l.Layout.Table(f.Type)
	s := l.change(&relational.Update{
		Table: table,
		Set:   []relational.Assignment{{Column: l.Layout.Column(f), Value: 2, Append: true}},
		Where: relational.Compare{Column: table.ID, Op: relational.Equal, Arg: 1},
		Args:  []relational.ArgType{oneID, {Kind: relational.ArgJSON}},
	})
	l.appends[f] = s
	return s
}
