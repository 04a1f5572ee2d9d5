package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInvokeWithLastEvent takes the event from the log and keeps it.
func TestInvokeWithLastEvent(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"graphcool.yml": "types: ./types.graphql\nfunctions:\n  greet:\n    type: resolver\n    schema: ./greet.graphql\n    handler: {code: ./greet.js}\n",
		"types.graphql": "", "greet.graphql": "",
		"greet.js": "module.exports = event => ({ data: 'Hello ' + event.data.name })\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, kept := range []string{"events/greet/1.json", "events/greet/2.json"} {
		_, stdout, stderr := in(t, dir, &speaking{}, nil, "invoke-local", "greet", "-l", "-t", "local/p1")
		if want := "{\n  \"data\": \"Hello <Ada>\"\n}\n"; stdout != want {
			t.Errorf("got %s", stdout)
		}
		if want := "The event of the last call is in " + kept; !strings.Contains(stderr, want) {
			t.Errorf("said %s, want %s", stderr, want)
		}
		event, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(kept)))
		if err != nil {
			t.Fatal(err)
		}
		if want := "{\n  \"data\": {\n    \"name\": \"<Ada>\"\n  }\n}\n"; string(event) != want {
			t.Errorf("kept %s", event)
		}
	}
}
