package definition

import (
	"fmt"
	"strings"

	"icehouse/controlplane/problem"
	"icehouse/dataplane/datamodel"
)

// Problem is one reason why a definition can't be deployed, in the shape of the
// deploy's answer (platform §3.2).
type Problem struct {
	Type        string // a type or enum, or Global
	Field       string // "" when it belongs to no field
	Code        int    // the contract's number, or 0
	Description string
}

// Global is the Type of a Problem that belongs to no type.
const Global = "Global"

// Problems are all that was found, in the order of the text.
type Problems []Problem

func (p Problems) Error() string {
	texts := make([]string, len(p))
	for i, one := range p {
		texts[i] = one.Description
	}
	return strings.Join(texts, "\n")
}

// Err makes one error of all problems of a definition: the only one with its number,
// else a 2040 that says them all.
func (p Problems) Err() error {
	if len(p) == 1 {
		return p.FirstErr()
	}
	return problem.Definition(p.Error())
}

// FirstErr is Err for one change of a definition, which is refused for one reason: the
// first problem that has a number.
func (p Problems) FirstErr() error {
	for _, one := range p {
		if one.Code != 0 {
			return problem.New(one.Code, "%s", one.Description)
		}
	}
	return problem.Definition(p.Error())
}

// SchemaProblems are those of a data model's text.
func SchemaProblems(all datamodel.Diagnostics) Problems {
	out := make(Problems, len(all))
	for i, one := range all {
		out[i] = Problem{Type: one.Type, Field: one.Field, Code: one.Code, Description: one.Description}
	}
	return out
}

// maxProblems bounds the answer to a hostile text.
const maxProblems = 200

func (p *Problems) add(code int, format string, args ...any) {
	if len(*p) < maxProblems {
		*p = append(*p, Problem{Type: Global, Code: code, Description: fmt.Sprintf(format, args...)})
	}
}

// invalid adds a 2040: the text itself is wrong.
func (p *Problems) invalid(format string, args ...any) {
	p.add(problem.CodeDefinition, "The schema is invalid: %s", fmt.Sprintf(format, args...))
}
