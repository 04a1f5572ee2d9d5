package subscription

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
	"github.com/rogpeppe/go-internal/txtar"
)

// Whatever a client says, the server neither falls nor waits, answers in the client's
// dialect, closes with a code of it, and keeps nothing of a client that has gone. An input
// is a session: each line is a text message, whether it is text or not.

func FuzzClientMessagesOld(f *testing.F) { fuzzClientMessages(f, oldProtocol) }

func FuzzClientMessagesNew(f *testing.F) { fuzzClientMessages(f, newProtocol) }

func FuzzClientMessagesTodays(f *testing.F) { fuzzClientMessages(f, todaysProtocol) }

const (
	fuzzedMessages   = 64 // of an input; the others say nothing new
	fuzzedFrameBytes = 4096
)

func fuzzClientMessages(f *testing.F, subProtocol string) {
	for _, session := range recorded(f, subProtocol) {
		f.Add(session)
	}
	w := serve(f, Options{FrameBytes: fuzzedFrameBytes, Subscriptions: 3, AskedBytes: 2000, StartTime: 10 * time.Millisecond})
	w.plans["Early"] = &plan{early: []Result{{Cursor: "c1", JSON: []byte(`{"data":1}`)}}}
	w.plans["Never"] = &plan{block: make(chan struct{})}
	w.plans["No"] = &plan{refuse: refusalOf("Invalid", "3000", "no")}
	f.Fuzz(func(t *testing.T, session []byte) {
		before := runtime.NumGoroutine()
		w.change(func() { w.fake.begun = map[string][]*begun{} })
		messages := bytes.Split(session, []byte("\n"))
		messages = messages[:min(len(messages), fuzzedMessages)]
		w.converse(t, subProtocol, messages)
		w.gone(t)
		w.until(t, "nothing is left", func() bool { return w.running() == 0 && w.starts == 0 })
		for limit := time.Now().Add(patience); runtime.NumGoroutine() > before; time.Sleep(100 * time.Microsecond) {
			if time.Now().After(limit) {
				stacks := make([]byte, 1<<20)
				t.Fatalf("there are goroutines left:\n%s", stacks[:runtime.Stack(stacks, true)])
			}
		}
	})
}

// recorded are the client's sides of the transcripts of a sub-protocol.
func recorded(f *testing.F, subProtocol string) (out [][]byte) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		f.Fatalf("no transcripts (%v)", err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range archive.Files {
			if !strings.Contains(part.Name, subProtocol) {
				continue
			}
			var said []string
			for _, line := range strings.Split(string(part.Data), "\n") {
				if text, ok := strings.CutPrefix(line, "C "); ok {
					said = append(said, text)
				}
			}
			out = append(out, []byte(strings.Join(said, "\n")))
		}
	}
	for _, name := range []string{"Early", "Never", "No"} {
		out = append(out, []byte(strings.ReplaceAll(map[string]string{
			oldProtocol: `{"type":"init"}` + "\n" + `{"id":"1","type":"subscription_start","query":"{ Name }","extensions":{"cursor":null}}`,
			newProtocol: `{"type":"connection_init"}` + "\n" + `{"id":"1","type":"start","payload":{"query":"{ Name }"}}`,
			todaysProtocol: `{"type":"connection_init"}` + "\n" + `{"type":"ping","payload":{"a":"<","a":"\ud800"}}` + "\n" +
				`{"id":"1","type":"subscribe","payload":{"query":"{ Name }","extensions":{"cursor":null}}}`,
		}[subProtocol], "Name", name)))
	}
	return out
}

// converse is one session.
func (w *world) converse(t *testing.T, subProtocol string, messages [][]byte) {
	conn := w.dial(t, subProtocol)
	answered := make(chan struct{})
	conn.SetPongHandler(func(string) error {
		close(answered)
		return nil
	})
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	var heard [][]byte
	var end error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			_, text, err := conn.ReadMessage()
			if err != nil {
				end = err
				return
			}
			heard = append(heard, text)
		}
	}()
	for _, m := range messages {
		if conn.WriteMessage(websocket.TextMessage, m) != nil {
			break // the server has closed
		}
	}
	_ = conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(patience))
	select {
	case <-answered: // all has been dealt with
		w.tell()
		_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(patience))
	case <-ended:
	}
	<-ended
	_ = conn.Close()
	l := &listener{subProtocol: subProtocol, ids: map[string]bool{}}
	l.note(messages)
	for _, text := range heard {
		if err := l.hear(text); err != nil {
			t.Errorf("%v: %q", err, text)
		}
	}
	if err := l.closed(end); err != nil {
		t.Error(err)
	}
}

// tell tells all subscriptions something, and ends every second of them.
func (w *world) tell() {
	w.mu.Lock()
	var all []*begun
	for _, some := range w.fake.begun {
		all = append(all, some...)
	}
	w.mu.Unlock()
	for i, one := range all {
		one.next(Result{Cursor: "c2", JSON: []byte(`{"data":2}`)})
		if i%2 == 1 {
			one.end(*refusalOf("SchemaChanged", "0", "Schema changed"))
		}
	}
}

// listener knows what a server may say.
type listener struct {
	subProtocol string
	ids         map[string]bool // that the client has sent, as idOf has them
	large       bool            // one is larger than they may be
	greeted     string          // the type of the acknowledgement
}

func (l *listener) note(messages [][]byte) {
	for _, m := range messages {
		l.large = l.large || len(m) > fuzzedFrameBytes
		var members map[string]json.RawMessage
		if json.Unmarshal(m, &members) == nil && members["id"] != nil {
			l.ids[idOf(members["id"])] = true
		}
	}
}

// idOf tells ids apart: "1" and 1 are two.
func idOf(raw json.RawMessage) string {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var id any
	if d.Decode(&id) != nil {
		return ""
	}
	return fmt.Sprintf("%T %v", id, id)
}

// hear says what is wrong with what the server says.
func (l *listener) hear(text []byte) error {
	var m map[string]json.RawMessage
	var kind string
	if !utf8.Valid(text) || json.Unmarshal(text, &m) != nil || json.Unmarshal(m["type"], &kind) != nil {
		return errors.New("not a message")
	}
	if string(text) == `{"id":"","type":"error","payload":{"message":"The message can't be parsed"}}` && l.subProtocol != todaysProtocol {
		return nil
	}
	switch kind {
	case "init_success", "connection_ack":
		if l.greeted != "" || len(m) != 1 {
			return errors.New("a greeting too many")
		}
		l.greeted = kind
		return nil
	case "init_fail", "connection_error":
		if l.greeted != "" {
			return errors.New("a refusal after the greeting")
		}
	}
	shape, ok := shapes(l.subProtocol, l.greeted)[kind]
	if !ok {
		return errors.New("not a message of the dialect, or not now")
	}
	for name := range m {
		if !slices.Contains(append(shape.members, shape.optional...), name) && name != "type" {
			return fmt.Errorf("it has %q", name)
		}
	}
	for _, name := range shape.members {
		if m[name] == nil {
			return fmt.Errorf("it has no %q", name)
		}
	}
	if m["id"] != nil && !l.ids[idOf(m["id"])] {
		return errors.New("an id of nobody")
	}
	if shape.payload != nil && json.Unmarshal(m["payload"], shape.payload()) != nil {
		return errors.New("a payload of another kind")
	}
	return nil
}

// shape is how a message looks, beside its type.
type shape struct {
	members, optional []string
	payload           func() any
}

type (
	wordOf   struct{ Message string }
	errorsOf struct{ Errors []wordOf }
	resultOf struct{ Data int }
	placeOf  struct {
		Subscribed struct {
			ID, Cursor string
		}
	}
)

// shapes are the messages that the server may send now.
func shapes(subProtocol, greeted string) map[string]shape {
	word, result := func() any { return new(wordOf) }, func() any { return new(resultOf) }
	id, both, payload := []string{"id"}, []string{"id", "payload"}, []string{"payload"}
	switch {
	case subProtocol == todaysProtocol && greeted == "":
		return map[string]shape{"pong": {optional: payload}}
	case subProtocol == todaysProtocol:
		return map[string]shape{
			"pong":  {optional: payload},
			"ping":  {members: payload, payload: func() any { return new(placeOf) }},
			"next":  {members: both, payload: result},
			"error": {members: both, payload: func() any { return new([]wordOf) }},
		}
	case greeted == "":
		return map[string]shape{"init_fail": {members: payload, payload: word}, "connection_error": {members: payload, payload: word}}
	case greeted == "init_success":
		return map[string]shape{
			"subscription_success": {members: id, optional: []string{"extensions"}},
			"subscription_fail":    {members: both, payload: func() any { return new(errorsOf) }},
			"subscription_data":    {members: both, payload: result},
		}
	default:
		return map[string]shape{"data": {members: both, payload: result}, "error": {members: both, payload: word}}
	}
}

// closed says what is wrong with how the session ended.
func (l *listener) closed(end error) error {
	var closed *websocket.CloseError
	if !errors.As(end, &closed) {
		return fmt.Errorf("no close frame: %w", end)
	}
	codes := []int{websocket.CloseNormalClosure}
	if l.large {
		codes = append(codes, websocket.CloseMessageTooBig)
	}
	if l.subProtocol == todaysProtocol {
		codes = append(codes, closeBadRequest, closeTaken, closeInitTwice)
		if l.greeted == "" {
			codes = append(codes, closeUnauthorized)
		}
	}
	if !slices.Contains(codes, closed.Code) || len(closed.Text) > 123 || !utf8.ValidString(closed.Text) {
		return fmt.Errorf("closed with %w", closed)
	}
	return nil
}
