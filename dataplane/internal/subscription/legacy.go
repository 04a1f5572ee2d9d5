package subscription

import (
	"encoding/json"

	"github.com/go-json-experiment/json/jsontext"
)

// The dialects of 2017 (data-api §4.5-4.7). The first message decides which it is,
// whatever the sub-protocol.

const initFirst = "You have to send an init message before sending anything else."

// undecided is a session before its first init.
type undecided struct{}

func (u undecided) receive(s *session, m message) {
	switch m.Type {
	case "init":
		begin(s, m, dialect05{}, `{"type":"init_success"}`, "init_fail")
	case "connection_init":
		begin(s, m, dialect07{}, `{"type":"connection_ack"}`, "connection_error")
	case "start", "stop":
		fail(s, "connection_error", initFirst)
	case "subscription_start", "subscription_end":
		fail(s, "init_fail", initFirst)
	case "connection_terminate":
		s.close(1000, "")
	default:
		u.misunderstood(s)
	}
}

func (undecided) misunderstood(s *session) { notParsed(s) }

func (undecided) refused(string, *Refusal) []byte { return nil } // nothing is begun

func begin(s *session, m message, to dialect, ack, failure string) {
	if err := s.introduce(m.Payload, ack); err != nil {
		fail(s, failure, err.Error())
		return
	}
	s.speaks = to
}

func fail(s *session, kind, text string) {
	s.tell(map[string]any{"type": kind, "payload": map[string]string{"message": text}})
}

// notParsed is the answer to what is not understood, in both dialects.
func notParsed(s *session) {
	s.send([]byte(`{"id":"","type":"error","payload":{"message":"The message can't be parsed"}}`))
}

// maxID is how long a client's id may be.
const maxID = 1000

// key reads a client's id: a text or a number, which is echoed as it was written.
func key(id jsontext.Value) (string, bool) {
	if len(id) == 0 || len(id) > maxID {
		return "", false
	}
	c := id[0]
	return string(id), c == '"' || c == '-' || c >= '0' && c <= '9'
}

// dialect07 has the message names of subscriptions-transport-ws 0.7 to 0.9.
type dialect07 struct{}

func (d dialect07) receive(s *session, m message) {
	id, ok := key(m.ID)
	switch {
	case m.Type == "connection_init" || m.Type == "init": // once more is ignored
	case m.Type == "connection_terminate":
		s.close(1000, "")
	case m.Type == "stop" && ok:
		s.stop(id)
	case m.Type == "start" && ok:
		var o operation
		if !understood(m.Payload, &o) {
			d.misunderstood(s)
			return
		}
		r, _, err := o.request()
		if err != nil {
			d.misunderstood(s)
			return
		}
		s.start(id, r, o.size(), []byte(`{"id":`+id+`,"type":"data","payload":`), func(*Subscription) []byte { return nil })
	default:
		d.misunderstood(s)
	}
}

func (dialect07) misunderstood(s *session) { notParsed(s) }

func (dialect07) refused(key string, reason *Refusal) []byte {
	payload := map[string]any{"message": reason.Error()}
	if code := reason.Errors[0].Code; code != 0 {
		payload["code"] = code
	}
	return encoded(map[string]any{"id": json.RawMessage(key), "type": "error", "payload": payload})
}

// dialect05 has the message names before that.
type dialect05 struct{}

func (d dialect05) receive(s *session, m message) {
	id, ok := key(m.ID)
	switch {
	case m.Type == "init" || m.Type == "connection_init": // once more is ignored
	case m.Type == "subscription_end":
		if ok {
			s.stop(id)
		}
	case m.Type == "subscription_start" && ok:
		r, resumes, err := m.operation.request()
		if err != nil {
			d.misunderstood(s)
			return
		}
		s.start(id, r, m.operation.size(), []byte(`{"id":`+id+`,"type":"subscription_data","payload":`), func(began *Subscription) []byte {
			ack := map[string]any{"id": json.RawMessage(id), "type": "subscription_success"}
			if resumes {
				ack["extensions"] = map[string]string{"cursor": began.Cursor}
			}
			return encoded(ack)
		})
	case m.Type == "connection_terminate":
		s.close(1000, "")
	default:
		d.misunderstood(s)
	}
}

func (dialect05) misunderstood(s *session) { notParsed(s) }

func (dialect05) refused(key string, reason *Refusal) []byte {
	return encoded(map[string]any{"id": json.RawMessage(key), "type": "subscription_fail", "payload": map[string]any{"errors": reason.Errors[:1]}})
}
