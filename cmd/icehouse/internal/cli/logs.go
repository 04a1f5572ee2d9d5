package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"icehouse/cmd/icehouse/internal/rungroup"
	"icehouse/cmd/icehouse/internal/systemapi"
)

type logsCommand struct {
	Target   string `short:"t" help:"The target whose logs are shown."`
	Function string `short:"f" placeholder:"NAME" help:"Only what this function said."`
	Tail     bool   `help:"Go on with what is said from now on."`
	output
}

// How much is read, and how often (platform §5.1).
const (
	logEntries  = 1000
	tailEntries = 50
	tailEvery   = 4 * time.Second
)

// entry is a log entry with the function that it is of.
type entry struct {
	Function string `json:"function"`
	systemapi.LogEntry
}

// Run shows what functions said.
func (c *logsCommand) Run(s *session) error {
	conn, _, project, err := s.service(c.Target)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	shown, err := c.next(s, conn, project.ID, logEntries, seen)
	if err != nil {
		return err
	}
	if !c.Tail {
		return c.show(s, shown, func() {
			if len(shown) == 0 {
				s.printf("No messages have been logged in the last 30 minutes for service %s.\n", project.Name)
			}
			s.printEntries(shown)
		})
	}
	stop, _, release := rungroup.Interrupts(s.ctx, s.Signals)
	defer release()
	for {
		if err := c.follow(s, shown); err != nil {
			return err
		}
		if !sleep(stop, tailEvery) {
			return nil
		}
		if shown, err = c.next(s, conn, project.ID, tailEntries, seen); err != nil {
			return err
		}
	}
}

// follow prints entries of a tail: as JSON one document for each, so that a program
// need not wait for an end.
func (c *logsCommand) follow(s *session, entries []entry) error {
	if !c.JSON {
		s.printEntries(entries)
		return nil
	}
	for _, e := range entries {
		if err := s.printJSON(e); err != nil {
			return err
		}
	}
	return nil
}

// next reads what was not seen before, oldest first.
func (c *logsCommand) next(s *session, conn *connection, project string, count int, seen map[string]bool) ([]entry, error) {
	out := []entry{}
	return out, conn.try(func(ctx context.Context) error {
		functions, err := conn.Functions(ctx, project)
		if err != nil {
			return err
		}
		if functions, err = c.chosen(functions); err != nil {
			return err
		}
		for _, f := range functions {
			entries, err := conn.Logs(ctx, f.ID, count)
			if err != nil {
				return err
			}
			for _, e := range slices.Backward(entries) { // the newest comes first
				if !seen[e.ID] {
					seen[e.ID] = true
					out = append(out, entry{f.Name, e})
				}
			}
		}
		slices.SortStableFunc(out, func(a, b entry) int { return a.Timestamp.Compare(b.Timestamp) })
		return nil
	})
}

func (c *logsCommand) chosen(all []systemapi.Function) ([]systemapi.Function, error) {
	if c.Function == "" {
		return all, nil
	}
	f, err := functionNamed(all, c.Function)
	return []systemapi.Function{f}, err
}

func functionNamed(all []systemapi.Function, name string) (systemapi.Function, error) {
	var names []string
	for _, f := range all {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return systemapi.Function{}, noFunction(strconv.Quote(name), names)
}

// noFunction is the error of a function that is not there, beside those that are.
func noFunction(which string, names []string) error {
	if len(names) == 0 {
		return fmt.Errorf("there is no function %s; the service has none", which)
	}
	return fmt.Errorf("there is no function %s; there are: %s", which, strings.Join(names, ", "))
}

func (s *session) printEntries(entries []entry) {
	for _, e := range entries {
		color := "32"
		if e.Status != "SUCCESS" {
			color = "31"
		}
		s.printf("%s %s %s %s %s\n", s.paint("36", e.Timestamp.UTC().Format("2006-01-02T15:04:05.000Z")), s.paint("34", fmt.Sprintf("%dms", e.Duration)),
			s.paint(color, e.Status), s.bold(e.Function), readable(e.Message))
	}
}

// readable lays a message out, with the event that it has as a text opened up. What is
// no JSON object stays as it is.
func readable(message string) string {
	fields := map[string]json.RawMessage{}
	if json.Unmarshal([]byte(message), &fields) != nil {
		return message
	}
	var event string
	if json.Unmarshal(fields["event"], &event) == nil && json.Valid([]byte(event)) {
		fields["event"] = json.RawMessage(event)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if encoder.Encode(fields) != nil {
		return message
	}
	return strings.TrimSuffix(out.String(), "\n")
}
