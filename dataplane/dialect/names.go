package dialect

import (
	"crypto/sha256"
	"encoding/hex"
	"unicode/utf8"

	"icehouse/dataplane/relational"
)

// maxName is the length in bytes that every engine keeps of a name.
const maxName = 63

// Name builds the name of a constraint or index from what it belongs to, so
// that all engines report the same text: Name("Post", "slug", "key") is
// Post.slug.key. Dots keep it apart from every table's name; a name that is too
// long ends in a hash of the whole in place of its tail.
func Name(table, column, suffix string) string {
	name := table + "." + column + "." + suffix
	if len(name) <= maxName {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	tail := "~" + hex.EncodeToString(sum[:6]) + "." + suffix
	cut := maxName - len(tail)
	for !utf8.RuneStart(name[cut]) {
		cut--
	}
	return name[:cut] + tail
}

// UniqueName is the name of a column's uniqueness.
func UniqueName(table, column string) string { return Name(table, column, "key") }

// ForeignKeyName is the name of a column's foreign key.
func ForeignKeyName(table, column string) string { return Name(table, column, "fkey") }

// LengthName is the name of the check that keeps a unique text short enough for
// every engine's index.
func LengthName(table, column string) string { return Name(table, column, "length") }

// IndexName is the name of an index that holds nothing to a rule.
func IndexName(table, column string) string { return Name(table, column, "idx") }

// MaxUniqueText is how many bytes a unique text may have when folded. One limit
// for all engines: it fits the smallest index entry among them.
const MaxUniqueText = 2600

// ConstraintKind is a kind of named constraint.
type ConstraintKind uint8

// The kinds.
const (
	Unique ConstraintKind = iota
	ForeignKey
)

// ConstraintName is the name under which every engine reports a violation of a column's
// uniqueness or foreign key (database.Error.Constraint), whatever the namespace.
func ConstraintName(c *relational.Column, kind ConstraintKind) string {
	if kind == ForeignKey {
		return ForeignKeyName(c.Table.Name, c.Name)
	}
	return UniqueName(c.Table.Name, c.Name)
}
