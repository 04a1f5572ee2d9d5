// Command idle opens many subscriptions to a running server, lets them wait, and prints
// what they cost it: memory, processor time, and how long opening took.
//
//	idle -n 10000 -for 1m -pid PID ws://127.0.0.1:60000/subscriptions/v1/ID 'subscription { Post { mutation } }'
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

func main() {
	n := flag.Int("n", 10_000, "connections, each with one subscription")
	wait := flag.Duration("for", time.Minute, "how long they wait")
	pid := flag.Int("pid", 0, "of the server")
	flag.Parse()
	if err := run(*n, *wait, *pid, flag.Arg(0), flag.Arg(1)); err != nil {
		log.Fatal(err)
	}
}

func run(n int, wait time.Duration, pid int, url, query string) error {
	if url == "" || query == "" || pid == 0 {
		return errors.New("want -pid, an address and a subscription")
	}
	empty, err := look(pid)
	if err != nil {
		return err
	}
	began := time.Now()
	conns := make([]*websocket.Conn, n)
	errs := make(chan error, n)
	var all sync.WaitGroup
	slots := make(chan struct{}, 64)
	for i := range n {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			// Loopback addresses have ports enough for each other.
			dialer := websocket.Dialer{Subprotocols: []string{"graphql-transport-ws"}, HandshakeTimeout: 30 * time.Second, ReadBufferSize: 256, WriteBufferSize: 256,
				NetDialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i%8))}}).DialContext}
			c, response, err := dialer.Dial(url, nil)
			if err == nil {
				_ = response.Body.Close()
				conns[i] = c
				err = subscribe(c, query)
			}
			if err != nil {
				errs <- err
			}
		})
	}
	all.Wait()
	select {
	case err := <-errs:
		return fmt.Errorf("%d of %d subscriptions failed: %w", len(errs)+1, n, err)
	default:
	}
	opened := time.Since(began)
	time.Sleep(5 * time.Second) // what opening left is collected
	before, err := look(pid)
	if err != nil {
		return err
	}
	time.Sleep(wait)
	after, err := look(pid)
	if err != nil {
		return err
	}
	fmt.Printf("%d subscriptions opened in %.1f s; RSS %d MB, %d MB before them: %.1f KiB each; CPU %.2f s in %v: %.2f %% of a core\n",
		n, opened.Seconds(), after.rss>>20, empty.rss>>20, float64(after.rss-empty.rss)/1024/float64(n), (after.cpu - before.cpu).Seconds(), wait, 100*(after.cpu-before.cpu).Seconds()/wait.Seconds())
	for _, c := range conns {
		_ = c.Close()
	}
	return nil
}

// subscribe waits until the subscription runs.
func subscribe(c *websocket.Conn, query string) error {
	for _, m := range []any{
		map[string]any{"type": "connection_init"},
		map[string]any{"id": "1", "type": "subscribe", "payload": map[string]any{"query": query, "extensions": map[string]any{"cursor": nil}}},
	} {
		if err := c.WriteJSON(m); err != nil {
			return err
		}
	}
	for {
		var m struct{ Type string }
		if err := c.ReadJSON(&m); err != nil {
			return err
		}
		switch m.Type {
		case "ping":
			return nil
		case "error":
			return errors.New("the subscription is refused")
		}
	}
}

// cost is what a process has taken.
type cost struct {
	rss int64
	cpu time.Duration
}

func look(pid int) (c cost, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return c, err
	}
	fields := strings.Fields(string(text)[strings.LastIndexByte(string(text), ')')+2:])
	const tick = 10 * time.Millisecond
	for _, i := range []int{11, 12} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return c, err
		}
		c.cpu += time.Duration(n) * tick
	}
	pages, err := strconv.ParseInt(fields[21], 10, 64)
	c.rss = pages * int64(os.Getpagesize())
	return c, err
}
