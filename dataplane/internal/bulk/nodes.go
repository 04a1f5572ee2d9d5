package bulk

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/relational"
)

// nodes imports nodes with their scalars.
type nodes struct {
	*importer
	now    time.Time
	tables []*nodeTable // by datamodel.Type.Index; nil until one is needed
	batch  []node
}

// node is a row to be. values stand as in nodeTable.columns.
type node struct {
	reference
	index  int
	values []any
}

// nodeTable is how the nodes of a type become rows. One argument holds a list of
// values for each column; the empty lists of list fields are the same for all.
type nodeTable struct {
	columns []*relational.Column
	fields  []*datamodel.Field // by column; nil for those of the server
	places  map[string]int     // column by the name of its field
	names   map[*relational.Column]string
	insert  dialect.Statement
	empty   bool // the last argument is the empty list

	unique []int // columns whose values are held apart
	taken  dialect.Statement
}

// The columns that every node has stand first.
const (
	idPlace = iota
	createdPlace
	updatedPlace
)

func (n *nodes) table(t *datamodel.Type) *nodeTable {
	if nt := n.tables[t.Index]; nt != nil {
		return nt
	}
	table := n.Layout.Table(t)
	nt := &nodeTable{
		columns: []*relational.Column{table.ID, table.CreatedAt, table.UpdatedAt},
		fields:  make([]*datamodel.Field, updatedPlace+1),
		places:  map[string]int{"createdAt": createdPlace, "updatedAt": updatedPlace},
		names:   map[*relational.Column]string{},
	}
	var lists []*relational.Column
	for _, f := range t.Fields {
		switch {
		case f.IsRelation() || f.IsSystem():
		case f.List:
			lists = append(lists, n.Layout.Column(f))
		default:
			c := n.Layout.Column(f)
			if c.Unique {
				nt.unique = append(nt.unique, len(nt.columns))
			}
			nt.places[f.Name], nt.names[c] = len(nt.columns), f.Name
			nt.columns, nt.fields = append(nt.columns, c), append(nt.fields, f)
		}
	}
	insert := &relational.Insert{Table: table, Columns: append(nt.columns[:len(nt.columns):len(nt.columns)], lists...), Each: true}
	for i, c := range nt.columns {
		insert.Args = append(insert.Args, relational.ArgType{Kind: c.Kind.Arg(), List: true})
		insert.Values = append(insert.Values, relational.Arg(i+1))
	}
	if nt.empty = len(lists) > 0; nt.empty {
		insert.Args = append(insert.Args, relational.ArgType{Kind: relational.ArgJSON})
		for range lists {
			insert.Values = append(insert.Values, relational.Arg(len(insert.Args)))
		}
	}
	nt.insert = n.change(insert)
	n.tables[t.Index] = nt
	return nt
}

func (n *nodes) check(element jsontext.Value) error {
	_, err := refer(n.model(), element, ignore)
	return err
}

func (n *nodes) add(index int, element jsontext.Value) error {
	var given []member
	of, err := refer(n.model(), element, func(name string, value jsontext.Value) error {
		given = append(given, member{name, value})
		return nil
	})
	if err != nil {
		return err
	}
	if err := checkID(of.id); err != nil {
		return err
	}
	nt := n.table(of.typ)
	row := node{of, index, make([]any, len(nt.columns))}
	row.values[idPlace], row.values[createdPlace], row.values[updatedPlace] = of.id, n.now, n.now
	for _, m := range given {
		if err := nt.set(row, m); err != nil {
			return err
		}
	}
	for i, f := range nt.fields {
		if f != nil && f.Required && row.values[i] == nil {
			return refuse("The field '%s' on type '%s' is required.", f.Name, of.typ.Name)
		}
	}
	n.batch = append(n.batch, row)
	return nil
}

// member is one member of an element.
type member struct {
	name  string
	value jsontext.Value
}

func (nt *nodeTable) set(row node, m member) error {
	place, ok := nt.places[m.name]
	if !ok {
		return wrongField(row.typ, m.name)
	}
	if m.value.Kind() == 'n' {
		return nil // as if it was not given
	}
	if f := nt.fields[place]; f != nil {
		v, err := stored(f, m.value)
		row.values[place] = v
		return err
	}
	at, ok := moment(m.value)
	if !ok {
		return refuse("The value %s is not valid for the field '%s': a date in a form of ISO 8601 is wanted.", shown(m.value), m.name)
	}
	row.values[place] = at
	return nil
}

// wrongField says why a name is none that nodes can have.
func wrongField(t *datamodel.Type, name string) error {
	switch f := t.Field(name); {
	case f == nil:
		return refuse("Field with the name '%s' does not exist on the model '%s'", name, t.Name)
	case f.IsRelation():
		return refuse("The field '%s' on type '%s' is a relation: its edges are imported as \"relations\".", name, t.Name)
	default:
		return refuse("The field '%s' on type '%s' is a list: its values are imported as \"lists\".", name, t.Name)
	}
}

func (n *nodes) flush(ctx context.Context) error {
	batch := n.batch
	n.batch = n.batch[:0]
	ids := make([]string, len(batch))
	for i, row := range batch {
		ids[i] = row.id
	}
	taken, _, err := n.owners(ctx, ids)
	if err != nil {
		return err
	}
	byType := make([][]node, len(n.tables))
	for _, row := range batch {
		switch {
		case n.from.stored[row.index]:
			continue
		case taken[row.id] != nil:
			n.report(row.index, idTaken(row.id))
			continue
		}
		taken[row.id] = row.typ
		byType[row.typ.Index] = append(byType[row.typ.Index], row)
	}
	for _, rows := range byType {
		if rows, err = n.insertAll(ctx, rows); err != nil {
			return err
		}
		err := halve(len(rows), func(from, to int) error { return n.insert(ctx, rows[from:to]) },
			func(at int, e *database.Error) {
				row := rows[at]
				n.report(row.index, n.explain(e, row.typ, row.id, n.table(row.typ).names))
			})
		if err != nil {
			return err
		}
	}
	return nil
}

// insertAll writes rows of one type at once. When values stand in their way, those
// rows are reported, and the others are left to be written.
func (n *nodes) insertAll(ctx context.Context, rows []node) (left []node, err error) {
	if len(rows) == 0 {
		return nil, nil
	}
	err = n.insert(ctx, rows)
	var e *database.Error
	switch {
	case err == nil:
		return nil, nil
	case !errors.As(err, &e) || !ofElement(e.Kind):
		return nil, err
	case e.Kind != database.UniqueViolation:
		return rows, nil
	}
	nt := n.table(rows[0].typ)
	taken, err := n.takenValues(ctx, nt, rows)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		free := true
		for i, place := range nt.unique {
			if free = row.values[place] == nil || !taken[i][nt.compared(place, row.values[place])]; !free {
				n.report(row.index, uniqueViolated(row.typ, nt.fields[place].Name))
				break
			}
		}
		if !free {
			continue
		}
		for i, place := range nt.unique {
			taken[i][nt.compared(place, row.values[place])] = true
		}
		left = append(left, row)
	}
	return left, nil
}

// compared is the form in which unique values are held apart.
func (nt *nodeTable) compared(place int, value any) any {
	if s, ok := value.(string); ok && nt.columns[place].Kind == relational.KindText {
		return relational.Fold(s)
	}
	return value
}

// takenValues finds which unique values of some rows others have, by column.
func (n *nodes) takenValues(ctx context.Context, nt *nodeTable, rows []node) ([]map[any]bool, error) {
	if nt.taken.SQL == "" {
		nt.taken = n.takenStatement(nt)
	}
	args := make([]any, len(nt.unique))
	for i, place := range nt.unique {
		list := []any{}
		for _, row := range rows {
			if v := row.values[place]; v != nil {
				list = append(list, nt.compared(place, v))
			}
		}
		args[i] = list
	}
	answer, err := n.query(ctx, nt.taken, args...)
	if err != nil {
		return nil, err
	}
	taken := make([]map[any]bool, 0, len(nt.unique))
	err = members(answer, func(_ string, found jsontext.Value) error {
		place, values := nt.unique[len(taken)], map[any]bool{}
		taken = append(taken, values)
		return items(found, func(_ int, row jsontext.Value) error {
			return members(row, func(_ string, value jsontext.Value) error {
				v, err := stored(nt.fields[place], value)
				values[nt.compared(place, v)] = true
				return err
			})
		})
	})
	if err != nil {
		return nil, fault.Internal(fmt.Errorf("unique values: %w", err))
	}
	return taken, nil
}

func (n *nodes) takenStatement(nt *nodeTable) dialect.Statement {
	q := &relational.Query{}
	for i, place := range nt.unique {
		c := nt.columns[place]
		kind := c.Kind.Arg()
		if c.Kind == relational.KindText {
			kind = relational.ArgFold
		}
		q.Args = append(q.Args, relational.ArgType{Kind: kind, List: true})
		q.Fields = append(q.Fields, relational.Field{Key: strconv.Itoa(i), Value: rowsOf(
			&relational.Select{Table: c.Table, Where: relational.In{Column: c, Arg: relational.Arg(i + 1)}}, column("value", c))})
	}
	return n.read(q)
}

// insert writes rows of one type.
func (n *nodes) insert(ctx context.Context, rows []node) error {
	nt := n.table(rows[0].typ)
	args := make([]any, len(nt.columns), len(nt.columns)+1)
	for c := range nt.columns {
		list := make([]any, len(rows))
		for i, row := range rows {
			list[i] = row.values[c]
		}
		args[c] = list
	}
	if nt.empty {
		args = append(args, "[]")
	}
	_, err := n.importer.batch(ctx, []database.Statement{{Statement: nt.insert, Args: args}})
	if err == nil {
		for _, row := range rows {
			n.from.stored[row.index] = true
		}
	}
	return err
}
