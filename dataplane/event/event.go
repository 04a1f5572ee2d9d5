// Package event is the envelope in which the change of a node travels between
// processes (platform §6.2).
//
// In: a database.Event on one side. Out: the same on the other. The exchange, the
// topics and the members nodeId, modelId, mutationType, changedFields,
// previousValues and node are those of 2017, so that what listens to the broker from
// outside finds what it knows; the others are ours. Callers: the outbox's relay
// writes, the event gateway reads.
package event

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/connector/queue"
	"icehouse/tenancy"
)

// Channel carries events.
var Channel = queue.Channel{Name: "sss-events", Durable: true}

// Due tells, by the name of a placement, that functions may have something to be told of.
var Due = queue.Channel{Name: "function-events"}

// maxInline is how many bytes of a row travel with its event. What is larger is read
// from the log.
const maxInline = 256 << 10

// kinds are the names of a kind in topics and in messages.
var kinds = map[database.EventKind]struct{ topic, name string }{
	database.Created: {"create", "CreateNode"},
	database.Updated: {"update", "UpdateNode"},
	database.Deleted: {"delete", "DeleteNode"},
}

// message is a database.Event in JSON.
type message struct {
	NodeID         string          `json:"nodeId"`
	ModelID        string          `json:"modelId"`
	MutationType   string          `json:"mutationType"`
	ChangedFields  []string        `json:"changedFields,omitempty"`
	PreviousValues string          `json:"previousValues,omitempty"` // JSON, as a text
	Node           json.RawMessage `json:"node,omitempty"`           // as it was, without what is null

	Project  tenancy.ProjectID `json:"projectId"`
	Epoch    string            `json:"epoch"`
	Position int64             `json:"position"`
	Before   json.RawMessage   `json:"before,omitempty"` // of a node that was deleted, with what is null
	Edges    json.RawMessage   `json:"edges,omitempty"`
	At       time.Time         `json:"at"`
	// Elsewhere says that the row is too large to travel.
	Elsewhere bool `json:"elsewhere,omitempty"`
}

// Topics are those of all events of a type.
func Topics(project tenancy.ProjectID, model string) []string {
	return []string{topic(project, database.Created, model), topic(project, database.Updated, model), topic(project, database.Deleted, model)}
}

func topic(project tenancy.ProjectID, kind database.EventKind, model string) string {
	return "subscription:event:" + string(project) + ":" + kinds[kind].topic + model
}

// Message packs an event.
func Message(e database.Event) (queue.Message, error) {
	m := message{
		NodeID: e.Node, ModelID: e.Model, MutationType: kinds[e.Kind].name, ChangedFields: e.Given,
		Project: e.Project, Epoch: e.Epoch, Position: e.Position, At: e.At,
	}
	switch {
	case len(e.Before)+len(e.Edges) > maxInline:
		m.Elsewhere = true
	case e.Kind == database.Updated:
		m.PreviousValues = string(e.Before)
	case e.Kind == database.Deleted:
		var err error
		if m.Node, err = withoutNulls(e.Before); err != nil {
			return queue.Message{}, err
		}
		m.Before, m.Edges = e.Before, e.Edges
	}
	body, err := json.Marshal(m)
	return queue.Message{Topic: topic(e.Project, e.Kind, e.Model), Body: body}, err
}

func withoutNulls(object []byte) ([]byte, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(object, &members); err != nil {
		return nil, err
	}
	for name, value := range members {
		if string(value) == "null" {
			delete(members, name)
		}
	}
	return json.Marshal(members)
}

// Read unpacks an event. whole is false when it came without its row, which is in the
// log.
func Read(m queue.Message) (e database.Event, whole bool, err error) {
	var in message
	if err := json.Unmarshal(m.Body, &in); err != nil {
		return e, false, err
	}
	e = database.Event{
		Project: in.Project, Model: in.ModelID, Epoch: in.Epoch, Position: in.Position, Node: in.NodeID, Given: in.ChangedFields,
		Before: in.Before, Edges: in.Edges, At: in.At,
	}
	for kind, names := range kinds {
		if names.name == in.MutationType {
			e.Kind = kind
		}
	}
	if e.Kind == database.Updated {
		e.Before = []byte(in.PreviousValues)
	}
	if e.Kind == 0 || e.Position <= 0 || m.Topic != topic(e.Project, e.Kind, e.Model) {
		return e, false, fmt.Errorf("no event of ours under the topic %s", strings.ToValidUTF8(m.Topic, "?"))
	}
	return e, !in.Elsewhere, nil
}
