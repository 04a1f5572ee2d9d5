package relational

import "slices"

// Change is one write statement. The set is closed. All changes of a mutation
// field run in one transaction, in order.
type Change interface{ change() }

type (
	// Insert adds a row; or, with Each, one row for every element of the list
	// arguments (all lists have the same length, other arguments repeat).
	// IgnoreExisting leaves rows alone that are there already (edges).
	Insert struct {
		Table          *Table
		Columns        []*Column
		Values         []Arg // 0: null
		Each           bool
		IgnoreExisting bool
		Returning      []Field // the JSON object of the one new row, as it is now; nil: nothing
		Args           []ArgType
		// Also are added by the same statement behind this one, with its arguments, and
		// return nothing. Only where Features.InsertsTogether.
		Also []*Insert
	}
	// Update sets columns of the rows that Where finds.
	Update struct {
		Table     *Table
		Set       []Assignment
		Where     Predicate
		Returning []Field // like Insert's; no row: no JSON
		Args      []ArgType
	}
	// Delete removes the rows that Where finds.
	Delete struct {
		Table     *Table
		Where     Predicate
		Returning []Field // like Update's, as the row was
		Args      []ArgType
	}
	// Guard stops the transaction unless its condition holds. The condition is
	// on no row: it is made of Exists, Constant and their combinations.
	Guard struct {
		Condition Predicate
		Args      []ArgType
	}
	// Require stops the transaction unless every id of the list argument IDs is
	// the id of a row of Table. The first missing id is reported.
	Require struct {
		Table *Table
		IDs   Arg
		Args  []ArgType
	}
	// Hold keeps other transactions from holding or changing rows of Table until
	// this one ends: what it then sees of their edges is the last word. The rows
	// are those with these ids; with Partners, those too that a join table joins
	// them to; with Column, those too where it has one of the ids At. It is only
	// rendered where Features.ParallelWriters.
	Hold struct {
		Table    *Table
		IDs      Arg
		Partners *JoinLink
		Column   *Column
		At       Arg
		Args     []ArgType
	}
)

func (*Insert) change()  {}
func (*Update) change()  {}
func (*Delete) change()  {}
func (*Guard) change()   {}
func (*Require) change() {}
func (*Hold) change()    {}

// Assignment sets a column to an argument; 0 sets it to null. With Append the
// elements of the argument, a JSON array, go behind those of the column's array;
// a column without one has no elements. Both arrays are stored forms: nothing
// stands before the first bracket, behind the last one, or inside an empty pair.
// With Keep the column stays as it is, and Listen notes that the update gives it.
type Assignment struct {
	Column *Column
	Value  Arg
	Append bool
	Keep   bool
}

// Returnable says whether a write can return these fields itself: values of the
// row, and rows that it points at. What hangs on the row from elsewhere is read by
// a Query after the write. A write of a row that was there already returns no row
// that may be this one again, or that makes a field of others: engines differ in
// whether it is still as it was.
func Returnable(fields []Field, wasThere bool) bool {
	for _, f := range fields {
		switch v := f.Value.(type) {
		case ColumnValue, Literal:
		case Object:
			if !Returnable(v.Fields, wasThere) {
				return false
			}
		case *One:
			if v.Select.Link == nil || v.Select.Link.Parent == nil || v.Select.Where != nil || !Returnable(v.Fields, wasThere) {
				return false
			}
			if wasThere && (v.Select.Table == v.Select.Link.Parent.Table || reads(v.Fields)) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// reads says that a field is made of another row.
func reads(fields []Field) bool {
	return slices.ContainsFunc(fields, func(f Field) bool {
		switch v := f.Value.(type) {
		case ColumnValue, Literal:
			return false
		case Object:
			return reads(v.Fields)
		default:
			return true
		}
	})
}
