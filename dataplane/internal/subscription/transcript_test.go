package subscription

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/rogpeppe/go-internal/txtar"
)

// TestTranscripts plays testdata. A file begins with what it shows. Each of its parts is
// a connection, named by the sub-protocols that it offers, or http. Its lines:
//
//	options: Name=value ...     of the server
//	project: id                 another one than "project"; there is none with id "unknown"
//	C text, C-binary text       the client sends; C-close ends its side
//	S json, S-ping              the server sends
//	close code reason           the server closes
//	sub-protocol: name          the one that the server has taken
//	upgrade refused: status text
//	quiet                       nothing comes for a moment
//	> line                      of a request: its first line, headers, "body text"
//	status n, < Header: value   of the answer
//	| line, eof                 of its body
//	stop                        the server stops
//
// What the service does, with the name of a type:
//
//	refuses Name Kind code text; expires Name 50ms; early Name cursor json   when it is begun
//	result Name cursor json; end Name Kind code text                         now
//	asked Name json                                                          it was, last
//	stopped Name                                                             it is, after a moment at most
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts (%v)", err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if len(bytes.TrimSpace(archive.Comment)) == 0 {
			t.Errorf("%s does not say what it shows", file)
		}
		for i, part := range archive.Files {
			t.Run(fmt.Sprintf("%s/%d %s", strings.TrimSuffix(filepath.Base(file), ".txtar"), i+1, part.Name), func(t *testing.T) {
				t.Parallel()
				(&player{T: t, offers: part.Name, project: "project"}).play(string(part.Data))
			})
		}
	}
}

type player struct {
	*testing.T
	offers  string
	options Options
	project string
	world   *world

	conn    *websocket.Conn
	refused *http.Response
	frames  chan any // texts, and the error of the end
	pings   atomic.Int32

	request []string
	answer  *http.Response
	body    *bufio.Reader
}

func (p *player) play(text string) {
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if line == "" {
			continue
		}
		if err := p.line(line); err != nil {
			p.Fatalf("line %d: %s\n%v", i+1, line, err)
		}
	}
	if p.refused != nil {
		p.Fatalf("the upgrade was refused: %s", p.refused.Status)
	}
}

var kinds = map[string]RefusalKind{"Invalid": Invalid, "SchemaChanged": SchemaChanged, "Gap": Gap, "Unavailable": Unavailable, "Unknown": Unknown}

func refusalOf(kind, code, text string) *Refusal {
	n, err := strconv.Atoi(code)
	if err != nil || kinds[kind] == 0 {
		panic("not a refusal: " + kind + " " + code)
	}
	return &Refusal{Kind: kinds[kind], Errors: []Error{{Message: text, Code: n}}}
}

func (p *player) line(line string) error {
	word, rest, _ := strings.Cut(line, " ")
	arg := func(n int) []string { // n words and the rest
		out := strings.SplitN(rest, " ", n+1)
		return append(out, make([]string, n+1-len(out))...)
	}
	switch word {
	case "options:":
		return p.set(rest)
	case "project:":
		p.project = rest
		return nil
	}
	if p.world == nil {
		p.world = serve(p.T, p.options)
	}
	w := p.world
	planOf := func(name string) *plan {
		if w.plans[name] == nil {
			w.plans[name] = &plan{}
		}
		return w.plans[name]
	}
	switch word {
	case "refuses":
		a := arg(3)
		w.change(func() { planOf(a[0]).refuse = refusalOf(a[1], a[2], a[3]) })
	case "expires":
		d, err := time.ParseDuration(arg(1)[1])
		w.change(func() { planOf(arg(1)[0]).expires = d })
		return err
	case "early":
		a := arg(2)
		w.change(func() {
			planOf(a[0]).early = append(planOf(a[0]).early, Result{Cursor: a[1], JSON: []byte(a[2])})
		})
	case "result":
		a := arg(2)
		w.last(p, a[0]).next(Result{Cursor: a[1], JSON: []byte(strings.ReplaceAll(a[2], "␤", "\n"))})
	case "end":
		a := arg(3)
		w.last(p, a[0]).end(*refusalOf(a[1], a[2], a[3]))
	case "asked":
		return p.asked(arg(1)[0], arg(1)[1])
	case "stopped":
		one := w.last(p, rest)
		w.until(p, rest+" is stopped", func() bool { one.mu.Lock(); defer one.mu.Unlock(); return one.stopped })
	case "stop":
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		p.Cleanup(cancel)
		go func() { _ = w.server.Stop(ctx) }()
		for w.server.enter() { // not yet
			w.server.busy.Done()
		}
	case ">", "status", "<", "|", "eof":
		return p.http(word, rest)
	default:
		return p.socket(word, rest)
	}
	return nil
}

func (p *player) set(text string) error {
	for _, one := range strings.Fields(text) {
		name, value, _ := strings.Cut(one, "=")
		field := reflect.ValueOf(&p.options).Elem().FieldByName(name)
		n, err := strconv.ParseInt(value, 10, 64)
		if field.Type() == reflect.TypeFor[time.Duration]() {
			var d time.Duration
			d, err = time.ParseDuration(value)
			n = int64(d)
		}
		if err != nil {
			return err
		}
		field.SetInt(n)
	}
	return nil
}

// asked compares those members of the last request that are given. "Variables" are as
// they read.
func (p *player) asked(name, text string) error {
	r := p.world.last(p, name).Request
	got := map[string]any{"Project": r.Project, "Token": r.Token, "OperationName": r.OperationName, "Cursor": r.Cursor, "Query": r.Query, "Variables": nil}
	if r.Variables != nil {
		v, _ := r.Variables.Get("v")
		got["Variables"] = map[string]any{"v": v}
	}
	var want map[string]any
	if err := json.Unmarshal([]byte(text), &want); err != nil {
		return err
	}
	for key, value := range want {
		if a, b := string(encoded(got[key])), string(encoded(value)); a != b {
			return fmt.Errorf("%s is %s", key, a)
		}
	}
	if !strings.HasPrefix(r.RequestID, "subscription:") {
		return fmt.Errorf("the request's id is %q", r.RequestID)
	}
	return nil
}

func (p *player) dial() error {
	d := websocket.Dialer{HandshakeTimeout: patience}
	if p.offers != "nothing" {
		d.Subprotocols = strings.Split(p.offers, ",")
	}
	conn, answer, err := d.Dial("ws"+strings.TrimPrefix(p.world.http.URL, "http")+"/subscriptions/v1/"+p.project, nil)
	if errors.Is(err, websocket.ErrBadHandshake) {
		p.refused = answer
		return nil
	}
	if err != nil {
		return err
	}
	p.conn, p.frames = conn, make(chan any, 1000)
	pong := conn.PingHandler()
	conn.SetPingHandler(func(data string) error {
		p.pings.Add(1)
		return pong(data)
	})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			_, text, err := conn.ReadMessage()
			if err != nil {
				p.frames <- err
				return
			}
			p.frames <- string(text)
		}
	}()
	p.Cleanup(func() { _ = conn.Close(); <-ended })
	return nil
}

func (p *player) frame() (any, error) {
	select {
	case f := <-p.frames:
		return f, nil
	case <-time.After(patience):
		return nil, errors.New("nothing comes")
	}
}

func (p *player) socket(word, rest string) error {
	if p.conn == nil && p.refused == nil {
		if err := p.dial(); err != nil {
			return err
		}
	}
	if p.refused != nil {
		if word != "upgrade" {
			return errors.New("the upgrade was refused: " + p.refused.Status)
		}
		body, _ := io.ReadAll(p.refused.Body)
		if got := fmt.Sprintf("refused: %d %s", p.refused.StatusCode, bytes.TrimSpace(body)); got != rest {
			return errors.New("it is " + got)
		}
		p.refused = nil
		return nil
	}
	switch word {
	case "sub-protocol:":
		if got := p.conn.Subprotocol(); got != rest {
			return errors.New("it is " + got)
		}
	case "C":
		return p.conn.WriteMessage(websocket.TextMessage, []byte(rest))
	case "C-binary":
		return p.conn.WriteMessage(websocket.BinaryMessage, []byte(rest))
	case "C-close":
		return p.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(patience))
	case "S":
		f, err := p.frame()
		if err != nil {
			return err
		}
		if text, ok := f.(string); !ok || !sameJSON(text, rest) {
			return fmt.Errorf("got: %v", f)
		}
	case "S-ping":
		for limit := time.Now().Add(patience); p.pings.Load() == 0; time.Sleep(time.Millisecond) {
			if time.Now().After(limit) {
				return errors.New("no ping comes")
			}
		}
	case "close":
		f, err := p.frame()
		if err != nil {
			return err
		}
		var closed *websocket.CloseError
		if end, ok := f.(error); !ok || !errors.As(end, &closed) || strings.TrimSpace(fmt.Sprint(closed.Code, " ", closed.Text)) != rest {
			return fmt.Errorf("got: %v", f)
		}
	case "quiet":
		select {
		case f := <-p.frames:
			return fmt.Errorf("got: %v", f)
		case <-time.After(quietTime):
		}
	default:
		return errors.New("not a line of a transcript")
	}
	return nil
}

func sameJSON(a, b string) bool {
	read := func(text string) (v any, err error) {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		err = d.Decode(&v)
		return v, err
	}
	x, errX := read(a)
	y, errY := read(b)
	return errX == nil && errY == nil && reflect.DeepEqual(x, y)
}

func (p *player) http(word, rest string) error {
	if word == ">" {
		p.request = append(p.request, rest)
		return nil
	}
	if p.answer == nil || len(p.request) > 0 {
		if err := p.ask(); err != nil {
			return err
		}
	}
	switch word {
	case "status":
		if got := strconv.Itoa(p.answer.StatusCode); got != rest {
			return errors.New("it is " + got)
		}
	case "<":
		name, value, _ := strings.Cut(rest, ": ")
		if got := p.answer.Header.Get(name); got != value {
			return errors.New("it is " + got)
		}
	case "|":
		got, err := p.body.ReadString('\n')
		if strings.TrimSuffix(got, "\n") != rest {
			return fmt.Errorf("got: %q %w", got, err)
		}
	case "eof":
		if got, err := p.body.ReadString('\n'); !errors.Is(err, io.EOF) || got != "" {
			return fmt.Errorf("got: %q %w", got, err)
		}
	}
	return nil
}

// ask sends the request that has been collected.
func (p *player) ask() error {
	method, path, _ := strings.Cut(p.request[0], " ")
	body := ""
	if last, ok := strings.CutPrefix(p.request[len(p.request)-1], "body "); ok {
		body = last
		p.request = p.request[:len(p.request)-1]
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	p.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, method, p.world.http.URL+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	for _, header := range p.request[1:] {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
	}
	p.request = nil
	if p.answer, err = http.DefaultClient.Do(r); err != nil {
		return err
	}
	p.Cleanup(func() { _ = p.answer.Body.Close() })
	p.body = bufio.NewReader(p.answer.Body)
	return nil
}
