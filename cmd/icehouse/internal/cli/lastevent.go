package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"icehouse/cmd/icehouse/internal/atomicfile"
	"icehouse/cmd/icehouse/internal/systemapi"
)

// lastEvent is the event of the last call of a function that its log has one of: of a
// call that failed before the function ran it has none.
func (c *connection) lastEvent(project, name string) (event json.RawMessage, err error) {
	return event, c.try(func(ctx context.Context) error {
		functions, err := c.Functions(ctx, project)
		if err != nil {
			return err
		}
		f, err := functionNamed(functions, name)
		if err != nil {
			return err
		}
		entries, err := c.Logs(ctx, f.ID, tailEntries)
		if err != nil {
			return err
		}
		slices.SortStableFunc(entries, func(a, b systemapi.LogEntry) int { return b.Timestamp.Compare(a.Timestamp) })
		for _, e := range entries {
			var message struct{ Event *string }
			if json.Unmarshal([]byte(e.Message), &message) != nil || message.Event == nil {
				continue
			}
			if event = json.RawMessage(*message.Event); !json.Valid(event) {
				return fmt.Errorf("the event of the last call of %s was too long for the log, which has only its beginning", name)
			}
			return nil
		}
		return fmt.Errorf("there is no event in the last %d log entries of %s: call it once", tailEntries, name)
	})
}

// saveLastEvent keeps the event of a function's last call in the service's folder, as
// events/<function>/<number>.json.
func (s *session) saveLastEvent(target, function, dir string) (event []byte, path string, err error) {
	conn, _, project, err := s.service(target)
	if err != nil {
		return nil, "", err
	}
	if event, err = conn.lastEvent(project.ID, function); err != nil {
		return nil, "", err
	}
	dir = filepath.Join(dir, "events", function)
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // as the service's other folders
		return nil, "", err
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, "", err
	}
	number := 0
	for _, f := range files {
		var n int
		if _, err := fmt.Sscanf(f.Name(), "%d.json", &n); err == nil {
			number = max(number, n)
		}
	}
	var text bytes.Buffer
	if err := json.Indent(&text, event, "", "  "); err != nil {
		return nil, "", err
	}
	text.WriteByte('\n')
	path = filepath.Join(dir, strconv.Itoa(number+1)+".json")
	return event, path, atomicfile.Replace(path, text.Bytes(), 0o600) // events hold tokens
}
