package relational

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"icehouse/dataplane/datamodel"
)

// Layout is where a model's nodes and edges are stored. It is made once for a
// release and used by its migration and by every query (design: one layout).
// Physical names are given when an element is created and stay when it is
// renamed, so that a release that still serves finds its rows during a deploy.
type Layout struct {
	Tables []*Table  // the table of datamodel.Type.Index
	Joins  []*Table  // tables that hold only edges: columns A and B
	byRel  []storage // by position in DataModel.Relations
	model  *datamodel.DataModel
}

// Table is one stored table.
type Table struct {
	Name    string
	Columns []*Column // all of them, in creation order; a type's table has ID first
	fields  []*Column // by datamodel.Field.Index; nil for relation fields without a column here

	// The columns that the server fills. They exist even when the model hides
	// them (data-api §1.6). nil in join tables.
	ID, CreatedAt, UpdatedAt *Column
}

// Kind is how a column's values are stored and compared.
type Kind uint8

// The kinds. A KindJSON column also holds scalar lists, as a JSON array.
const (
	KindID    Kind = iota // node ids; compared by bytes
	KindText              // String; compared without case, by Unicode simple folding
	KindWord              // enum values; compared by bytes
	KindHash              // Password; never compared
	KindInt               // 32 bit
	KindFloat             // double precision
	KindBool
	KindTime // UTC, milliseconds
	KindJSON // JSON text, kept as written
)

// Column is one stored column.
type Column struct {
	Table      *Table
	Name       string
	Kind       Kind
	Required   bool   // NOT NULL; of a foreign key: see Cascade
	Unique     bool   // at most one row per value; KindText: without case
	References *Table // the rows that a KindID column points at; nil for others
	// Cascade: deleting the referenced row deletes this row (join tables). Else it
	// empties the column, or is refused when that is Required. Such a column may
	// still be empty: an import stores nodes before their edges (data-api §9.1).
	// That no other write leaves it so is for plans to see to.
	Cascade bool
}

type storage struct {
	// join is set for many-to-many and same-field self relations.
	join *Table
	// owner is the end whose type's table has the foreign key column.
	owner  datamodel.Side
	column *Column
}

// Link is how the rows of a relation field hang on a node's row. Exactly one
// form applies.
type Link struct {
	// Parent: the node's row holds the id of the related row in this column.
	Parent *Column
	// Child: related rows hold the node's id in this column.
	Child *Column
	// Join: edges are rows of Join.Table; Join.From holds the node's id,
	// Join.To the related row's.
	Join *JoinLink
}

// JoinLink is one direction through a join table.
type JoinLink struct {
	Table    *Table
	From, To *Column
}

// Table returns where the nodes of a type are stored.
func (l *Layout) Table(t *datamodel.Type) *Table { return l.Tables[t.Index] }

// Column returns where a scalar or enum field is stored.
func (l *Layout) Column(f *datamodel.Field) *Column { return l.Tables[f.Type.Index].fields[f.Index] }

// Link returns how a relation field's nodes are reached.
func (l *Layout) Link(f *datamodel.Field) *Link {
	s := l.byRel[l.relationIndex(f.Relation)]
	if s.join != nil {
		a, b := s.join.Columns[0], s.join.Columns[1]
		if f.Side == datamodel.SideA {
			return &Link{Join: &JoinLink{Table: s.join, From: a, To: b}}
		}
		return &Link{Join: &JoinLink{Table: s.join, From: b, To: a}}
	}
	if s.owner == f.Side {
		return &Link{Parent: s.column}
	}
	return &Link{Child: s.column}
}

// Edges returns where a relation's edges are.
func (l *Layout) Edges(r *datamodel.Relation) Edges {
	s := l.byRel[l.relationIndex(r)]
	switch {
	case s.join != nil:
		return Edges{Table: s.join, A: s.join.Columns[0], B: s.join.Columns[1]}
	case s.owner == datamodel.SideA:
		return Edges{Table: s.column.Table, A: s.column.Table.ID, B: s.column}
	default:
		return Edges{Table: s.column.Table, A: s.column, B: s.column.Table.ID}
	}
}

func (l *Layout) relationIndex(r *datamodel.Relation) int {
	for i, candidate := range l.model.Relations {
		if candidate == r {
			return i
		}
	}
	panic("relational: relation " + r.Name + " is not part of this layout's model")
}

// Model is the model that this layout stores.
func (l *Layout) Model() *datamodel.DataModel { return l.model }

// Previous tells Build which elements of the new model existed before, so that
// they keep their physical names. Functions return nil for new elements.
type Previous struct {
	Layout   *Layout
	Type     func(*datamodel.Type) *datamodel.Type
	Field    func(*datamodel.Field) *datamodel.Field
	Relation func(*datamodel.Relation) *datamodel.Relation
}

// Build lays a model out. prev is nil for a project's first release.
//
// A to-one relation is a foreign key column at the end that is required, or at
// the many end, or at side A; many-to-many and same-field self relations are
// join tables. An element that is stored in the same form as before keeps its
// place; another form has a place of its own, so that both can be there during a
// deploy.
func Build(m *datamodel.DataModel, prev *Previous) *Layout {
	b := &builder{layout: &Layout{model: m}, prev: prev, taken: map[string]bool{}}
	b.tables()
	b.relations()
	return b.layout
}

type builder struct {
	layout *Layout
	prev   *Previous
	taken  map[string]bool // lower-case table names in use, before or now
}

func (b *builder) tables() {
	if b.prev != nil {
		for _, t := range b.prev.Layout.Tables {
			b.taken[strings.ToLower(t.Name)] = true
		}
		for _, t := range b.prev.Layout.Joins {
			b.taken[strings.ToLower(t.Name)] = true
		}
	}
	for _, t := range b.layout.model.Types {
		b.layout.Tables = append(b.layout.Tables, b.table(t))
	}
}

func (b *builder) table(t *datamodel.Type) *Table {
	old, oldType := (*Table)(nil), (*datamodel.Type)(nil)
	if b.prev != nil {
		if oldType = b.prev.Type(t); oldType != nil {
			old = b.prev.Layout.Table(oldType)
		}
	}
	table := &Table{fields: make([]*Column, len(t.Fields))}
	used := map[string]bool{"id": true, "createdat": true, "updatedat": true}
	if old != nil {
		table.Name = old.Name
		for _, c := range old.Columns {
			used[strings.ToLower(c.Name)] = true
		}
	} else {
		table.Name = freeName(t.Name, b.taken)
	}
	table.ID = table.add(&Column{Name: "id", Kind: KindID, Required: true, Unique: true})
	table.CreatedAt = table.add(&Column{Name: "createdAt", Kind: KindTime, Required: true})
	table.UpdatedAt = table.add(&Column{Name: "updatedAt", Kind: KindTime, Required: true})
	for _, f := range t.Fields {
		if f.IsRelation() {
			continue
		}
		switch f.Name {
		case "id":
			table.fields[f.Index] = table.ID
		case "createdAt":
			table.fields[f.Index] = table.CreatedAt
		case "updatedAt":
			table.fields[f.Index] = table.UpdatedAt
		default:
			column := &Column{Kind: kindOf(f), Required: f.Required, Unique: unique(f)}
			if b.prev != nil {
				if of := b.prev.Field(f); of != nil && !of.IsRelation() && sameForm(of, f) {
					column.Name = b.prev.Layout.Column(of).Name
				}
			}
			if column.Name == "" {
				column.Name = freeName(f.Name, used)
			}
			table.fields[f.Index] = table.add(column)
		}
	}
	return table
}

func (t *Table) add(c *Column) *Column {
	c.Table = t
	t.Columns = append(t.Columns, c)
	return c
}

// maxName is the length in bytes that every engine keeps of a name.
const maxName = 63

// freeName returns name, or name_2, name_3 ... and marks it as used. Names are
// compared without case because one of the engines does, and cut to maxName.
func freeName(name string, used map[string]bool) string {
	candidate := name[:min(len(name), maxName)]
	for i := 2; used[strings.ToLower(candidate)]; i++ {
		suffix := "_" + strconv.Itoa(i)
		candidate = name[:min(len(name), maxName-len(suffix))] + suffix
	}
	used[strings.ToLower(candidate)] = true
	return candidate
}

// unique says whether the rows of a field are held apart. Lists and Json have no
// order to compare by: @isUnique says nothing there.
func unique(f *datamodel.Field) bool { return f.Unique && kindOf(f) != KindJSON }

// sameForm says that the values of two fields are stored alike, so that what one
// has written is what the other means.
func sameForm(a, b *datamodel.Field) bool {
	kind := kindOf(a)
	return kind == kindOf(b) && (kind != KindJSON || a.List == b.List && a.Scalar == b.Scalar)
}

func kindOf(f *datamodel.Field) Kind {
	switch {
	case f.List:
		return KindJSON
	case f.Enum != nil:
		return KindWord
	}
	switch f.Scalar {
	case datamodel.Int:
		return KindInt
	case datamodel.Float:
		return KindFloat
	case datamodel.Boolean:
		return KindBool
	case datamodel.DateTime:
		return KindTime
	case datamodel.JSON:
		return KindJSON
	case datamodel.ID:
		return KindID
	case datamodel.Password:
		return KindHash
	default:
		return KindText
	}
}

func (b *builder) relations() {
	for _, r := range b.layout.model.Relations {
		b.layout.byRel = append(b.layout.byRel, b.relation(r))
	}
}

func (b *builder) relation(r *datamodel.Relation) storage {
	var old *storage
	if b.prev != nil {
		if or := b.prev.Relation(r); or != nil {
			old = &b.prev.Layout.byRel[b.prev.Layout.relationIndex(or)]
		}
	}
	if r.SameField() || r.A().List && r.B().List {
		return storage{join: b.join(r, old)}
	}
	owner := ownerSide(r)
	end := r.Ends[owner]
	table := b.layout.Table(end.Type)
	column := &Column{
		Kind:       KindID,
		Required:   end.Required,
		Unique:     !r.Ends[1-owner].List,
		References: b.layout.Table(end.Target()),
	}
	if old != nil && old.join == nil && old.owner == owner && old.column.Table.Name == table.Name && old.column.Required == column.Required {
		column.Name = old.column.Name
	} else {
		used := map[string]bool{}
		for _, c := range table.Columns {
			used[strings.ToLower(c.Name)] = true
		}
		if b.prev != nil {
			for _, t := range b.prev.Layout.Tables {
				if t.Name == table.Name {
					for _, c := range t.Columns {
						used[strings.ToLower(c.Name)] = true
					}
				}
			}
		}
		column.Name = freeName(end.Name, used)
	}
	return storage{owner: owner, column: table.add(column)}
}

// ownerSide picks the end whose table holds the foreign key of a relation that
// needs no join table.
func ownerSide(r *datamodel.Relation) datamodel.Side {
	switch {
	case r.A().List:
		return datamodel.SideB
	case r.B().List:
		return datamodel.SideA
	case r.B().Required && !r.A().Required:
		return datamodel.SideB
	default:
		return datamodel.SideA
	}
}

func (b *builder) join(r *datamodel.Relation, old *storage) *Table {
	join := &Table{}
	if old != nil && old.join != nil {
		join.Name = old.join.Name
	} else {
		join.Name = freeName("_"+r.Name, b.taken)
	}
	join.add(&Column{Name: "A", Kind: KindID, Required: true, Cascade: true,
		Unique: r.SameField() && !r.A().List, References: b.layout.Table(r.A().Type)})
	join.add(&Column{Name: "B", Kind: KindID, Required: true, Cascade: true,
		References: b.layout.Table(r.B().Type)})
	b.layout.Joins = append(b.layout.Joins, join)
	return join
}

// wire is the form of a layout inside a release: physical names only, since the
// rest follows from the model.
type wire struct {
	Tables    []wireTable    `json:"tables"`
	Relations []wireRelation `json:"relations"`
}

type wireTable struct {
	Name   string   `json:"name"`
	Fields []string `json:"fields"` // column names by field index; "" for relation fields
}

type wireRelation struct {
	Join   string `json:"join,omitempty"`
	Column string `json:"column,omitempty"`
	Owner  int    `json:"owner,omitempty"`
}

// MarshalJSON writes the physical names.
func (l *Layout) MarshalJSON() ([]byte, error) {
	w := wire{Tables: []wireTable{}, Relations: []wireRelation{}}
	for _, t := range l.Tables {
		wt := wireTable{Name: t.Name, Fields: make([]string, len(t.fields))}
		for i, c := range t.fields {
			if c != nil {
				wt.Fields[i] = c.Name
			}
		}
		w.Tables = append(w.Tables, wt)
	}
	for _, s := range l.byRel {
		if s.join != nil {
			w.Relations = append(w.Relations, wireRelation{Join: s.join.Name})
		} else {
			w.Relations = append(w.Relations, wireRelation{Column: s.column.Name, Owner: int(s.owner)})
		}
	}
	return json.Marshal(w)
}

// Load reads a layout that MarshalJSON wrote for this model.
func Load(m *datamodel.DataModel, data []byte) (*Layout, error) {
	var w wire
	if err := json.Unmarshal(data, &w); err != nil {
		return nil, fmt.Errorf("read layout: %w", err)
	}
	if len(w.Tables) != len(m.Types) || len(w.Relations) != len(m.Relations) {
		return nil, fmt.Errorf("layout has %d tables and %d relations, the model %d and %d",
			len(w.Tables), len(w.Relations), len(m.Types), len(m.Relations))
	}
	l := &Layout{model: m}
	for i, t := range m.Types {
		if len(w.Tables[i].Fields) != len(t.Fields) {
			return nil, fmt.Errorf("layout has %d fields for type %s, the model %d", len(w.Tables[i].Fields), t.Name, len(t.Fields))
		}
		table := &Table{Name: w.Tables[i].Name, fields: make([]*Column, len(t.Fields))}
		table.ID = table.add(&Column{Name: "id", Kind: KindID, Required: true, Unique: true})
		table.CreatedAt = table.add(&Column{Name: "createdAt", Kind: KindTime, Required: true})
		table.UpdatedAt = table.add(&Column{Name: "updatedAt", Kind: KindTime, Required: true})
		for _, f := range t.Fields {
			switch {
			case f.IsRelation():
			case f.Name == "id":
				table.fields[f.Index] = table.ID
			case f.Name == "createdAt":
				table.fields[f.Index] = table.CreatedAt
			case f.Name == "updatedAt":
				table.fields[f.Index] = table.UpdatedAt
			default:
				table.fields[f.Index] = table.add(&Column{Name: w.Tables[i].Fields[f.Index], Kind: kindOf(f), Required: f.Required, Unique: unique(f)})
			}
		}
		l.Tables = append(l.Tables, table)
	}
	b := &builder{layout: l}
	for i, r := range m.Relations {
		wr := w.Relations[i]
		if wr.Join != "" {
			b.taken = map[string]bool{}
			s := storage{join: b.join(r, &storage{join: &Table{Name: wr.Join}})}
			l.byRel = append(l.byRel, s)
			continue
		}
		if wr.Owner != 0 && wr.Owner != 1 {
			return nil, fmt.Errorf("layout of relation %s has no side %d", r.Name, wr.Owner)
		}
		owner := datamodel.Side(wr.Owner)
		end := r.Ends[owner]
		table := l.Table(end.Type)
		column := table.add(&Column{Name: wr.Column, Kind: KindID, Required: end.Required,
			Unique: !r.Ends[1-owner].List, References: l.Table(end.Target())})
		l.byRel = append(l.byRel, storage{owner: owner, column: column})
	}
	return l, nil
}
