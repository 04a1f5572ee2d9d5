package postgres

import (
	"fmt"
	"strings"

	"icehouse/dataplane/dialect"
	"icehouse/dataplane/dialect/internal/sqlgen"
	"icehouse/dataplane/relational"
)

// EventsSchema holds what happened to the nodes of all tenants. A namespace has no
// underscore, so no tenant can have this name; none has rights there.
const EventsSchema = "icehouse_events"

// EventPrefix begins the names of the functions that note what happens. Their triggers go
// with them.
const EventPrefix = "_event."

// Epoch stands in what Listen is rendered to where the epoch of the stream must stand.
const Epoch = "{epoch}"

// NotedState is the SQLSTATE of the notice that a transaction has noted something.
const NotedState = "IHEVT"

// Quiet keeps the engine from noting anything in this transaction.
const Quiet = "SELECT set_config('icehouse.quiet', 'on', true)"

// Events returns the statements that make the schema of what happened. They may be
// repeated.
//
// An event goes from outbox to log when it gets its position in its stream (position),
// and its number among all (n). A stream is there while its triggers are. part are the
// partitions of log, relay is whose turn it is.
//
// The functions of handler are told of events. What each is to be told is due as soon as
// the event has its position, and stays there until it is settled, or given up. handling
// is who tells a function now.
func Events() []string {
	const columns = "model text NOT NULL, epoch text NOT NULL, kind smallint NOT NULL, node text NOT NULL, given text, before text, edges text, "
	create := func(table, parts string) string {
		return "CREATE TABLE IF NOT EXISTS " + EventsSchema + "." + table + " (" + parts + ")"
	}
	return []string{
		"CREATE SCHEMA IF NOT EXISTS " + EventsSchema,
		create("outbox", "seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, place text NOT NULL, "+columns+"noted timestamptz NOT NULL DEFAULT clock_timestamp()") +
			" WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)", // it is always nearly empty
		"CREATE INDEX IF NOT EXISTS outbox_place ON " + EventsSchema + ".outbox (place, seq)",
		create("log", "n bigint NOT NULL, place text NOT NULL, position bigint NOT NULL, "+columns+"noted timestamptz NOT NULL, at timestamptz NOT NULL") + " PARTITION BY RANGE (at)",
		"CREATE INDEX IF NOT EXISTS log_n ON " + EventsSchema + ".log (n)",
		"CREATE INDEX IF NOT EXISTS log_position ON " + EventsSchema + ".log (epoch, position)",
		create("part", "n integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, since timestamptz NOT NULL, upto timestamptz NOT NULL"),
		create("stream", "place text, model text, epoch text NOT NULL, until timestamptz NOT NULL, PRIMARY KEY (place, model)"),
		create("position", "epoch text PRIMARY KEY, position bigint NOT NULL"),
		create("relay", "one boolean PRIMARY KEY CHECK (one), holder text NOT NULL, until timestamptz NOT NULL, n bigint NOT NULL, sent bigint NOT NULL, "+
			"at timestamptz NOT NULL, upto timestamptz NOT NULL, span interval NOT NULL"),
		"ALTER TABLE " + EventsSchema + ".stream ADD COLUMN IF NOT EXISTS made text NOT NULL DEFAULT ''", // from what
		create("handler", "place text, model text, function text, PRIMARY KEY (place, model, function)"),
		create("due", "id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, place text NOT NULL, function text NOT NULL, position bigint NOT NULL, "+columns+"noted timestamptz NOT NULL, "+
			"attempts integer NOT NULL DEFAULT 0, failed text NOT NULL DEFAULT '', after timestamptz NOT NULL DEFAULT '-infinity', dead timestamptz") +
			" WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)",
		"CREATE INDEX IF NOT EXISTS due_waiting ON " + EventsSchema + ".due (place, function, id) WHERE dead IS NULL",
		"CREATE INDEX IF NOT EXISTS due_later ON " + EventsSchema + ".due (place, function, node, id) WHERE dead IS NULL AND after > '-infinity'",
		"CREATE INDEX IF NOT EXISTS due_dead ON " + EventsSchema + ".due (place, id) WHERE dead IS NOT NULL",
		create("handling", "place text, function text, holder text NOT NULL, until timestamptz NOT NULL, PRIMARY KEY (place, function)"),
		"INSERT INTO " + EventsSchema + ".relay VALUES (true, '', '-infinity', 0, 0, '-infinity', '-infinity', '1 hour') ON CONFLICT DO NOTHING",
	}
}

func noteFunction(model string) string  { return dialect.Name("_event", model, "note") }
func givenFunction(model string) string { return dialect.Name("_event", model, "given") }

// EventFunctions are the names of the functions that note what happens to a type.
func EventFunctions(model string) []string {
	return []string{noteFunction(model), givenFunction(model)}
}

// Unlisten takes Listen back.
func Unlisten(namespace, model string) []string {
	e := engine{namespace}
	return []string{
		"DROP FUNCTION IF EXISTS " + e.inside(noteFunction(model)) + " CASCADE",
		"DROP FUNCTION IF EXISTS " + e.inside(givenFunction(model)) + " CASCADE",
	}
}

func (e engine) inside(name string) string {
	return sqlgen.Quote(e.namespace) + "." + sqlgen.Quote(name)
}

// listen makes the triggers of a table. What an update sets is collected in a setting of
// the transaction, by a trigger for each column, before the one for rows looks there: the
// engine fires those of one moment in the order of their names.
func (e engine) listen(l relational.Listen) []string {
	note, given := e.inside(noteFunction(l.Model)), e.inside(givenFunction(l.Model))
	id := sqlgen.Quote(l.Table.ID.Name)
	insert := func(kind int, node, columns, values string) string {
		return fmt.Sprintf("INSERT INTO %s.outbox (place, model, epoch, kind, node%s) VALUES (%s, %s, '%s', %d, %s.%s%s);",
			EventsSchema, columns, sqlgen.Text(e.namespace), sqlgen.Text(l.Model), Epoch, kind, node, id, values)
	}
	former := sqlgen.Former(e, l.Table) + "::text"
	out := []string{
		"CREATE OR REPLACE FUNCTION " + given + "() RETURNS trigger LANGUAGE plpgsql AS $note$ BEGIN " +
			"PERFORM set_config('icehouse.given', CASE TG_NARGS WHEN 0 THEN '' ELSE current_setting('icehouse.given', true) || TG_ARGV[0] END, true); RETURN NULL; END $note$",
		"CREATE OR REPLACE FUNCTION " + note + "() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $note$ BEGIN" +
			" IF TG_OP = 'INSERT' THEN " + insert(1, "NEW", "", "") +
			" ELSIF TG_OP = 'UPDATE' THEN " + insert(2, "NEW", ", given, before", ", '[' || substr(current_setting('icehouse.given', true), 2) || ']', "+former) +
			" ELSE " + insert(3, "OLD", ", before, edges", ", "+former+", "+sqlgen.Partners(e, l)+"::text") + " END IF;" +
			" IF current_setting('icehouse.noted', true) IS DISTINCT FROM 'on' THEN PERFORM set_config('icehouse.noted', 'on', true);" +
			" RAISE NOTICE USING ERRCODE = '" + NotedState + "', MESSAGE = 'noted'; END IF;" +
			" IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NULL; END $note$",
	}
	trigger := func(name, when, each, function string) {
		out = append(out, "CREATE OR REPLACE TRIGGER "+sqlgen.Quote(EventPrefix+name)+" "+when+" ON "+e.Table(l.Table)+" FOR EACH "+each+
			" WHEN (current_setting('icehouse.quiet', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION "+function)
	}
	updated := "UPDATE OF " + sqlgen.Quote(l.Table.UpdatedAt.Name)
	trigger("0", "BEFORE "+updated, "STATEMENT", given+"()")
	for i, c := range sqlgen.Given(l.Table) {
		trigger(fmt.Sprintf("given.%d", i+1), "BEFORE UPDATE OF "+sqlgen.Quote(c.Name), "STATEMENT", given+"("+sqlgen.Text(","+sqlgen.JSONString(c.Name))+")")
	}
	trigger("gone", "BEFORE DELETE", "ROW", note+"()")
	trigger("note", strings.Join([]string{"AFTER INSERT", updated}, " OR "), "ROW", note+"()")
	return out
}
