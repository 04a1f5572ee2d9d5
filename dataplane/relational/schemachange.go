package relational

// SchemaChange is one step of a migration of a project's tables. Steps are
// idempotent where the engine allows it, so that a deploy that stopped half-way
// can be repeated. The set is closed and grows with what deploys can do.
type SchemaChange interface{ schemaChange() }

type (
	// CreateTable makes a table with its columns that reference nothing, its
	// key and its unique and foreign-key indexes. Foreign keys follow as
	// AddColumn, since tables may point at each other. Join tables are made
	// whole, after all others.
	CreateTable struct{ Table *Table }
	// AddColumn adds a column, with its index, uniqueness and foreign key. Bare, it
	// holds nothing to a rule but its foreign key until Settle: rows may have no
	// value there, or the same.
	AddColumn struct {
		Column *Column
		Bare   bool
	}
	// Settle holds the rows of a table to what its column demands: a value, another
	// one in each row. Was is what it demanded before; nil after a bare AddColumn.
	Settle struct{ Column, Was *Column }
	// Still keeps other transactions from changing a table's rows until this one
	// ends. They may read them.
	Still struct{ Table *Table }
	// Fill gives a column of the rows that are there, where Where holds, a value.
	Fill struct {
		Column *Column
		Value  Filling
		Where  Predicate // without arguments; nil: all rows
	}
	// MoveEdges copies the edges of a relation to where they will be.
	MoveEdges struct{ From, To Edges }
	// DropColumn removes a column with all that belongs to it.
	DropColumn struct{ Column *Column }
	// DropTable removes a table. Nothing points at it any more.
	DropTable struct{ Table *Table }
)

// Filling is where a value comes from: another column of the row, or else a
// constant.
type Filling struct {
	// Text is a column whose values are written as the text that an API shows; of a
	// list (both columns are KindJSON), each element.
	Text *Column
	// JSON is a value as JSON text; "" is null. A KindHash has the hash.
	JSON string
}

// Edges are where a relation's edges are: rows with the ids of both ends. Of a
// foreign key, one of the columns is the table's ID.
type Edges struct {
	Table *Table
	A, B  *Column
}

func (CreateTable) schemaChange() {}
func (AddColumn) schemaChange()   {}
func (Settle) schemaChange()      {}
func (Still) schemaChange()       {}
func (Fill) schemaChange()        {}
func (MoveEdges) schemaChange()   {}
func (DropColumn) schemaChange()  {}
func (DropTable) schemaChange()   {}

// Create lists the steps that make a layout from nothing: tables first, then
// what points from one to another, then the join tables.
func (l *Layout) Create() []SchemaChange {
	var steps []SchemaChange
	for _, t := range l.Tables {
		steps = append(steps, CreateTable{t})
	}
	for _, t := range l.Tables {
		for _, c := range t.Columns {
			if c.References != nil {
				steps = append(steps, AddColumn{Column: c})
			}
		}
	}
	for _, t := range l.Joins {
		steps = append(steps, CreateTable{t})
	}
	return steps
}
