package dataplane

import (
	"bytes"
	"encoding/json"
	"strings"

	"icehouse/dataplane/internal/planner"
	"icehouse/tenancy"
)

// explanation says to an admin how a request was answered: for whom, what the
// permission records decided, and by which statements. It has no values of anybody.
type explanation struct {
	Requester  string            `json:"requester"`
	Access     []planner.Verdict `json:"access"`
	Statements []string          `json:"statements"`
}

func explain(who requester, open bool, plan *planner.Plan) *explanation {
	e := &explanation{Requester: "anonymous", Access: plan.Verdicts, Statements: plan.SQL()}
	switch {
	case who.Admin:
		e.Requester = "an admin, who may do everything"
	case who.Type != "":
		e.Requester = "node " + who.node + " of type " + who.Type
	}
	if open {
		e.Requester += "; the permission * lets everyone do everything"
	}
	if e.Access == nil {
		e.Access = []planner.Verdict{}
	}
	return e
}

// add puts the explanation into the body of an answer.
func (e *explanation) add(body []byte) []byte {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if e == nil || encoder.Encode(e) != nil {
		return body
	}
	body = append(bytes.TrimSuffix(body, []byte("}")), `,"extensions":{"explain":`...)
	return append(append(body, bytes.TrimSpace(text.Bytes())...), "}}"...)
}

// somebody is who an admin asks to be answered as.
func somebody(as string) requester {
	if as == "anonymous" {
		return requester{}
	}
	typeName, node, ok := strings.Cut(as, "/")
	if !ok {
		typeName, node = "User", as
	}
	if !tenancy.ValidNodeID(node) {
		return requester{}
	}
	return requester{Requester: planner.Requester{Type: typeName}, node: node}
}
