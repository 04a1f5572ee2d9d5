package postgresdb

import (
	"container/list"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// session is what one connection remembers between calls. It is used by the
// call that holds the connection.
type session struct {
	// role is the role that the server holds for this connection, when it is
	// known: not after an error, which may have taken back a change of role.
	role    string
	known   bool
	changes uint64 // driver.roleChanges when role was set

	named   map[string]*list.Element // prepared statements by SQL
	recent  *list.List               // of *prepared, the most recent first
	names   int
	dropped []string // names to forget on the server

	noted bool // the transaction has noted events
}

// prepared is a statement that the server knows. Two with the same text may
// differ in arguments that the text does not use.
type prepared struct {
	sql, name string
	types     []uint32
}

const sessionKey = "icehouse"

func sessionOf(c *pgconn.PgConn) *session {
	if s, ok := c.CustomData()[sessionKey].(*session); ok {
		return s
	}
	s := &session{known: true, named: map[string]*list.Element{}, recent: list.New()}
	c.CustomData()[sessionKey] = s
	return s
}

// lookup finds a prepared statement.
func (s *session) lookup(sql string, types []uint32) *prepared {
	e, ok := s.named[sql]
	if !ok {
		return nil
	}
	p, _ := e.Value.(*prepared)
	if !slices.Equal(p.types, types) {
		return nil
	}
	s.recent.MoveToFront(e)
	return p
}

func (s *session) newName() string {
	s.names++
	return "ih" + strconv.Itoa(s.names)
}

// keep remembers what the server has prepared, and marks what must go.
func (s *session) keep(p *prepared, capacity int) {
	if e, ok := s.named[p.sql]; ok {
		old, _ := s.recent.Remove(e).(*prepared)
		s.dropped = append(s.dropped, old.name)
	}
	s.named[p.sql] = s.recent.PushFront(p)
	for s.recent.Len() > max(capacity, 1) {
		old, _ := s.recent.Remove(s.recent.Back()).(*prepared)
		delete(s.named, old.sql)
		s.dropped = append(s.dropped, old.name)
	}
}
