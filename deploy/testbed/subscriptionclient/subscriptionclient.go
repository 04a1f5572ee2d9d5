// Package subscriptionclient runs npm's clients of GraphQL subscriptions, so that tests
// can hold our protocols against them.
//
// In: the name of a client, and what it subscribes to. Out: what it is told, one thing
// after another. Only tests call it. The locked packages are installed when the first
// test asks; node and npm must be on the machine.
package subscriptionclient

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"icehouse/deploy/testbed/npm"
)

var (
	//go:embed package.json
	packageJSON []byte
	//go:embed package-lock.json
	lock []byte
	//go:embed client.mjs
	program []byte
)

// Names are the clients: the dialects of 2017, Apollo 1 over one of them, and today's.
var Names = []string{"subscriptions-transport-ws 0.5", "subscriptions-transport-ws", "apollo-client", "graphql-ws", "graphql-sse"}

// Subscription is what a client subscribes to.
type Subscription struct {
	Client     string         `json:"client"`
	URL        string         `json:"url"` // ws://
	Query      string         `json:"query"`
	Variables  map[string]any `json:"variables,omitempty"`
	Token      string         `json:"token,omitempty"`
	Extensions map[string]any `json:"extensions,omitempty"`
}

// Client is one that runs.
type Client struct {
	t     testing.TB
	lines chan Line
	last  Line
}

// Line is one thing that a client is told.
type Line struct {
	Next      json.RawMessage `json:"next"`
	Error     json.RawMessage `json:"error"`
	Ping      json.RawMessage `json:"ping"`
	Connected bool            `json:"connected"`
	Complete  bool            `json:"complete"`
}

// Start starts a client. It ends with the test.
func Start(t testing.TB, s Subscription) *Client {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("node is needed for this test: %v", err)
	}
	folder, err := npm.Install("subscription-clients", map[string][]byte{"package.json": packageJSON, "package-lock.json": lock, "client.mjs": program})
	if err != nil {
		t.Fatalf("the clients are needed for this test: %v", err)
	}
	config, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(node, filepath.Join(folder, "client.mjs"), string(config))
	c.Dir, c.Stderr = folder, os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	client := &Client{t: t, lines: make(chan Line, 1000)}
	go client.read(out)
	t.Cleanup(func() {
		_ = in.Close()
		timer := time.AfterFunc(5*time.Second, func() { _ = c.Process.Kill() })
		defer timer.Stop()
		for range client.lines { // until it ends
		}
		_ = c.Wait()
	})
	return client
}

func (c *Client) read(out io.Reader) {
	defer close(c.lines)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var l Line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			c.t.Errorf("the client said %q: %v", lines.Text(), err)
			return
		}
		c.lines <- l
	}
}

// Line waits for the next thing that the client is told.
func (c *Client) Line() Line {
	c.t.Helper()
	select {
	case l, ok := <-c.lines:
		if !ok {
			c.t.Fatal("the client has ended")
		}
		return l
	case <-time.After(20 * time.Second):
		c.t.Fatal("the client was told nothing in 20 s")
	}
	panic("unreachable")
}

// Quiet says that nothing comes for a while.
func (c *Client) Quiet(d time.Duration) bool {
	select {
	case l, ok := <-c.lines:
		if !ok {
			c.t.Fatal("the client has ended")
		}
		c.last = l
		return false
	case <-time.After(d):
		return true
	}
}

// Last is what ended the last Quiet.
func (c *Client) Last() Line { return c.last }
