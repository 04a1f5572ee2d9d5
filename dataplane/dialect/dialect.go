// Package dialect is the door to the only places where an engine's SQL is
// written: one package beside this one for each engine.
//
// In: the relational package's Query, Change and SchemaChange, and the tenant's
// namespace. Out: Statements that hold no value and no text of a client, only
// numbered arguments. Callers: the planner renders queries and changes,
// migrationplan renders schema changes.
package dialect

import (
	"strings"

	"icehouse/dataplane/relational"
)

// Statement is one rendered statement.
type Statement struct {
	SQL  string
	Args []relational.ArgType
	// Returns says that the statement returns one row: its columns, with Around
	// them, are the JSON text (a null column is the word null). Guard and Require
	// statements return nothing to their caller.
	Returns bool
	// Writes says that the statement changes rows. One that also Returns may
	// find no row to change, and returns nothing then.
	Writes bool
	// Around are the constant texts before, between and behind the columns. A read
	// with one column may find no row, which stands for null.
	Around []string
	// Check marks Guard and Require statements: the driver fails with
	// GuardFailed or RequireFailed as the statement's own convention says.
	Check Check
}

// Write is a statement that changes rows, and returns them where there is text
// around what it returns.
func Write(sql string, around []string, args []relational.ArgType) Statement {
	return Statement{SQL: sql, Around: around, Args: args, Writes: true, Returns: around != nil}
}

// Text is the constant text before column i, or behind the last one.
func (s *Statement) Text(i int) string {
	if i < len(s.Around) {
		return s.Around[i]
	}
	return ""
}

// String is for people: the SQL, and the text around its columns.
func (s Statement) String() string {
	if len(s.Around) == 0 {
		return s.SQL
	}
	return s.SQL + "\n-- " + strings.Join(s.Around, "…")
}

// Check is what a statement checks.
type Check uint8

// The checks.
const (
	NoCheck Check = iota
	GuardCheck
	RequireCheck
)

// Dialect renders for one engine. Implementations hold no state and may be used
// from any goroutine.
type Dialect interface {
	// Query renders a read: one statement, one row, the pieces of one JSON text.
	Query(namespace string, q *relational.Query) Statement
	// Change renders a write or a check.
	Change(namespace string, c relational.Change) Statement
	// Schema renders one step of a migration as statements that run in order.
	Schema(namespace string, c relational.SchemaChange) []string
	// Features says how this engine differs.
	Features() Features
}

// Features are the differences that callers must know, each with its reason.
type Features struct {
	// NamesForeignKeys: a violated foreign key is reported with its name, so
	// that a plan needs no Require before a plain connect. SQLite reports none.
	NamesForeignKeys bool
	// ParallelWriters: transactions that write in one namespace run beside each
	// other, so that a plan needs Hold where it looks before it writes.
	ParallelWriters bool
	// InsertsTogether: one statement can add rows to several tables, which costs
	// less than one for each (Insert.Also).
	InsertsTogether bool
}
