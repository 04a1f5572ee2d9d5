package testbed_test

import (
	"context"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"icehouse/deploy/testbed"
)

func TestMain(m *testing.M) { os.Exit(testbed.Main(m)) }

func ask(t *testing.T, url, sql string) (answer string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if err := conn.QueryRow(t.Context(), sql).Scan(&answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestDatabase(t *testing.T) {
	a, b := testbed.Database(t), testbed.Database(t)
	if a == b || ask(t, a, "SELECT current_database()") == ask(t, b, "SELECT current_database()") {
		t.Errorf("two tests share %s", a)
	}
	if encoding := ask(t, a, "SHOW server_encoding"); encoding != "UTF8" {
		t.Errorf("the encoding is %s", encoding)
	}
}

// TestOwnServer starts a server although there may be one, and stops it.
func TestOwnServer(t *testing.T) {
	t.Setenv(testbed.DatabaseURL, "")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	url, stop, err := testbed.PostgreSQL(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if folder := ask(t, url, "SHOW data_directory"); !strings.Contains(folder, os.TempDir()) && !strings.Contains(url, "icehouse@") {
		t.Errorf("the server keeps its rows in %s", folder)
	}
	stop()
	if conn, err := pgx.Connect(ctx, url); err == nil {
		_ = conn.Close(ctx)
		t.Error("the server is still there")
	}
}

func TestGivenURL(t *testing.T) {
	t.Setenv(testbed.DatabaseURL, "postgres://example.invalid/x")
	url, stop, err := testbed.PostgreSQL(t.Context())
	stop()
	if err != nil || url != "postgres://example.invalid/x" {
		t.Errorf("%s, %v", url, err)
	}
}

// TestBroker stops a broker and starts it again, under the same URL.
func TestBroker(t *testing.T) {
	broker := testbed.RabbitMQ(t)
	address := strings.TrimSuffix(strings.TrimPrefix(broker.URL, "amqp://guest:guest@"), "/")
	answers := func() bool {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}
	if !answers() {
		t.Error("the broker does not run")
	}
	broker.Stop()
	if answers() {
		t.Error("the broker still runs")
	}
	if again := testbed.RabbitMQ(t); again != broker || !answers() {
		t.Error("the broker did not come back")
	}
}
