package relational

// Query is one read. Rendered, it is one statement that returns one row with
// one column: the text of a JSON object with Fields in their order.
type Query struct {
	Fields []Field
	Args   []ArgType // what $1, $2 ... carry
}

// Field is one key of a JSON object.
type Field struct {
	Key   string // the response key, as the client wrote it
	Value Value
}

// Value is what stands under a key. The set is closed.
type Value interface{ value() }

type (
	// ColumnValue is a column of the current row.
	ColumnValue struct{ Column *Column }
	// Literal is constant JSON text, for example "Post" or null.
	Literal struct{ JSON string }
	// Object is an object made of the current row.
	Object struct{ Fields []Field }
	// One is the object of the first row that Select finds, or null.
	One struct {
		Select *Select
		Fields []Field
	}
	// Many is the array of the objects of the rows that Select finds.
	Many struct {
		Select *Select
		Fields []Field
	}
	// Count is the number of rows that Select finds.
	Count struct{ Select *Select }
	// Whether says if Select finds a row.
	Whether struct{ Select *Select }
	// FirstOf is the first option that is not null, or null.
	FirstOf struct{ Options []*One }
	// Argument is an argument that carries a text, as a member of an object.
	Argument struct{ Arg Arg }
	// Noted is the value of a column in the JSON object of a row that is no more, or no
	// longer so. The argument, an ArgJSON, carries the object, by the names of columns.
	Noted struct {
		Arg    Arg
		Column *Column
	}
	// When is one value where an argument is this very text, else another.
	When struct {
		Arg        Arg
		Is         string // known to the plan; never a client's
		Then, Else Value
	}
	// Guarded is Value where the gate lets it through, else the JSON string Mark.
	Guarded struct {
		Gate  *Gate
		Value Value
		Mark  string
	}
	// Page is an object about the rows that Select finds. They are found once,
	// whatever is said about them: by PageRows, PageCursor and PageMore, which
	// have their meaning inside Fields and the Objects there. Everything else in
	// Fields is on the current row.
	Page struct {
		Select *Select
		Fields []Field
	}
	// PageRows is the array of the objects of the page's rows.
	PageRows struct{ Fields []Field }
	// PageCursor is the id of the page's first row, or of its last; null when it
	// has none.
	PageCursor struct{ Last bool }
	// PageMore says whether the list goes on where the page's Limit cut it: behind
	// the page, with FromEnd before it. Without Limit it does not.
	PageMore struct{}
)

func (ColumnValue) value() {}
func (Guarded) value()     {}
func (Literal) value()     {}
func (Object) value()      {}
func (*One) value()        {}
func (*Many) value()       {}
func (*Count) value()      {}
func (Whether) value()     {}
func (*FirstOf) value()    {}
func (Argument) value()    {}
func (Noted) value()       {}
func (When) value()        {}
func (*Page) value()       {}
func (PageRows) value()    {}
func (PageCursor) value()  {}
func (PageMore) value()    {}

// Gate is a condition on the current row that several values of it share. It is
// looked at once for each row, and closed where it is unknown.
type Gate struct{ Predicate Predicate }

// Select is a list of rows of one table.
type Select struct {
	Table *Table
	Link  *Link     // how the rows hang on the current row; nil: all rows of the table
	Where Predicate // nil: no condition
	// Was is an argument, an ArgJSON, whose JSON object is the one row that is looked
	// at instead of the table's, by the names of columns; 0: the table.
	Was Arg

	// Order is by this column, ties by id ascending; nil is by id alone.
	// Nulls come first ascending and last descending (data-api §2.11).
	// Count ignores all that follows.
	OrderBy *Column
	Desc    bool
	Cursors []Cursor
	Skip    Arg  // 0: none
	Limit   Arg  // 0: none. A cut list keeps the first rows,
	FromEnd bool // or the last ones, still in list order
	Max     int  // a limit that is the same for every request; stands in for Limit when it is not 0
}

// Cursor keeps the rows behind (or before) the row with this id, in list order.
// A row that doesn't exist leaves nothing. The row need not match Where.
type Cursor struct {
	ID     Arg
	Before bool
}

// Arg is the number of an argument, from 1. 0 is none. Inside WithRow, -1, -2 ...
// are the values of a row.
type Arg int

// ArgType is what an argument carries.
type ArgType struct {
	Kind ArgKind
	List bool
}

// ArgKind says how an argument's value is given to a statement.
type ArgKind uint8

// The kinds of argument, with the Go type that the executor hands over.
const (
	ArgID    ArgKind = iota // string
	ArgText                 // string, as stored
	ArgFold                 // string, already folded by Fold: for comparisons
	ArgWord                 // string: enum value, password hash
	ArgInt                  // int64
	ArgFloat                // float64
	ArgBool                 // bool
	ArgTime                 // time.Time in UTC, whole milliseconds
	ArgJSON                 // string: JSON text
)

// Arg is how a value of the kind is given to a statement that stores it. Texts are
// compared as ArgFold.
func (k Kind) Arg() ArgKind {
	switch k {
	case KindID:
		return ArgID
	case KindText:
		return ArgText
	case KindInt:
		return ArgInt
	case KindFloat:
		return ArgFloat
	case KindBool:
		return ArgBool
	case KindTime:
		return ArgTime
	case KindJSON:
		return ArgJSON
	default: // KindWord, KindHash
		return ArgWord
	}
}

// Predicate is a condition on the current row. A condition on a null value is
// neither true nor false (three-valued, data-api §2.6.5). The set is closed.
type Predicate interface{ predicate() }

type (
	// And holds when all hold; empty: always.
	And []Predicate
	// Or holds when any holds; empty: never.
	Or []Predicate
	// Not turns its part around; unknown stays unknown.
	Not struct{ Predicate Predicate }
	// Constant always holds, or never.
	Constant bool
	// Compare compares a column with an argument. A KindText column compares
	// without case and takes an ArgFold.
	Compare struct {
		Column *Column
		Op     Op
		Arg    Arg
	}
	// Flag holds when a KindBool column has this value.
	Flag struct {
		Column *Column
		Value  bool
	}
	// IsNull holds when the column has no value (or has one: Not).
	IsNull struct {
		Column *Column
		Not    bool
	}
	// In holds when the column's value is one of a list argument's.
	In struct {
		Column *Column
		Arg    Arg
		Not    bool
	}
	// Match is a text condition without case. For StartsWith, Upper is the
	// argument PrefixEnd(prefix), so that an index range can serve it; 0 when
	// the prefix has no end (then the whole tail of the order matches).
	Match struct {
		Column *Column
		Kind   MatchKind
		Arg    Arg
		Upper  Arg
		Not    bool
	}
	// Exists holds when Select finds a row (or none: Not). With Skip, when more rows
	// are there than are skipped.
	Exists struct {
		Select *Select
		Not    bool
		// Keep leaves the row that was found as it is until the transaction ends.
		// Only where Features.ParallelWriters.
		Keep bool
	}
	// WithRow is a condition in which values of the current row stand as arguments,
	// also where it speaks of other rows.
	WithRow struct {
		Values    []RowValue
		Predicate Predicate
	}
	// Definite is false where its part is unknown.
	Definite struct{ Predicate Predicate }
	// Word holds when a KindWord column has one of these values of an enum.
	Word struct {
		Column *Column
		Of     []string
	}
	// Repeated holds when two rows of the column's table have the same value there.
	// It is on no row.
	Repeated struct{ Column *Column }
	// NullArg holds when an argument is null (or not: Not).
	NullArg struct {
		Arg Arg
		Not bool
	}
)

// RowValue is a column of a row as an argument.
type RowValue struct {
	Column  *Column
	Type    ArgType // an ArgFold is folded
	NoNulls bool    // of a text: null is the empty text
}

func (And) predicate()      {}
func (Or) predicate()       {}
func (Not) predicate()      {}
func (Constant) predicate() {}
func (Compare) predicate()  {}
func (Flag) predicate()     {}
func (IsNull) predicate()   {}
func (In) predicate()       {}
func (Match) predicate()    {}
func (Exists) predicate()   {}
func (WithRow) predicate()  {}
func (Definite) predicate() {}
func (NullArg) predicate()  {}
func (Word) predicate()     {}
func (Repeated) predicate() {}

// Op compares.
type Op uint8

// The comparisons.
const (
	Equal Op = iota
	NotEqual
	Less
	LessEqual
	Greater
	GreaterEqual
)

// MatchKind is where a text must be found.
type MatchKind uint8

// The text conditions.
const (
	Contains MatchKind = iota
	StartsWith
	EndsWith
)
