package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"icehouse/cmd/icehouse/internal/dataapi"
	"icehouse/cmd/icehouse/internal/excerpt"
	"icehouse/cmd/icehouse/internal/systemapi"
)

type explainCommand struct {
	File      string `arg:"" help:"The file with the operation. A mutation is carried out."`
	Target    string `short:"t" help:"The target to ask."`
	As        string `placeholder:"WHO" help:"Answer as anonymous, or as the node with this id; TYPE/ID where its type is not User. Without it you ask as an admin."`
	Variables string `placeholder:"JSON" help:"The operation's variables."`
	Relay     bool   `help:"Ask the Relay API."`
	output
}

// Run shows how an operation is answered: what the permissions decide, and the SQL.
func (c *explainCommand) Run(s *session) error {
	text, err := os.ReadFile(s.file(c.File))
	if err != nil {
		return err
	}
	variables := json.RawMessage(c.Variables)
	if c.Variables != "" && !json.Valid(variables) {
		return fmt.Errorf("--variables is no JSON: %s", c.Variables)
	}
	conn, _, project, err := s.service(c.Target)
	if err != nil {
		return err
	}
	api := dataapi.Client{URL: conn.cluster.Host, Project: project.ID, Token: conn.Token, HTTP: systemapi.NewHTTP(), Relay: c.Relay}
	answer, err := api.Do(s.ctx, dataapi.Request{Query: string(text), Variables: variables, Explain: true, As: c.As})
	if err != nil {
		return conn.explain(err)
	}
	return c.show(s, answer, func() { s.printAnswer(answer, c.File, string(text)) })
}

func (s *session) printAnswer(a dataapi.Answer, file, operation string) {
	s.printf("%s\n%s\n", s.bold("Data"), indented(a.Data))
	for _, e := range a.Errors {
		s.printf("%s %s (code %d, at %s)\n", s.paint("31", "Error:"), e.Message, e.Code, e.Place())
		for _, l := range e.Locations {
			s.printf("  %s:%d:%d\n%s\n", file, l.Line, l.Column, excerpt.Show(operation, "  ", l.Line, l.Column))
		}
	}
	x := a.Extensions.Explain
	if x == nil {
		s.printf("\nThis server does not explain its answers, or the token is no admin's.\n")
		return
	}
	s.printf("\n%s %s\n", s.bold("Asked by"), x.Requester)
	if len(x.Access) > 0 {
		s.printf("\n%s\n", s.bold("Permissions"))
	}
	for _, v := range x.Access {
		what := v.Target + "." + v.Verb
		if v.Field != "" {
			what += " " + v.Field
		}
		rules := strings.Join(v.Rules, ", ")
		if rules == "" {
			rules = "no permission covers it"
		}
		s.printf("  %-32s %-24s %s\n", what, v.Outcome, rules)
		if v.Why != "" {
			s.printf("  %-32s %s\n", "", v.Why)
		}
	}
	s.printf("\n%s\n", s.bold("SQL"))
	for _, statement := range x.Statements {
		s.printf("%s;\n\n", statement)
	}
	if len(x.Statements) == 0 {
		s.printf("none was needed\n")
	}
}

func indented(data json.RawMessage) string {
	out, err := json.MarshalIndent(data, "", "  ")
	if err != nil {
		return string(data)
	}
	return string(out)
}
