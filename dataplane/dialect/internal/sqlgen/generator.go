package sqlgen

import (
	"slices"
	"strconv"
	"strings"

	"icehouse/dataplane/relational"
)

// Engine is what differs between products.
type Engine interface {
	// Table writes the place of a table.
	Table(t *relational.Table) string
	// Arg writes the n-th argument.
	Arg(n relational.Arg, t relational.ArgType) string
	// Key writes the form of a column in which it is compared and ordered.
	Key(expr string, k relational.Kind) string
	// Output writes a column as the JSON value of an object.
	Output(expr string, k relational.Kind) string
	// Piece writes the JSON value of an object as a text of its own.
	Piece(value string) string
	// Literal writes constant JSON text.
	Literal(json string) string
	// Object writes the JSON object of the current row.
	Object(members []Member) string
	// One writes the JSON object of the only row of from, or null.
	One(members []Member, from string) string
	// Many writes the JSON array of the rows of from, in their order.
	Many(members []Member, from string) string
	// Array writes the aggregate that is the JSON array of the objects of a group's
	// rows, in their order; with a condition, of those that fulfil it.
	Array(object, condition string) string
	// OneOf writes whether key is among a list argument's values.
	OneOf(key, list string, t relational.ArgType, not bool) string
	// Find writes the condition that text contains needle, or ends with it.
	// An empty needle is in every text.
	Find(kind relational.MatchKind, text, needle string) string
	// Written is the name of the row that a write changed, where it returns it;
	// alias is its name before.
	Written(t *relational.Table, alias string) string
	// Keep writes the end of a query whose rows stay as they are until the
	// transaction ends; "" where nobody else can change them.
	Keep(alias string) string
	// Noted writes the JSON value of a column in a JSON object.
	Noted(object string, c *relational.Column) string
	// Was writes the query of the one row that a JSON object is.
	Was(object string, t *relational.Table) string
	// Page writes the clause that cuts a list; empty parts are absent.
	Page(limit, skip string) string
}

// Member is one key of a JSON object with the expression of its value.
type Member struct{ Key, Value string }

// Generator writes one statement. It is used once.
type Generator struct {
	engine   Engine
	args     []relational.ArgType
	aliases  int
	page     *page      // the page that an object is about
	inserted *Row       // the row that InsertInto adds
	values   []rowValue // inside WithRow
}

// rowValue is an argument that is a value of a row.
type rowValue struct {
	text string
	typ  relational.ArgType
}

// New starts a statement with these arguments.
func New(e Engine, args []relational.ArgType) *Generator {
	return &Generator{engine: e, args: args}
}

// Row is a row that expressions may refer to, and what they took of it.
type Row struct {
	Alias string
	used  []*relational.Column
	gates []gate
}

// gate is a condition on the row that has a column of its own.
type gate struct {
	of   *relational.Gate
	text string
}

// NewRow gives a row an alias of its own.
func (g *Generator) NewRow() *Row {
	g.aliases++
	return &Row{Alias: "t" + strconv.Itoa(g.aliases)}
}

// Column refers to a column of the row.
func (r *Row) Column(c *relational.Column) string {
	known := false
	for _, u := range r.used {
		known = known || u == c
	}
	if !known {
		r.used = append(r.used, c)
	}
	return r.Alias + "." + Quote(c.Name)
}

// gate refers to a condition on the row.
func (g *Generator) gate(r *Row, of *relational.Gate) string {
	i := slices.IndexFunc(r.gates, func(known gate) bool { return known.of == of })
	if i < 0 {
		i = len(r.gates)
		// Written on the table's own row: what it takes of it is not taken outside.
		r.gates = append(r.gates, gate{of, g.Condition(of.Predicate, &Row{Alias: r.Alias})})
	}
	return r.Alias + "." + gateName(i)
}

// gateName is the column of a gate; no column of a table has a blank.
func gateName(i int) string { return Quote("gate " + strconv.Itoa(i+1)) }

// columns lists what expressions took of the row, for the inside of a cut.
func (r *Row) columns() string {
	return r.list(func(i int) string { return r.gates[i].text + " AS " + gateName(i) })
}

// again lists the same columns outside the cut.
func (r *Row) again() string {
	return r.list(func(i int) string { return r.Alias + "." + gateName(i) })
}

func (r *Row) list(gate func(i int) string) string {
	var columns []string
	for _, c := range r.used {
		columns = append(columns, r.Alias+"."+Quote(c.Name))
	}
	for i := range r.gates {
		columns = append(columns, gate(i))
	}
	if len(columns) == 0 {
		return "1"
	}
	return strings.Join(columns, ", ")
}

// Arg writes an argument.
func (g *Generator) Arg(n relational.Arg) string {
	if n < 0 {
		return g.values[-n-1].text
	}
	return g.engine.Arg(n, g.Type(n))
}

// Type is what an argument carries.
func (g *Generator) Type(n relational.Arg) relational.ArgType {
	if n < 0 {
		return g.values[-n-1].typ
	}
	if n < 1 || int(n) > len(g.args) {
		return relational.ArgType{}
	}
	return g.args[n-1]
}

func (g *Generator) key(r *Row, c *relational.Column) string {
	return g.engine.Key(r.Column(c), c.Kind)
}

// Quote writes a name so that it means itself, whatever it is.
func Quote(name string) string {
	return `"` + strings.ReplaceAll(strings.ReplaceAll(name, "\x00", ""), `"`, `""`) + `"`
}

// Text writes a string constant. Engines here take a backslash as it stands.
func Text(s string) string {
	return `'` + strings.ReplaceAll(strings.ReplaceAll(s, "\x00", ""), `'`, `''`) + `'`
}
