package postgresdb

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"icehouse/dataplane/connector/database"
)

// login is the role that the connection logged in with.
const login = ""

// trip is one round trip: what is sent before its statements, and whose they
// are. Outside a transaction block the server runs all of it as one transaction.
type trip struct {
	begin      bool // open a transaction block first
	inBlock    bool // a block is open, with its role set
	role       string
	roles      []string // of each statement, where role is not that of all
	statements []database.Statement
	reads      bool // the statements are reads, which may share trips when they are quick
	unnamed    bool // prepare nothing: DDL
}

func (t *trip) roleOf(step int) string {
	if t.roles != nil {
		return t.roles[step]
	}
	return t.role
}

// sent is one message whose answer is awaited.
type sent struct {
	step     int // index of the statement; -1: none
	prepared *prepared
}

var textResult = []int16{pgtype.TextFormatCode}

// run makes the trip and returns the text of each statement that returns one.
func (d *driver) run(ctx context.Context, conn *pgxpool.Conn, t trip) ([][]byte, error) {
	c := conn.Conn().PgConn()
	params, err := encode(conn.Conn().TypeMap(), t.statements)
	if err != nil {
		return nil, err
	}
	out := &outbound{driver: d, session: sessionOf(c), trip: t, pipeline: c.StartPipeline(ctx), changes: d.roleChanges.Load(), fresh: map[string]*prepared{}}
	remembered := out.send(params)
	if !t.inBlock {
		out.session.noted = false
	}
	out.session.known = false // until all of it is known to have happened
	start := time.Now()
	if err := out.pipeline.Sync(); err != nil {
		_ = out.pipeline.Close()
		return nil, describe(err, 0)
	}
	results, step, err := d.collect(out.pipeline, out.session, out.awaited, t)
	if closeErr := out.pipeline.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		var pg *pgconn.PgError
		switch is := errors.As(err, &pg); {
		case is && pg.Code == readOnly:
			_ = conn.Conn().Close(ctx) // the next goes to the primary
		case is && pg.Code == denied && remembered:
			return nil, &database.Error{Kind: database.Unavailable, Step: max(step, 0), Cause: &staleRole{err}}
		case is && pg.Code == noRole && step < 0:
			return nil, &database.Error{Kind: database.OutOfDate, Cause: err}
		}
		return nil, describe(err, max(step, 0))
	}
	out.happened()
	if !t.begin && !t.inBlock {
		d.committed(out.session)
	}
	if t.reads && len(out.fresh) == 0 { // what is new to the server is slower than it will be
		d.costs.note(t.statements, time.Since(start))
	}
	return results, nil
}

// outbound is a trip on its way to the server.
type outbound struct {
	*driver
	session  *session
	trip     trip
	pipeline *pgconn.Pipeline
	awaited  []sent
	fresh    map[string]*prepared // plans that are new to the server, by their SQL
	forgot   int                  // plans that the server was told to drop
	role     string               // that the connection has after what was sent
	changes  uint64               // of roles, before anything was sent
}

// send sends all messages. remembered says that the role of the first statement was
// not set anew.
func (o *outbound) send(params []arguments) (remembered bool) {
	for _, name := range o.session.dropped {
		o.pipeline.SendDeallocate(name)
		o.awaited = append(o.awaited, sent{step: -1})
	}
	o.forgot = len(o.session.dropped)
	if o.trip.begin {
		o.plain("BEGIN")
	}
	var known bool
	o.role, known = o.session.role, o.session.known && o.session.changes == o.changes
	if !o.keep {
		o.role, known = login, true
	}
	remembered = o.keep && known && o.role != login
	for i, statement := range o.trip.statements {
		if role := o.trip.roleOf(i); !o.trip.inBlock && !(known && o.role == role) {
			o.plain(o.roleSQL(role))
		}
		o.role, known = o.trip.roleOf(i), true
		o.statement(i, statement, params[i])
	}
	return remembered
}

func (o *outbound) plain(sql string) {
	o.pipeline.SendQueryParams(sql, nil, nil, nil, nil)
	o.awaited = append(o.awaited, sent{step: -1})
}

// statement sends one statement, by the name of its plan where plans are kept.
func (o *outbound) statement(step int, s database.Statement, a arguments) {
	if !o.keep || o.trip.unnamed {
		o.pipeline.SendQueryParams(s.SQL, a.values, a.types, a.formats, textResult)
		o.awaited = append(o.awaited, sent{step: step})
		return
	}
	plan := o.session.lookup(s.SQL, a.types)
	if plan == nil {
		plan = o.fresh[s.SQL]
	}
	if plan == nil || !slices.Equal(plan.types, a.types) {
		plan = &prepared{sql: s.SQL, name: o.session.newName(), types: a.types}
		o.fresh[s.SQL] = plan
		o.pipeline.SendPrepare(plan.name, plan.sql, plan.types)
		o.awaited = append(o.awaited, sent{step: step, prepared: plan})
	}
	o.pipeline.SendQueryPrepared(plan.name, a.values, a.formats, textResult)
	o.awaited = append(o.awaited, sent{step: step})
}

// happened notes what the trip left behind.
func (o *outbound) happened() {
	o.session.dropped = o.session.dropped[o.forgot:]
	o.session.role, o.session.changes, o.session.known = o.role, o.changes, o.keep
}

// roleSQL sets a role. Where connections are not ours to keep, it lasts as long
// as the transaction.
func (d *driver) roleSQL(role string) string {
	switch {
	case !d.keep:
		return "SELECT set_config('role', '" + strings.ReplaceAll(role, "'", "''") + "', true)"
	case role == login:
		return "RESET ROLE"
	default:
		return `SET ROLE "` + strings.ReplaceAll(role, `"`, `""`) + `"`
	}
}

// collect reads the answers in order. On an error, step says which statement
// failed, -1 none of them.
func (d *driver) collect(p *pgconn.Pipeline, s *session, awaited []sent, t trip) (out [][]byte, step int, err error) {
	out = make([][]byte, len(t.statements))
	for _, a := range awaited {
		result, err := p.GetResults()
		if err != nil {
			return nil, a.step, err
		}
		switch r := result.(type) {
		case *pgconn.StatementDescription:
			if a.prepared != nil {
				s.keep(a.prepared, d.capacity)
			}
		case *pgconn.ResultReader:
			if a.step >= 0 && t.statements[a.step].Returns {
				out[a.step] = text(r, t.statements[a.step])
			}
			if _, err := r.Close(); err != nil {
				return nil, a.step, err
			}
			if a.step >= 0 && t.statements[a.step].Returns && !t.statements[a.step].Writes && out[a.step] == nil {
				return nil, a.step, errors.New("the statement returned no row")
			}
		case nil:
			return nil, a.step, errors.New("the server answered too little")
		}
	}
	return out, -1, nil
}

// text joins the columns of the first row, the pieces of one JSON text, and what
// stands around them. The bytes are a copy; what the connection read them into is
// used again.
func text(r *pgconn.ResultReader, s database.Statement) []byte {
	var out []byte
	for r.NextRow() {
		if out == nil {
			out = join(r.Values(), &s)
		}
	}
	if out == nil && !s.Writes && len(s.Around) == 2 {
		out = join([][]byte{nil}, &s)
	}
	return out
}

func join(columns [][]byte, s *database.Statement) []byte {
	size := len(s.Text(len(columns)))
	for i, v := range columns {
		size += len(s.Text(i)) + max(len(v), len("null"))
	}
	out := make([]byte, 0, size)
	for i, v := range columns {
		out = append(out, s.Text(i)...)
		if v == nil {
			out = append(out, "null"...)
		} else {
			out = append(out, v...)
		}
	}
	return append(out, s.Text(len(columns))...)
}
