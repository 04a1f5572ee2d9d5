package subscription

import (
	"encoding/json"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/gorilla/websocket"
)

// Close codes of graphql-transport-ws.
const (
	closeBadRequest   = 4400
	closeUnauthorized = 4401
	closeForbidden    = 4403
	closeInitTimeout  = 4408
	closeTaken        = 4409
	closeInitTwice    = 4429
)

// transportWS is the protocol of npm's graphql-ws 5 and 6.
type transportWS struct{}

func (d transportWS) receive(s *session, m message) {
	switch m.Type {
	case "connection_init":
		if s.ready.Load() {
			s.close(closeInitTwice, "Too many initialisation requests")
			return
		}
		if err := s.introduce(m.Payload, `{"type":"connection_ack"}`); err != nil {
			s.close(closeBadRequest, err.Error())
		}
	case "ping":
		pong := map[string]any{"type": "pong"}
		if len(m.Payload) > 0 {
			pong["payload"] = json.RawMessage(m.Payload)
		}
		s.queued(frame{kind: websocket.TextMessage, head: encoded(pong)})
	case "pong":
	case "subscribe":
		d.subscribe(s, m)
	case "complete":
		if id, ok := text(m.ID); ok {
			s.stop(id)
			return
		}
		d.misunderstood(s)
	default:
		d.misunderstood(s)
	}
}

func (d transportWS) subscribe(s *session, m message) {
	id, ok := text(m.ID)
	var o operation
	if !ok || !understood(m.Payload, &o) {
		d.misunderstood(s)
		return
	}
	r, resumes, err := o.request()
	switch {
	case err != nil:
		d.misunderstood(s)
		return
	case !s.ready.Load():
		s.close(closeUnauthorized, "Unauthorized")
		return
	case s.has(id):
		s.close(closeTaken, "Subscriber for "+unquoted(id)+" already exists")
		return
	}
	s.start(id, r, o.size(), []byte(`{"id":`+id+`,"type":"next","payload":`), func(began *Subscription) []byte {
		if !resumes {
			return nil
		}
		return encoded(map[string]any{"type": "ping", "payload": map[string]any{
			"subscribed": map[string]any{"id": json.RawMessage(id), "cursor": began.Cursor},
		}})
	})
}

func (transportWS) misunderstood(s *session) {
	s.close(closeBadRequest, "Invalid message received")
}

func (transportWS) refused(key string, reason *Refusal) []byte {
	return encoded(map[string]any{"id": json.RawMessage(key), "type": "error", "payload": reason.Errors})
}

// text reads an id, which is a text here.
func text(id jsontext.Value) (string, bool) {
	k, ok := key(id)
	return k, ok && k[0] == '"' && len(k) > 2
}

// short keeps a reason within what a close frame holds.
func short(reason string) string {
	const most = 120
	if len(reason) > most {
		return strings.ToValidUTF8(reason[:most], "")
	}
	return reason
}
