package cli

import (
	"encoding/json"
	"errors"

	"icehouse/cmd/icehouse/internal/bundle"
	"icehouse/cmd/icehouse/internal/servicedef"
	"icehouse/cmd/icehouse/internal/systemapi"
)

// output is the flag of commands whose result other programs may read.
type output struct {
	JSON bool `name:"json" help:"Print the result as JSON, also a failure."`
}

func (o output) asJSON() bool { return o.JSON }

// show prints a result: as JSON, or in the words of text.
func (o output) show(s *session, result any, text func()) error {
	if o.JSON {
		return s.printJSON(result)
	}
	text()
	return nil
}

// failure is how an error looks to a program.
type failure struct {
	Message string `json:"message"`
	Code    int    `json:"code,omitempty"` // the server's number
	Places  []spot `json:"places,omitempty"`
}

// spot is where in a file something is wrong.
type spot struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message,omitempty"`
}

func (s *session) printJSON(result any) error {
	out := json.NewEncoder(s.Stdout)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(result)
}

// failed describes an error to a program.
func failed(err error) failure {
	out := failure{Message: err.Error()}
	var said *systemapi.Error
	if errors.As(err, &said) {
		out.Code = said.Code
	}
	var problems servicedef.Problems
	if errors.As(err, &problems) {
		for _, p := range problems {
			out.Places = append(out.Places, spot{p.File, p.At.Line, p.At.Column, p.Message})
		}
	}
	var code bundle.Problems
	if errors.As(err, &code) {
		for _, p := range code {
			out.Places = append(out.Places, spot{p.File, p.Line, p.Column, p.Message})
		}
	}
	return out
}
