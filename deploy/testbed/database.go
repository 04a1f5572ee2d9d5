package testbed

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

var server struct {
	sync.Mutex
	url  string
	stop func()
	err  error
}

var databases atomic.Uint64

// Main runs a package's tests and then stops the servers that they started.
// TestMain calls it in place of m.Run.
func Main(m *testing.M) int {
	defer Stop()
	return m.Run()
}

// Stop stops the servers that Database and RabbitMQ started in this process.
func Stop() {
	stopBroker()
	server.Lock()
	defer server.Unlock()
	if server.stop != nil {
		server.stop()
	}
	server.url, server.stop, server.err = "", nil, nil
}

// Database makes an empty database for one test, and removes it after. The
// server is started once a process; a package that calls this ends its TestMain
// with Main.
func Database(t testing.TB) string {
	t.Helper()
	base := serverURL(t)
	name := fmt.Sprintf("test_%d_%d", time.Now().UnixNano(), databases.Add(1))
	execute(t, base, "CREATE DATABASE "+name)
	t.Cleanup(func() { execute(t, base, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	u, err := url.Parse(base)
	if err != nil {
		t.Fatalf("the server's URL: %v", err)
	}
	u.Path = "/" + name
	return u.String()
}

func serverURL(t testing.TB) string {
	t.Helper()
	server.Lock()
	defer server.Unlock()
	if server.url == "" && server.err == nil {
		server.url, server.stop, server.err = PostgreSQL(context.Background())
	}
	if server.err != nil {
		t.Fatal(server.err)
	}
	return server.url
}

func execute(t testing.TB, url, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatalf("connect to the test server: %v", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}
