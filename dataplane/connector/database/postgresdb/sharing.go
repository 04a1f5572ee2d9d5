package postgresdb

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"icehouse/dataplane/connector/database"
)

// Short reads that meet share round trips (ADR 0014): a few connections, the
// lanes, each take what waits and send it as one pipeline. Nobody waits long for
// a stranger: only statements that have been quick share, and a trip that is not
// back in patience is given up, as is one of which any statement fails; all that
// was in it then runs alone.
const (
	perLane  = 5                     // connections of the pool for each lane
	seats    = 32                    // statements in a trip
	quick    = time.Millisecond      // what a statement may cost to share
	load     = 2 * time.Millisecond  // what the statements of a trip may cost together
	patience = 50 * time.Millisecond // for the work of a trip
)

// lanes leaves most connections to what does not share, and has none where there
// are too few.
func lanes(connections int32) int { return int(connections+1) / perLane }

// sharing is who waits for a lane.
type sharing struct {
	limit   int            // lanes at a time
	running sync.WaitGroup // lanes

	mu      sync.Mutex
	lanes   int
	waiting []*rider // the longest waiting first
}

// rider is a read that waits for a lane, or rides.
type rider struct {
	ctx       context.Context
	role      string
	statement database.Statement
	cost      time.Duration
	answer    chan answer // takes one
}

type answer struct {
	text []byte
	ok   bool // else the statement has to run alone
}

// ride runs a read in company; false: it has to run alone.
func (d *driver) ride(ctx context.Context, role string, s database.Statement) ([]byte, bool, error) {
	cost, known := d.costs.of(s.SQL)
	if d.sharing.limit == 0 || !known || cost > quick {
		return nil, false, nil
	}
	r := &rider{ctx: ctx, role: role, statement: s, cost: cost, answer: make(chan answer, 1)}
	if d.sharing.wait(r) {
		go d.lane()
	}
	select {
	case a := <-r.answer:
		return a.text, a.ok, nil
	case <-ctx.Done():
		return nil, false, &database.Error{Kind: database.Canceled, Cause: ctx.Err()}
	}
}

// wait queues a read and says whether another lane shall be opened for it.
func (s *sharing) wait(r *rider) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = append(s.waiting, r)
	if s.lanes == s.limit {
		return false
	}
	s.lanes++
	s.running.Add(1)
	return true
}

// lane makes trips for as long as somebody waits.
func (d *driver) lane() {
	defer d.sharing.running.Done()
	var conn *pgxpool.Conn
	defer func() {
		if conn != nil {
			conn.Release()
		}
	}()
	for riders := []*rider(nil); ; {
		var err error
		if conn == nil {
			// The limits are those of connecting, and of whoever holds the connections.
			conn, err = d.acquire(context.Background())
		}
		runtime.Gosched() // requests that are about to come go along
		if riders = d.sharing.board(riders); len(riders) == 0 {
			return
		}
		if err == nil {
			err = d.travel(conn, riders)
		}
		if err == nil {
			continue
		}
		if conn != nil { // the pool looks whether it is still good
			conn.Release()
			conn = nil
		}
		for _, r := range riders {
			d.costs.forget(r.statement.SQL)
			r.answer <- answer{}
		}
	}
}

// board takes who goes on the next trip; when nobody does, the lane is closed.
func (s *sharing) board(riders []*rider) []*rider {
	s.mu.Lock()
	defer s.mu.Unlock()
	riders = riders[:0]
	cost, n := time.Duration(0), 0
	for ; n < len(s.waiting) && len(riders) < seats && cost < load; n++ {
		if r := s.waiting[n]; r.ctx.Err() == nil {
			riders = append(riders, r)
			cost += r.cost
		}
	}
	s.waiting = slices.Delete(s.waiting, 0, n)
	if len(riders) == 0 {
		s.lanes--
	}
	return riders
}

// travel makes one trip, project by project, and hands out the answers.
func (d *driver) travel(conn *pgxpool.Conn, riders []*rider) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience+2*d.costs.way())
	defer cancel()
	held := sessionOf(conn.Conn().PgConn()).role
	place := func(r *rider) string {
		if r.role == held {
			return "" // first: it need not be set
		}
		return r.role
	}
	slices.SortStableFunc(riders, func(a, b *rider) int { return cmp.Compare(place(a), place(b)) })
	t := trip{reads: true, roles: make([]string, len(riders)), statements: make([]database.Statement, len(riders))}
	for i, r := range riders {
		t.roles[i], t.statements[i] = r.role, r.statement
	}
	out, err := d.run(ctx, conn, t)
	if err != nil {
		return err
	}
	for i, r := range riders {
		r.answer <- answer{out[i], true}
	}
	return nil
}
