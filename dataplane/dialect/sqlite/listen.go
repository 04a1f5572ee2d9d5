package sqlite

import (
	"fmt"
	"strings"

	"icehouse/dataplane/dialect/internal/sqlgen"
	"icehouse/dataplane/relational"
)

// TriggerPrefix begins the names of the triggers that note what happens to a type.
func TriggerPrefix(model string) string { return "_event." + model + "." }

// Events returns the statements that make the tables of what happened to a project's
// nodes. They may be repeated. No table of a project has a dot in its name.
//
// A row in _event.quiet keeps the triggers from noting anything; the transaction that
// puts it there takes it away. _event.given are the columns that an update sets, for as
// long as it changes one row. _event.sent says up to which n events have been sent.
//
// The functions of _event.handler are told of events. What each is to be told is in
// _event.due as soon as the event is noted, until it is settled, or given up (dead).
func Events() []string {
	return []string{
		`CREATE TABLE IF NOT EXISTS "_event.stream" (model TEXT NOT NULL PRIMARY KEY, epoch TEXT NOT NULL, position INTEGER NOT NULL, until INTEGER NOT NULL) STRICT`,
		`CREATE TABLE IF NOT EXISTS "_event.log" (n INTEGER PRIMARY KEY AUTOINCREMENT, model TEXT NOT NULL, epoch TEXT NOT NULL, position INTEGER NOT NULL, ` +
			`kind INTEGER NOT NULL, node TEXT NOT NULL, given TEXT, before TEXT, edges TEXT, noted INTEGER NOT NULL) STRICT`,
		`CREATE INDEX IF NOT EXISTS "_event.log.position" ON "_event.log" (epoch, position)`,
		`CREATE TABLE IF NOT EXISTS "_event.given" (name TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID`,
		`CREATE TABLE IF NOT EXISTS "_event.quiet" (quiet INTEGER NOT NULL) STRICT`,
		`CREATE TABLE IF NOT EXISTS "_event.sent" (one INTEGER PRIMARY KEY, n INTEGER NOT NULL) STRICT`,
		`INSERT OR IGNORE INTO "_event.sent" VALUES (1, 0)`,
		`CREATE TABLE IF NOT EXISTS "_event.handler" (model TEXT NOT NULL, function TEXT NOT NULL, PRIMARY KEY (model, function)) STRICT, WITHOUT ROWID`,
		`CREATE TABLE IF NOT EXISTS "_event.made" (model TEXT NOT NULL PRIMARY KEY, made TEXT NOT NULL) STRICT`, // from what its triggers are
		`CREATE TABLE IF NOT EXISTS "_event.due" (id INTEGER PRIMARY KEY AUTOINCREMENT, function TEXT NOT NULL, model TEXT NOT NULL, epoch TEXT NOT NULL, position INTEGER NOT NULL, ` +
			`kind INTEGER NOT NULL, node TEXT NOT NULL, given TEXT, before TEXT, edges TEXT, noted INTEGER NOT NULL, ` +
			`attempts INTEGER NOT NULL DEFAULT 0, failed TEXT NOT NULL DEFAULT '', after INTEGER NOT NULL DEFAULT 0, dead INTEGER) STRICT`,
		`CREATE INDEX IF NOT EXISTS "_event.due.waiting" ON "_event.due" (function, id) WHERE dead IS NULL`,
		`CREATE INDEX IF NOT EXISTS "_event.due.later" ON "_event.due" (function, node, id) WHERE dead IS NULL AND after > 0`,
		`CREATE INDEX IF NOT EXISTS "_event.due.dead" ON "_event.due" (id) WHERE dead IS NOT NULL`,
		`CREATE TRIGGER IF NOT EXISTS "_due.told" AFTER INSERT ON "_event.log" FOR EACH ROW BEGIN ` +
			`INSERT INTO "_event.due" (function, model, epoch, position, kind, node, given, before, edges, noted) ` +
			`SELECT h.function, NEW.model, NEW.epoch, NEW.position, NEW.kind, NEW.node, NEW.given, NEW.before, NEW.edges, NEW.noted ` +
			`FROM "_event.handler" AS h WHERE h.model = NEW.model; END`,
	}
}

// listen makes the triggers of a table. The one behind an update empties what those
// before it have collected, whatever was set.
func listen(l relational.Listen) []string {
	e := engine{}
	id, model := sqlgen.Quote(l.Table.ID.Name), sqlgen.Text(l.Model)
	var out []string
	trigger := func(name, when string, body ...string) {
		out = append(out, "CREATE TRIGGER IF NOT EXISTS "+sqlgen.Quote(TriggerPrefix(l.Model)+name)+" "+when+" ON "+e.Table(l.Table)+
			` FOR EACH ROW WHEN NOT EXISTS (SELECT 1 FROM "_event.quiet") BEGIN `+strings.Join(body, "; ")+"; END")
	}
	note := func(kind int, node, given, before, edges, where string) []string {
		return []string{
			`UPDATE "_event.stream" SET position = position + 1 WHERE model = ` + model + where,
			fmt.Sprintf(`INSERT INTO "_event.log" (model, epoch, position, kind, node, given, before, edges, noted) `+
				`SELECT model, epoch, position, %d, %s.%s, %s, %s, %s, CAST(unixepoch('subsec') * 1000 AS INTEGER) FROM "_event.stream" WHERE model = %s%s`,
				kind, node, id, given, before, edges, model, where),
		}
	}
	former := sqlgen.Former(e, l.Table)
	updated := sqlgen.Text(l.Table.UpdatedAt.Name)
	trigger("created", "AFTER INSERT", note(1, "NEW", "NULL", "NULL", "NULL", "")...)
	for _, c := range append(sqlgen.Given(l.Table), l.Table.UpdatedAt) {
		trigger("given."+c.Name, "BEFORE UPDATE OF "+sqlgen.Quote(c.Name), `INSERT OR IGNORE INTO "_event.given" VALUES (`+sqlgen.Text(c.Name)+")")
	}
	trigger("updated", "AFTER UPDATE", append(note(2, "NEW",
		`(SELECT json_group_array(name) FROM "_event.given" WHERE name <> `+updated+")", former, "NULL",
		` AND EXISTS (SELECT 1 FROM "_event.given" WHERE name = `+updated+")"), `DELETE FROM "_event.given"`)...)
	trigger("deleted", "BEFORE DELETE", note(3, "OLD", "NULL", former, sqlgen.Partners(e, l), "")...)
	return out
}
