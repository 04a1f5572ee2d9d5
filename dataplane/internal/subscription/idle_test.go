package subscription

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"icehouse/tenancy/directory"
)

// silent is a service whose subscriptions are told nothing.
type silent struct{}

func (silent) Project(context.Context, string) (directory.Entry, error) {
	return directory.Entry{}, nil
}

func (silent) Start(context.Context, Request, Sink) (*Subscription, error) {
	return &Subscription{Cursor: "c-0", Stop: func() {}}, nil
}

// BenchmarkIdle says what a connection with one subscription costs that says nothing: the
// heap, with the few bytes of the client's end, which is no more than a socket, and the
// stacks.
func BenchmarkIdle(b *testing.B) {
	const n = 2000
	server := New(silent{}, Options{}, slog.New(slog.DiscardHandler))
	web := httptest.NewServer(server)
	defer web.Close()
	defer func() { _ = server.Stop(context.Background()) }()
	used := func() (heap, stacks uint64) {
		var m runtime.MemStats
		for range 3 {
			runtime.GC()
			time.Sleep(50 * time.Millisecond)
		}
		runtime.ReadMemStats(&m)
		return m.HeapAlloc, m.StackInuse
	}
	for b.Loop() {
		heap, stacks := used()
		conns := make([]net.Conn, n)
		buffer := make([]byte, 1024)
		for i := range n {
			c, err := net.Dial("tcp", strings.TrimPrefix(web.URL, "http://"))
			if err != nil {
				b.Fatal(err)
			}
			conns[i] = c
			say := func(text, until string) {
				if _, err := io.WriteString(c, text); err != nil {
					b.Fatal(err)
				}
				for heard := ""; !strings.Contains(heard, until); {
					k, err := c.Read(buffer)
					if err != nil {
						b.Fatal(err)
					}
					heard += string(buffer[:k])
				}
			}
			say("GET /subscriptions/v1/p HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
				"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n", "\r\n\r\n")
			say(frameOf(`{"type":"connection_init"}`), "connection_ack")
			say(frameOf(`{"id":"1","type":"subscribe","payload":{"query":"subscription{Post{mutation}}","extensions":{"cursor":null}}}`), "subscribed")
		}
		heapAfter, stacksAfter := used()
		b.ReportMetric(float64(heapAfter-heap)/n, "heap-B/connection")
		b.ReportMetric(float64(stacksAfter-stacks)/n, "stack-B/connection")
		for _, c := range conns {
			_ = c.Close()
		}
	}
}

// frameOf is a text frame of at most 125 bytes, masked with zeros.
func frameOf(text string) string {
	if len(text) > 125 {
		panic(fmt.Sprint(len(text), " bytes"))
	}
	return "\x81" + string([]byte{0x80 | byte(len(text))}) + "\x00\x00\x00\x00" + text
}
