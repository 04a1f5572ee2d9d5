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
	// AddColumn adds a column, with its index, uniqueness and foreign key.
	AddColumn struct{ Column *Column }
)

func (CreateTable) schemaChange() {}
func (AddColumn) schemaChange()   {}

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
				steps = append(steps, AddColumn{c})
			}
		}
	}
	for _, t := range l.Joins {
		steps = append(steps, CreateTable{t})
	}
	return steps
}
