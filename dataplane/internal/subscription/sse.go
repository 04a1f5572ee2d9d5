package subscription

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"icehouse/tenancy"
)

// stream answers one subscription with server-sent events: the distinct connections
// mode of npm's graphql-sse, and what EventSource reads.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, of string) {
	o, err := s.operation(w, r)
	var request Request
	if err == nil {
		request, _, err = o.request()
	}
	if err != nil {
		http.Error(w, "The request has no operation: a POST has it as JSON in its body, a GET in its query.", http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	starting, done := context.WithTimeout(ctx, s.options.StartTime)
	defer done()
	if _, err := s.service.Project(starting, of); errors.Is(err, tenancy.ErrUnknownProject) {
		http.Error(w, "No service with id '"+of+"' exists.", http.StatusNotFound)
		return
	}
	request.Project, request.RequestID = of, "subscription:"+tenancy.NewID()+":1"
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		request.Token = strings.TrimSpace(token)
	}
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		request.Cursor = last
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Accel-Buffering", "no")
	out := &events{server: s, ctx: ctx, w: w, control: http.NewResponseController(w), news: make(chan struct{}, 1)}
	// How long a request may take does not hold for what comes of this one.
	_ = out.control.SetReadDeadline(time.Time{})
	defer context.AfterFunc(s.late, func() { _ = out.control.SetWriteDeadline(time.Now()) })()
	began, err := s.service.Start(starting, request, out)
	if err != nil {
		out.refuse(asRefusal(err))
		return
	}
	defer began.Stop()
	if out.write("id: ", began.Cursor, "\n\n") { // no event: it is the place to go on from
		out.run(began.Expires)
	}
}

// operation reads what is asked for.
func (s *Server) operation(w http.ResponseWriter, r *http.Request) (o operation, err error) {
	if r.Method == http.MethodPost {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.options.FrameBytes))
		if err != nil {
			return o, err
		}
		if !understood(body, &o) {
			return o, errNotUnderstood
		}
		return o, nil
	}
	q := r.URL.Query()
	given := func(name string) *string {
		if !q.Has(name) {
			return nil
		}
		text := q.Get(name)
		return &text
	}
	o.Query, o.OperationName = given("query"), given("operationName")
	o.Variables, o.Extensions = jsontext.Value(q.Get("variables")), jsontext.Value(q.Get("extensions"))
	return o, nil
}

// events is the Sink of one stream.
type events struct {
	server  *Server
	ctx     context.Context //nolint:containedctx // of the request
	w       http.ResponseWriter
	control *http.ResponseController
	news    chan struct{}

	mu      sync.Mutex
	waiting []Result
	bytes   int
	ended   *Refusal
	slow    bool
}

// Next implements Sink.
func (e *events) Next(result Result) {
	e.mu.Lock()
	o := &e.server.options
	if len(e.waiting) >= o.QueueMessages || e.bytes+len(result.JSON) > o.QueueBytes && len(e.waiting) > 0 {
		e.slow = true
	} else if !e.slow {
		e.waiting, e.bytes = append(e.waiting, result), e.bytes+len(result.JSON)
	}
	e.mu.Unlock()
	e.wake()
}

// Busy implements Sink.
func (e *events) Busy() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	o := &e.server.options
	return len(e.waiting) > o.QueueMessages/4 || e.bytes > o.QueueBytes/4
}

// End implements Sink.
func (e *events) End(reason Refusal) {
	e.mu.Lock()
	e.ended = &reason
	e.mu.Unlock()
	e.wake()
}

func (e *events) wake() {
	select {
	case e.news <- struct{}{}:
	default:
	}
}

// run writes what comes, until the client goes, or something ends the stream.
func (e *events) run(expires time.Time) {
	o := &e.server.options
	keepAlive := time.NewTicker(o.KeepAlive)
	defer keepAlive.Stop()
	var expired <-chan time.Time
	if !expires.IsZero() {
		timer := time.NewTimer(time.Until(expires))
		defer timer.Stop()
		expired = timer.C
	}
	idle := time.NewTimer(o.Idle)
	defer idle.Stop()
	for {
		select {
		case <-e.ctx.Done():
			return
		case <-idle.C:
			return
		case <-expired:
			e.refuse(&Refusal{Kind: Invalid, Errors: []Error{{Message: "The token has ended."}}})
			return
		case <-keepAlive.C:
			if !e.write(":\n\n") {
				return
			}
			continue
		case <-e.news:
		}
		idle.Reset(o.Idle)
		e.mu.Lock()
		results, ended, slow := e.waiting, e.ended, e.slow
		e.waiting, e.bytes = nil, 0
		e.mu.Unlock()
		for _, r := range results {
			if !e.write("event: next\nid: ", r.Cursor, "\ndata: ", string(line(r.JSON)), "\n\n") {
				return
			}
		}
		switch {
		case ended != nil:
			e.refuse(ended)
			return
		case slow: // what is missing is behind the last id
			return
		}
	}
}

// refuse ends the stream with errors. After a gap there is no place to go on from.
func (e *events) refuse(reason *Refusal) {
	id := ""
	if reason.Kind == Gap {
		id = "id:\n"
	}
	e.write("event: next\n", id, "data: ", string(encoded(map[string]any{"errors": reason.Errors})), "\n\nevent: complete\ndata: \n\n")
}

// line is JSON without line breaks, which would end the data. In JSON they are nothing but
// space.
func line(json []byte) []byte {
	if !bytes.ContainsAny(json, "\r\n") {
		return json
	}
	return bytes.Map(func(r rune) rune {
		if r == '\r' || r == '\n' {
			return ' '
		}
		return r
	}, json)
}

// write sends a text at once. It is false when the client is gone, or too slow.
func (e *events) write(parts ...string) bool {
	_ = e.control.SetWriteDeadline(time.Now().Add(e.server.options.WriteTime))
	if e.server.late.Err() != nil {
		return false
	}
	for _, part := range parts {
		if _, err := io.WriteString(e.w, part); err != nil {
			return false
		}
	}
	return e.control.Flush() == nil
}
