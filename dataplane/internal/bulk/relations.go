package bulk

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/relational"
)

// relations imports edges.
type relations struct {
	*importer
	stores map[*datamodel.Relation]*edgeStore
	batch  []edge
}

// edge connects two nodes. from is at the end that the store's field names.
type edge struct {
	index    int
	store    *edgeStore
	from, to reference
}

// edgeStore is how the edges of a relation are kept. Exactly one of column and
// join is set.
type edgeStore struct {
	field  *datamodel.Field   // the end whose node's row holds the edge, or side A of a join table
	column *relational.Column // of the rows of field's type
	join   *relational.JoinLink

	partners dialect.Statement // who is connected to some nodes; zero where everybody may be
	write    dialect.Statement
}

// oneToOne says that a node at the other end of the field has one partner too.
func (s *edgeStore) oneToOne() bool { return s.column != nil && s.column.Unique }

// pairs says that the relation makes pairs of nodes of one type.
func (s *edgeStore) pairs() bool { return s.field.Relation.SameField() && !s.field.List }

// half is one of the two parts of an element: a node, and perhaps its field.
type half struct {
	reference
	field *datamodel.Field
}

// halves reads an element (data-api §9.1). The error stands for the whole request.
func (r *relations) halves(element jsontext.Value) (out [2]half, err error) {
	if element.Kind() != '[' {
		return out, unparsable(element, "An element must be a list of two nodes.")
	}
	n := 0
	err = items(element, func(i int, item jsontext.Value) error {
		if n++; n > len(out) {
			return nil
		}
		h, err := r.half(item)
		out[i] = h
		return err
	})
	switch {
	case err != nil:
		return out, err
	case n != len(out):
		return out, unparsable(element, "An element must be a list of two nodes.")
	case out[0].field == nil && out[1].field == nil:
		return out, unparsable(element, "One of the two nodes needs a text %q.", fieldName)
	}
	return out, nil
}

func (r *relations) half(item jsontext.Value) (half, error) {
	name, named, wrong := "", false, false
	of, err := refer(r.model(), item, func(key string, value jsontext.Value) error {
		if key == fieldName {
			name, named = text(value)
			wrong = !named && value.Kind() != 'n'
		}
		return nil
	})
	switch {
	case err != nil:
		return half{}, err
	case wrong:
		return half{}, unparsable(item, "%q must be a text or null.", fieldName)
	case !named:
		return half{reference: of}, nil
	}
	f := of.typ.Field(name)
	if f == nil || !f.IsRelation() {
		return half{}, fault.New(fault.UnknownField, "Field with the name '%s' does not exist on the model '%s'", name, of.typ.Name)
	}
	return half{of, f}, nil
}

func (r *relations) check(element jsontext.Value) error {
	_, err := r.halves(element)
	return err
}

// add takes an edge. The first node with a field decides what edge it is.
func (r *relations) add(index int, element jsontext.Value) error {
	h, err := r.halves(element)
	if err != nil {
		return err
	}
	from, to := h[0], h[1]
	if from.field == nil {
		from, to = to, from
	}
	if target := from.field.Target(); to.typ != target {
		return refuse("The field '%s' on type '%s' leads to nodes of type '%s', not of type '%s'.", from.field.Name, from.typ.Name, target.Name, to.typ.Name)
	}
	s := r.store(from.field)
	e := edge{index, s, from.reference, to.reference}
	if s.field != from.field {
		e.from, e.to = e.to, e.from
	}
	r.batch = append(r.batch, e)
	return nil
}

// store returns how the edges of a relation are kept, by one of its fields.
func (r *relations) store(f *datamodel.Field) *edgeStore {
	s := r.stores[f.Relation]
	if s == nil {
		s = &edgeStore{field: f.Relation.A()}
		if r.Layout.Link(s.field).Child != nil {
			s.field = f.Relation.B()
		}
		link := r.Layout.Link(s.field)
		if s.column, s.join = link.Parent, link.Join; s.column != nil {
			r.columnStore(s)
		} else {
			r.joinStore(s)
		}
		r.stores[f.Relation] = s
	}
	return s
}

// columnStore makes the statements on a column.
func (r *relations) columnStore(s *edgeStore) {
	table := s.column.Table
	find := func(by *relational.Column, arg relational.Arg) relational.Value {
		return rowsOf(&relational.Select{Table: table, Where: relational.In{Column: by, Arg: arg}}, column("from", table.ID), column("to", s.column))
	}
	q := &relational.Query{Args: []relational.ArgType{manyIDs}, Fields: []relational.Field{{Key: "own", Value: find(table.ID, 1)}}}
	if s.oneToOne() {
		q.Args = append(q.Args, manyIDs)
		q.Fields = append(q.Fields, relational.Field{Key: "others", Value: find(s.column, 2)})
	}
	s.partners = r.read(q)
	s.write = r.change(&relational.Update{
		Table: table,
		Set:   []relational.Assignment{{Column: s.column, Value: 2}},
		Where: relational.In{Column: table.ID, Arg: 1},
		Args:  []relational.ArgType{manyIDs, oneID},
	})
}

// joinStore makes the statements on a join table. An edge that is there is left
// alone, but a pair is two rows, of which none may stay out alone.
func (r *relations) joinStore(s *edgeStore) {
	if s.pairs() {
		table := r.Layout.Table(s.field.Type)
		partner := &relational.One{Select: &relational.Select{Table: table, Link: r.Layout.Link(s.field)}, Fields: []relational.Field{column(idName, table.ID)}}
		own := rowsOf(&relational.Select{Table: table, Where: relational.In{Column: table.ID, Arg: 1}},
			column("from", table.ID), relational.Field{Key: "partner", Value: partner})
		s.partners = r.read(&relational.Query{Args: []relational.ArgType{manyIDs}, Fields: []relational.Field{{Key: "own", Value: own}}})
	}
	s.write = r.change(&relational.Insert{
		Table: s.join.Table, Columns: []*relational.Column{s.join.From, s.join.To}, Values: []relational.Arg{1, 2},
		Each: true, IgnoreExisting: !s.pairs(), Args: []relational.ArgType{manyIDs, manyIDs},
	})
}

// partners are who is connected with whom over a relation, as far as the nodes
// of a batch go.
type partners struct {
	store *edgeStore
	of    map[string]string // by the id at the field's end; of pairs, by both
	back  map[string]string // by the id at the other end, where it has one partner
}

func (r *relations) readPartners(s *edgeStore, text []byte) (*partners, error) {
	type row struct {
		From    string
		To      string
		Partner struct{ ID string }
	}
	var found struct{ Own, Others []row }
	if err := json.Unmarshal(text, &found); err != nil {
		return nil, fault.Internal(fmt.Errorf("partners: %w", err))
	}
	p := &partners{s, map[string]string{}, map[string]string{}}
	for _, row := range append(found.Own, found.Others...) {
		to := row.To + row.Partner.ID // one of them is empty
		if to == "" {
			continue
		}
		p.of[row.From] = to
		if s.oneToOne() {
			p.back[to] = row.From
		}
	}
	return p, nil
}

// connect adds an edge where there is room for it (LQ-D69). isNew is false when
// it is there already. What another request connects between this look and the
// write is seen by the database alone: it never lets an end have two nodes, but
// of two requests for one node the later may win.
func (p *partners) connect(e edge) (isNew bool, err error) {
	from, to := e.from.id, e.to.id
	field, pairs := p.store.field, p.store.pairs()
	switch {
	case p.of[from] == to:
		return false, nil
	case p.of[from] != "":
		return false, full(field, from)
	case pairs && p.of[to] != "":
		return false, full(field, to)
	case p.back[to] != "":
		return false, full(field.Reverse(), to)
	}
	p.of[from] = to
	if pairs {
		p.of[to] = from
	}
	if p.store.oneToOne() {
		p.back[to] = from
	}
	return true, nil
}

func full(f *datamodel.Field, id string) error {
	return refuse("The node '%s' of type '%s' has another node in its field '%s', which holds one only.", id, f.Type.Name, f.Name)
}

func (r *relations) flush(ctx context.Context) error {
	batch := r.batch
	r.batch = r.batch[:0]
	known, connected, err := r.look(ctx, batch)
	if err != nil {
		return err
	}
	fresh := batch[:0]
	for _, e := range batch {
		isNew, err := true, error(nil)
		switch p := connected[e.store]; {
		case !known.has(e.from):
			err = refuse("%s", noNode(e.from.typ, e.from.id))
		case !known.has(e.to):
			err = refuse("%s", noNode(e.to.typ, e.to.id))
		case p != nil:
			isNew, err = p.connect(e)
		}
		if err != nil {
			r.report(e.index, err.Error())
		} else if isNew {
			fresh = append(fresh, e)
		}
	}
	return halve(len(fresh), func(from, to int) error { return r.write(ctx, fresh[from:to]) },
		func(at int, e *database.Error) {
			edge := fresh[at]
			if e.Kind == database.MissingReference {
				r.report(edge.index, "A node that the element names is not there any more.")
			} else { // somebody else connected one of the nodes in the meantime
				r.report(edge.index, full(edge.store.field, edge.from.id).Error())
			}
		})
}

// look finds the nodes of a batch and their partners, in one round trip.
func (r *relations) look(ctx context.Context, batch []edge) (owners, map[*edgeStore]*partners, error) {
	var ids []string
	var asked []*edgeStore
	from, to := map[*edgeStore][]string{}, map[*edgeStore][]string{}
	for _, e := range batch {
		ids = append(ids, e.from.id, e.to.id)
		if e.store.partners.SQL == "" {
			continue
		}
		if from[e.store] == nil {
			asked = append(asked, e.store)
		}
		from[e.store], to[e.store] = append(from[e.store], e.from.id), append(to[e.store], e.to.id)
	}
	var reads []database.Statement
	for _, s := range asked {
		read := database.Statement{Statement: s.partners, Args: []any{from[s]}}
		switch {
		case s.pairs():
			read.Args[0] = append(from[s], to[s]...)
		case s.oneToOne():
			read.Args = append(read.Args, to[s])
		}
		reads = append(reads, read)
	}
	known, results, err := r.owners(ctx, ids, reads...)
	if err != nil {
		return nil, nil, err
	}
	connected := map[*edgeStore]*partners{}
	for i, s := range asked {
		if connected[s], err = r.readPartners(s, results[i]); err != nil {
			return nil, nil, err
		}
	}
	return known, connected, nil
}

// write stores edges that are known to be new: by one statement for each node
// that others point at, and by one for each join table.
func (r *relations) write(ctx context.Context, edges []edge) error {
	type group struct {
		store *edgeStore
		to    string // of a column
	}
	var order []group
	from, to := map[group][]string{}, map[group][]string{}
	for _, e := range edges {
		g := group{store: e.store}
		if e.store.column != nil {
			g.to = e.to.id
		}
		if from[g] == nil {
			order = append(order, g)
		}
		from[g], to[g] = append(from[g], e.from.id), append(to[g], e.to.id)
		if e.store.field.Relation.SameField() && e.from != e.to { // an edge without direction is stored in both
			from[g], to[g] = append(from[g], e.to.id), append(to[g], e.from.id)
		}
	}
	var writes []database.Statement
	for _, g := range order {
		if g.store.column == nil {
			writes = append(writes, database.Statement{Statement: g.store.write, Args: []any{from[g], to[g]}})
			continue
		}
		writes = append(writes, database.Statement{Statement: g.store.write, Args: []any{from[g], g.to}})
	}
	return r.importer.write(ctx, writes)
}
