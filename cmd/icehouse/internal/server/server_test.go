package server_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"icehouse/cmd/icehouse/internal/config"
	"icehouse/cmd/icehouse/internal/server"
)

var quiet = slog.New(slog.DiscardHandler)

func complete(t *testing.T, role config.Role, port int) config.Config {
	t.Helper()
	c, err := config.Config{Role: role, Dev: true, Port: port, DataDir: "data", Grace: time.Second}.Complete(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestRoles looks at which surfaces each role has.
func TestRoles(t *testing.T) {
	for role, want := range map[config.Role]map[string]int{
		config.All:     {"/status": 200, "/system": 200, "/simple/v1/nobody": 200},
		config.Control: {"/status": 200, "/system": 200, "/simple/v1/nobody": 404},
		config.Data:    {"/status": 200, "/system": 404, "/simple/v1/nobody": 200},
		config.Worker:  {"/status": 200, "/system": 404, "/simple/v1/nobody": 404},
	} {
		t.Run(string(role), func(t *testing.T) {
			s, err := server.New(t.Context(), complete(t, role, 0), quiet)
			if err != nil {
				t.Fatal(err)
			}
			stop, ask := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- s.Run(stop, t.Context()) }()
			for path, status := range want {
				method, body := http.MethodPost, `{"query":"{ __typename }"}`
				if path == "/status" {
					method, body = http.MethodGet, ""
				}
				request, err := http.NewRequest(method, s.URL()+path, strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("Content-Type", "application/json")
				response, err := http.DefaultClient.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				text, _ := io.ReadAll(response.Body)
				_ = response.Body.Close()
				if response.StatusCode != status {
					t.Errorf("%s: HTTP %d, want %d: %s", path, response.StatusCode, status, text)
				}
				if path == "/status" && string(text) != "OK" {
					t.Errorf("status says %q", text)
				}
			}
			if (s.FunctionsURL() != "") != role.Has(config.Control) {
				t.Errorf("uploads at %q", s.FunctionsURL())
			}
			ask()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestHeaderSizes takes headers and URIs of 50 KB, and no larger ones (platform §10).
func TestHeaderSizes(t *testing.T) {
	s, err := server.New(t.Context(), complete(t, config.All, 0), quiet)
	if err != nil {
		t.Fatal(err)
	}
	stop, ask := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(stop, t.Context()) }()
	const most = 50 << 10
	for name, c := range map[string]struct {
		uri    string
		header int
		want   int
	}{
		"as large as may be":        {"/status?" + strings.Repeat("x", most-len("/status?")), most, http.StatusOK},
		"a larger URI":              {"/status?" + strings.Repeat("x", most-len("/status?")+1), 0, http.StatusRequestURITooLong},
		"a larger header":           {"/status", most + 1, http.StatusRequestHeaderFieldsTooLarge},
		"a header far larger":       {"/status", 1 << 20, http.StatusRequestHeaderFieldsTooLarge},
		"a larger header of a POST": {"/simple/v1/nobody", most + 1, http.StatusRequestHeaderFieldsTooLarge},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+c.uri, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", strings.Repeat("x", c.header))
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(name, err)
		}
		_ = response.Body.Close()
		if response.StatusCode != c.want {
			t.Errorf("%s: HTTP %d, want %d", name, response.StatusCode, c.want)
		}
	}
	ask()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestFailureClosesWhatWasOpened takes the second port away.
func TestFailureClosesWhatWasOpened(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	_ = free.Close()

	c := complete(t, config.All, port)
	c.FunctionsPort = taken.Addr().(*net.TCPAddr).Port
	if _, err := server.New(t.Context(), c, quiet); err == nil || !strings.Contains(err.Error(), "function uploads: ") {
		t.Fatalf("got %v", err)
	}
	again, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		t.Fatalf("the first port is still held: %v", err)
	}
	_ = again.Close()
}
