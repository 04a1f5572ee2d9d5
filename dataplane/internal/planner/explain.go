package planner

import (
	"strings"

	"icehouse/dataplane/compiledschema"
)

// Verdict is what the permission records say about one thing that an operation
// wants, for a person who asks why.
type Verdict struct {
	Target  string   `json:"target"` // a type or relation
	Verb    string   `json:"verb"`
	Field   string   `json:"field,omitempty"`
	Outcome Outcome  `json:"outcome"`
	Rules   []string `json:"rules"`         // that decide, by their names in the definition
	Why     string   `json:"why,omitempty"` // a query among them can't run
}

// Outcome is what records decide.
type Outcome string

// The outcomes.
const (
	Allowed     Outcome = "allowed"
	Denied      Outcome = "denied"
	ByNode      Outcome = "decided for each node"
	ByStatement Outcome = "decided when it runs"
)

// note remembers a verdict, once, where somebody asked for an explanation.
func (p *planning) note(target string, verb compiledschema.Verb, field string, a access, undecided Outcome) {
	if !p.target.Explain {
		return
	}
	v := Verdict{Target: target, Verb: string(verb), Field: field, Outcome: undecided, Rules: append([]string{}, a.rules...)}
	switch {
	case a.open:
		v.Outcome = Allowed
	case a.condition == nil:
		v.Outcome = Denied
	}
	if a.invalid != nil {
		v.Why = a.invalid.Error()
	}
	for _, known := range p.verdicts {
		if known.Target == v.Target && known.Verb == v.Verb && known.Field == v.Field {
			return
		}
	}
	p.verdicts = append(p.verdicts, v)
}

// SQL are the statements of the plan, in order, of both branches of a choice. What
// stands for values that may not be read is not shown.
func (p *Plan) SQL() []string {
	out := []string{}
	add := func(s *Step) {
		if s != nil {
			text := s.Statement.String()
			if p.Mark != "" {
				text = strings.ReplaceAll(text, p.Mark, "denied")
			}
			out = append(out, text)
		}
	}
	if p.Read != nil {
		add(p.Read.Step)
	}
	add(p.Requester)
	for _, w := range p.Writes {
		add(w.Choose)
		for _, s := range []*Sequence{w.Found, w.Missing} {
			if s != nil {
				for _, step := range s.Steps {
					add(step)
				}
			}
		}
	}
	return out
}
