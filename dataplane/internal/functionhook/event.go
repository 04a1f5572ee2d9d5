package functionhook

import (
	"bytes"
	"encoding/json"

	"icehouse/tenancy"
)

// Auth is who sent the request whose function is called (platform §2.3).
type Auth struct {
	NodeID   string `json:"nodeId"`
	TypeName string `json:"typeName"` // of the node; PAT or Customer for other tokens
	Token    string `json:"token"`
}

// eventContext is the context of an event, in the order of the contract.
type eventContext struct {
	Request     eventRequest    `json:"request"`
	Graphcool   eventProject    `json:"graphcool"`
	Environment struct{}        `json:"environment"`
	Auth        *Auth           `json:"auth"`
	Cache       struct{}        `json:"sessionCache"`
	Delivery    *deliveryHeader `json:"delivery,omitempty"`
}

// deliveryHeader tells one delivery of an event from another (of the same one: a
// repetition).
type deliveryHeader struct {
	ID      string `json:"id"`
	Attempt int    `json:"attempt"`
}

type eventRequest struct {
	SourceIP string   `json:"sourceIp"`
	Headers  struct{} `json:"headers"`
	Method   string   `json:"httpMethod"`
}

type eventProject struct {
	ProjectID tenancy.ProjectID `json:"projectId"`
	ServiceID tenancy.ProjectID `json:"serviceId"`
	Alias     *string           `json:"alias"`
	PAT       string            `json:"pat"`
	RootToken string            `json:"rootToken"`
	Endpoints endpoints         `json:"endpoints"`
}

type endpoints struct {
	Simple        string `json:"simple"`
	Relay         string `json:"relay"`
	System        string `json:"system"`
	Subscriptions string `json:"subscriptions"`
}

// Addresses are where functions reach the platform, without a slash at the end:
// http://127.0.0.1:60000, ws://127.0.0.1:60000.
type Addresses struct{ HTTP, WebSocket string }

func (a Addresses) of(project tenancy.ProjectID) endpoints {
	return endpoints{
		Simple: a.HTTP + "/simple/v1/" + string(project), Relay: a.HTTP + "/relay/v1/" + string(project),
		System: a.HTTP + "/system", Subscriptions: a.WebSocket + "/subscriptions/v1/" + string(project),
	}
}

// hidden stands in logs for what opens doors.
const hidden = "[hidden]"

// encode writes an event. data is JSON. The second form is that for the log, without
// tokens.
func (c eventContext) encode(data []byte) (event, logged []byte, err error) {
	write := func(c eventContext) ([]byte, error) {
		var out bytes.Buffer
		out.WriteString(`{"data":`)
		out.Write(data)
		out.WriteString(`,"context":`)
		e := json.NewEncoder(&out)
		e.SetEscapeHTML(false)
		if err := e.Encode(c); err != nil {
			return nil, err
		}
		out.Truncate(out.Len() - 1)
		out.WriteByte('}')
		return out.Bytes(), nil
	}
	if event, err = write(c); err != nil {
		return nil, nil, err
	}
	c.Graphcool.PAT, c.Graphcool.RootToken = hidden, hidden
	if c.Auth != nil {
		c.Auth = &Auth{NodeID: c.Auth.NodeID, TypeName: c.Auth.TypeName, Token: hidden}
	}
	logged, err = write(c)
	return event, logged, err
}
