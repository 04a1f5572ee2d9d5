package cli

import (
	"os"

	"icehouse/cmd/icehouse/internal/dataapi"
	"icehouse/cmd/icehouse/internal/introspection"
	"icehouse/cmd/icehouse/internal/systemapi"
)

type getSchemaCommand struct {
	Target string `short:"t" help:"The target to ask."`
	Relay  bool   `help:"The schema of the Relay API."`
	Output string `short:"o" placeholder:"FILE" help:"Write it into this file."`
	output
}

// Run writes down the schema of a service's API: as SDL, or as an introspection answer,
// for the tools of clients.
func (c *getSchemaCommand) Run(s *session) error {
	conn, _, project, err := s.service(c.Target)
	if err != nil {
		return err
	}
	api := dataapi.Client{URL: conn.cluster.Host, Project: project.ID, Token: conn.Token, HTTP: systemapi.NewHTTP(), Relay: c.Relay}
	answer, err := api.Do(s.ctx, dataapi.Request{Query: introspection.Query})
	if err != nil {
		return conn.explain(err)
	}
	text, err := introspection.SDL(answer.Data)
	if err != nil {
		return err
	}
	if c.JSON {
		text = indented(answer.Data) + "\n"
	}
	if c.Output == "" {
		s.printf("%s", text)
		return nil
	}
	if err := os.WriteFile(s.file(c.Output), []byte(text), 0o644); err != nil {
		return err
	}
	s.notef("Wrote %s", c.Output)
	return nil
}
