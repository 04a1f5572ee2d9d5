package subscription

import (
	"errors"
	"time"

	"github.com/gorilla/websocket"
)

// outbound is what a session has to say, and how it ends. The session's mu guards it.
type outbound struct {
	queue   []frame
	bytes   int
	writing bool // a writer runs
	ending  bool // nothing more is queued
	goodbye []byte
	endBy   time.Time // the time of what goes before the goodbye
}

// frame waits for the writer.
type frame struct {
	kind int // websocket.TextMessage, or one of control
	head []byte
	body []byte // of a result, which many sessions may share; a brace closes it
}

// frameBytes is what a frame costs beside its text.
const frameBytes = 64

func (f *frame) size() int { return frameBytes + len(f.head) + len(f.body) }

// send queues a message.
func (s *session) send(text []byte) {
	s.said()
	s.queued(frame{kind: websocket.TextMessage, head: text})
}

// tell is send for what is to be written as JSON.
func (s *session) tell(v any) { s.send(encoded(v)) }

func (s *session) queued(f frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(f)
}

// add lets a frame wait for the writer. It does not wait itself: a client that is too
// slow is sent away. s.mu is held.
func (s *session) add(f frame) {
	if s.ending {
		return
	}
	o := &s.server.options
	if len(s.queue) >= o.QueueMessages || s.bytes+f.size() > o.QueueBytes && len(s.queue) > 0 {
		s.tooSlow()
		return
	}
	if f.kind == websocket.TextMessage {
		s.spoke.Store(time.Now().UnixNano())
	}
	s.queue, s.bytes = append(s.queue, f), s.bytes+f.size()
	s.write()
}

// tooSlow sends the client away, and what waits for it. s.mu is held.
func (s *session) tooSlow() {
	s.queue, s.bytes = nil, 0
	s.end(websocket.CloseTryAgainLater, "The client reads too slowly.")
}

// write sees to it that there is a writer. s.mu is held.
func (s *session) write() {
	if !s.writing {
		s.writing = true
		s.server.busy.Go(s.writer)
	}
}

// writer writes what there is, and goes.
func (s *session) writer() {
	for {
		f, deadline, ok := s.next()
		if !ok {
			return
		}
		err := s.put(f, deadline)
		switch {
		case err == nil && f.kind == websocket.CloseMessage:
			// Time for the client to answer; the reader ends when it does.
			_ = s.conn.SetReadDeadline(time.Now().Add(s.server.options.WriteTime))
		case err != nil:
			s.mu.Lock()
			s.drop()
			s.writing = false
			s.mu.Unlock()
			if !errors.Is(err, websocket.ErrCloseSent) { // it has not answered the client's own goodbye
				reset(s.conn)
			}
			return
		}
	}
}

// busy says that much is queued, beside what waits elsewhere.
func (s *session) busy(more int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := &s.server.options
	return !s.ending && (len(s.queue)+more > o.QueueMessages/4 || s.bytes > o.QueueBytes/4)
}

// next takes a frame out of the queue.
func (s *session) next() (f frame, deadline time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	deadline = time.Now().Add(s.server.options.WriteTime)
	if s.ending && s.endBy.Before(deadline) {
		deadline = s.endBy
	}
	switch {
	case len(s.queue) > 0:
		f = s.queue[0]
		s.queue[0] = frame{}
		s.queue, s.bytes = s.queue[1:], s.bytes-f.size()
	case s.goodbye != nil:
		f = frame{kind: websocket.CloseMessage, head: s.goodbye}
		s.goodbye = nil
	default:
		s.queue = nil
		s.writing = false
		return f, deadline, false
	}
	return f, deadline, true
}

func (s *session) put(f frame, deadline time.Time) error {
	if f.kind != websocket.TextMessage {
		return s.conn.WriteControl(f.kind, f.head, deadline)
	}
	_ = s.conn.SetWriteDeadline(deadline)
	if f.body == nil {
		return s.conn.WriteMessage(f.kind, f.head)
	}
	w, err := s.conn.NextWriter(f.kind)
	if err != nil {
		return err
	}
	for _, part := range [][]byte{f.head, f.body, {'}'}} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return w.Close()
}

// close ends the session with a code.
func (s *session) close(code int, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(code, reason)
}

// end is close while s.mu is held. What is queued goes before.
func (s *session) end(code int, reason string) {
	if s.ending {
		return
	}
	s.ending = true
	s.goodbye = websocket.FormatCloseMessage(code, short(reason))
	s.endBy = time.Now().Add(s.server.options.WriteTime)
	s.write()
}

// drop leaves nothing to write. s.mu is held.
func (s *session) drop() {
	s.ending = true
	s.queue, s.bytes, s.goodbye = nil, 0, nil
}

func (s *session) isEnding() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ending
}
