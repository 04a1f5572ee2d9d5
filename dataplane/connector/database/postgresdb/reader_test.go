package postgresdb_test

import (
	"fmt"
	"io"
	"net"
	neturl "net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/connector/database/postgresdb"
	"icehouse/dataplane/dialect"
	"icehouse/deploy/testbed"
	"icehouse/tenancy"
)

// TestReader reads from a server that shows writes 300 ms later: what was written is
// read at once, by whoever knows of the write, and everything else is read there.
func TestReader(t *testing.T) {
	const later, behind = 300 * time.Millisecond, time.Second
	url, readerURL, stopReader := testbed.Followed(t, later)
	var mu sync.Mutex
	told := map[tenancy.ProjectID]int{}
	options := postgresdb.Config{ReaderURL: readerURL, ConnectTimeout: 2 * time.Second, Reading: database.Reader{Behind: behind}}
	other := open(t, url, options)
	options.Reading.Tell = func(p tenancy.ProjectID) {
		mu.Lock()
		defer mu.Unlock()
		told[p]++
		other.Written(p)
	}
	db := open(t, url, options)
	m, quiet := newMoving(t, db), newMoving(t, db)
	// ask returns how many rows there are, and whether the reader says so.
	ask := func(db *database.DB, m *moving, release int64) (rows int, reader bool) {
		t.Helper()
		statement := database.Statement{Statement: dialect.Statement{Returns: true, SQL: `SELECT json_build_array((SELECT count(*) FROM "` + m.scope.Namespace() + `".parent), pg_is_in_recovery())`}}
		out, err := db.Read(t.Context(), m.scope, release, statement)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscanf(strings.NewReplacer("[", "", "]", "", ",", " ").Replace(string(out)), "%d %t", &rows, &reader); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		return rows, reader
	}
	settle := func(db *database.DB, m *moving, release int64) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			if _, reader := ask(db, m, release); reader {
				return
			}
			if time.Now().After(end) {
				t.Fatal("the reader is never asked")
			}
		}
	}
	if _, reader := ask(db, m, 1); reader {
		t.Fatal("the reader was asked for a project that may be new to it")
	}
	for _, db := range []*database.DB{db, other} {
		settle(db, m, 1)
		settle(db, quiet, 1)
	}
	for n := 1; n <= 100; n++ {
		if err := m.batch(fmt.Sprintf("INSERT INTO $.parent VALUES ('%d', '{}', %d)", n, n)); err != nil {
			t.Fatal(err)
		}
		for _, db := range []*database.DB{db, other} {
			if rows, _ := ask(db, m, 1); rows != n {
				t.Fatalf("after %d writes %d rows are read", n, rows)
			}
			if _, reader := ask(db, quiet, 1); !reader {
				t.Fatal("a project that nobody writes is not read from the reader")
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	for _, db := range []*database.DB{db, other} {
		settle(db, m, 1)
		if rows, _ := ask(db, m, 1); rows != 100 {
			t.Errorf("the reader shows %d rows of 100", rows)
		}
	}
	if n := told[m.scope.Project()]; n < 2 || n > 30 {
		t.Errorf("of 100 writes %d were told", n)
	}
	if _, reader := ask(db, m, 2); reader {
		t.Error("the reader was asked for a release that is new here")
	}
	settle(db, m, 2)
	stopReader()
	for range 20 {
		if rows, reader := ask(db, m, 2); rows != 100 || reader {
			t.Errorf("without a reader there are %d rows, and %t", rows, reader)
		}
	}
}

// TestFailover reaches, under the address of the primary, a server that is none any more,
// as happens for a while when another takes over: writes wait, and are done once.
func TestFailover(t *testing.T) {
	url, followerURL, _ := testbed.Followed(t, 0)
	host := func(address string) string {
		u, err := neturl.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		return u.Host
	}
	primary, follower := host(url), host(followerURL)
	var leads atomic.Pointer[string]
	leads.Store(&primary)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	all.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := (&net.Dialer{}).Dial("tcp", *leads.Load())
			if err != nil {
				_ = client.Close()
				continue
			}
			for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
				all.Go(func() { _, _ = io.Copy(way[0], way[1]); _ = way[0].Close() })
			}
		}
	})
	db := open(t, strings.Replace(url, primary, l.Addr().String(), 1)+"&pool_max_conn_lifetime=50ms&pool_health_check_period=50ms", postgresdb.Config{})
	m := newMoving(t, db)
	leads.Store(&follower)
	time.Sleep(200 * time.Millisecond) // until the pool has connections there
	time.AfterFunc(time.Second, func() { leads.Store(&primary) })
	for n := range 20 {
		if err := m.batch(fmt.Sprintf("INSERT INTO $.parent VALUES ('%d', '{}', %d)", n, n)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(ask[[]string](t, connect(t, url), `SELECT array_agg(id) FROM "`+m.scope.Namespace()+`".parent`)); n != 20 {
		t.Errorf("of 20 writes %d were kept", n)
	}
}
