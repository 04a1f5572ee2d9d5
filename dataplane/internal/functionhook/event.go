package functionhook

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

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
	Request     eventRequest `json:"request"`
	Graphcool   eventProject `json:"graphcool"`
	Environment struct{}     `json:"environment"`
	Auth        *Auth        `json:"auth"`
	Cache       struct{}     `json:"sessionCache"`
}

type eventRequest struct {
	SourceIP string            `json:"sourceIp"`
	Headers  map[string]string `json:"headers"`
	Method   string            `json:"httpMethod"`
}

// private are headers that say who somebody is to others than the function: to the
// platform, or to a proxy before it.
var private = map[string]bool{"Authorization": true, "Proxy-Authorization": true, "Cookie": true}

// headersFor are a request's headers as a function is told of them (LQ-11): by small
// names, as Node has them.
func headersFor(header http.Header) map[string]string {
	out := map[string]string{}
	for name, values := range header {
		if !private[name] {
			out[strings.ToLower(name)] = strings.Join(values, ", ")
		}
	}
	return out
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
		about, err := encoded(c)
		return slices.Concat([]byte(`{"data":`), data, []byte(`,"context":`), about, []byte("}")), err
	}
	if event, err = write(c); err != nil {
		return nil, nil, err
	}
	c.Graphcool.PAT, c.Graphcool.RootToken = hidden, hidden
	c.Request.Headers = maps.Clone(c.Request.Headers)
	for name := range c.Request.Headers { // some of them may open doors elsewhere
		if name != idHeader {
			c.Request.Headers[name] = hidden
		}
	}
	if c.Auth != nil {
		c.Auth = &Auth{NodeID: c.Auth.NodeID, TypeName: c.Auth.TypeName, Token: hidden}
	}
	logged, err = write(c)
	return event, logged, err
}

// encoded writes JSON without the escapes that HTML pages need.
func encoded(v any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}
