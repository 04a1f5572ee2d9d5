package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"icehouse/cmd/icehouse/internal/bundle"
	"icehouse/cmd/icehouse/internal/rungroup"
	"icehouse/cmd/icehouse/internal/servicedef"
)

type invokeLocalCommand struct {
	Function  string `arg:"" help:"The function to run."`
	Event     string `short:"j" name:"json" xor:"event" placeholder:"FILE" help:"The event, as JSON."`
	LastEvent bool   `short:"l" name:"lastEvent" xor:"event" help:"Take the event of its last log entry, which is saved under events."`
	Target    string `short:"t" help:"The target whose log it is."`
}

// noEvent is what a function gets that is given none.
const noEvent = `{"data":{},"context":{}}`

// Run runs a function of the service with the Node of this machine. What it returns is
// the output; what it says goes where messages go.
func (c *invokeLocalCommand) Run(s *session) error {
	dir := servicedef.Find(s.Dir)
	if dir == "" {
		return fmt.Errorf("no %s here or above", servicedef.FileName)
	}
	definition, err := servicedef.Load(dir, s.sources())
	if err != nil {
		return err
	}
	code, err := c.code(definition)
	if err != nil {
		return err
	}
	result, err := s.bundle(dir, []string{code.Source})
	if err != nil {
		return err
	}
	event, err := c.event(s, dir)
	if err != nil {
		return err
	}
	return s.invoke(dir, code, result.Bundles[code.Source], event)
}

// code finds the function.
func (c *invokeLocalCommand) code(definition servicedef.Definition) (servicedef.Code, error) {
	var names []string
	for _, code := range definition.Code {
		if code.Function == c.Function {
			return code, nil
		}
		names = append(names, code.Function)
	}
	return servicedef.Code{}, noFunction(fmt.Sprintf("%q with code", c.Function), names)
}

// event reads what the function will get.
func (c *invokeLocalCommand) event(s *session, dir string) ([]byte, error) {
	switch {
	case c.LastEvent:
		event, path, err := s.saveLastEvent(c.Target, c.Function, dir)
		if err == nil {
			s.notef("The event of the last call is in %s", s.shown(path))
		}
		return event, err
	case c.Event == "":
		return []byte(noEvent), nil
	}
	name := c.Event
	if !filepath.IsAbs(name) {
		name = filepath.Join(s.Dir, name)
	}
	event, err := os.ReadFile(name)
	if err == nil && !json.Valid(event) {
		err = fmt.Errorf("%s is no JSON", c.Event)
	}
	return event, err
}

// shown is a path as the user would write it.
func (s *session) shown(name string) string {
	if rel, err := filepath.Rel(s.Dir, name); err == nil {
		return rel
	}
	return name
}

// invoke runs a bundle with Node (platform §2.12).
func (s *session) invoke(dir string, code servicedef.Code, b *bundle.Bundle, event []byte) error {
	node, err := exec.LookPath("node")
	if err != nil {
		return errors.New("there is no node on this machine; functions run with Node.js 18 or later, https://nodejs.org")
	}
	folder, err := os.MkdirTemp("", "icehouse-invoke-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if folder, err = filepath.EvalSymlinks(folder); err != nil {
		return err
	}
	if err := b.Unpack(folder); err != nil {
		return err
	}
	stop, _, release := rungroup.Interrupts(s.ctx, s.Signals)
	defer release()
	var stdout, stderr bytes.Buffer
	run := exec.CommandContext(stop, node, "--enable-source-maps", filepath.FromSlash(b.DevHandler()))
	run.Dir, run.Stdin, run.Stdout, run.Stderr = folder, bytes.NewReader(event), &stdout, &stderr
	run.Env = run.Environ()
	for name, value := range code.Environment {
		run.Env = append(run.Env, name+"="+value)
	}
	ended := run.Run()
	// Places in the code are those of the author's files.
	here := func(text string) string { return strings.ReplaceAll(text, folder, dir) }
	var answer struct {
		Value          json.RawMessage
		Error          string
		Stdout, Stderr string
	}
	if err := json.Unmarshal(stdout.Bytes(), &answer); ended != nil || err != nil {
		s.notef("%s", here(strings.TrimSpace(stdout.String()+stderr.String())))
		if stop.Err() != nil {
			return stop.Err()
		}
		return fmt.Errorf("%s was not run to its end: %w", code.Function, errors.Join(ended, err))
	}
	for _, said := range []string{answer.Stdout, answer.Stderr} {
		if said != "" {
			s.notef("%s", here(strings.TrimSuffix(said, "\n")))
		}
	}
	if answer.Error != "" {
		return fmt.Errorf("%s threw %s", code.Function, here(thrown(answer.Error)))
	}
	if answer.Value == nil {
		s.notef("%s returned nothing", code.Function)
		return nil
	}
	return s.printJSON(answer.Value)
}

// thrown is an exception for people: its stack, or the value itself.
func thrown(text string) string {
	var exception struct{ Stack string }
	if json.Unmarshal([]byte(text), &exception) == nil && exception.Stack != "" {
		return exception.Stack
	}
	return text
}
