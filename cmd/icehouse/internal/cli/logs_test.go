package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// speaking is a management API whose functions have said something, and say more each
// time they are asked.
type speaking struct {
	mu    sync.Mutex
	asked int
	told  chan struct{} // gets one for each time that all logs were read
}

func (s *speaking) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Query     string
		Variables map[string]any
	}
	_ = json.NewDecoder(r.Body).Decode(&request)
	s.mu.Lock()
	defer s.mu.Unlock()
	entry := func(id, second, status, message string) string {
		text, _ := json.Marshal(message)
		return fmt.Sprintf(`{"node":{"id":%q,"requestId":"r","duration":12,"status":%q,"timestamp":"2017-09-15T12:00:%s.000Z","message":%s}}`, id, status, second, text)
	}
	logs := func(entries ...string) {
		_, _ = fmt.Fprintf(w, `{"data":{"node":{"logs":{"edges":[%s]}}}}`, strings.Join(entries, ","))
	}
	switch {
	case strings.Contains(request.Query, "functions"):
		_, _ = w.Write([]byte(`{"data":{"viewer":{"project":{"functions":{"edges":[{"node":{"id":"f1","name":"greet"}},{"node":{"id":"f2","name":"mourn"}}]}}}}}`))
	case request.Variables["id"] == "f1":
		logs(entry("l1", "02", "SUCCESS", `{"event":"{\"data\":{\"name\":\"<Ada>\"}}","logs":["hi"],"returnValue":{"data":1}}`))
	case request.Variables["id"] == "f2":
		s.asked++
		entries := []string{entry("l2", "01", "FAILURE", "no JSON")}
		if s.asked > 1 {
			entries = append(entries, entry("l3", "03", "SUCCESS", `{"event":"no JSON"}`))
		}
		logs(entries...)
		if s.told != nil {
			s.told <- struct{}{}
		}
	case request.Variables["id"] == "f3":
		logs(entry("l5", "05", "FAILURE", `{"error":"did not run"}`), entry("l4", "04", "SUCCESS", `{"event":"{\"data\":{\"name\":\"<Bob>\"}}"}`), entry("l3", "03", "SUCCESS", `{"event":"{}"}`))
	case request.Variables["id"] == "f4":
		logs()
	default:
		_, _ = w.Write([]byte(`{"data":{"viewer":{"project":{"id":"p1","name":"shop"}}}}`))
	}
}

// logs runs the command against the API until it ends or a signal comes.
func logs(t *testing.T, api http.Handler, signals chan os.Signal, args ...string) string {
	t.Helper()
	stdout, _ := against(t, api, signals, append([]string{"logs", "-t", "local/p1"}, args...)...)
	return stdout
}

const (
	mourned = "2017-09-15T12:00:01.000Z 12ms FAILURE mourn no JSON\n"
	greeted = `2017-09-15T12:00:02.000Z 12ms SUCCESS greet {
  "event": {
    "data": {
      "name": "<Ada>"
    }
  },
  "logs": [
    "hi"
  ],
  "returnValue": {
    "data": 1
  }
}
`
	later = "2017-09-15T12:00:03.000Z 12ms SUCCESS mourn {\n  \"event\": \"no JSON\"\n}\n"
)

func TestLogs(t *testing.T) {
	if got := logs(t, &speaking{}, nil); got != mourned+greeted {
		t.Errorf("all:\n%s", got)
	}
	if got := logs(t, &speaking{}, nil, "-f", "greet"); got != greeted {
		t.Errorf("of one function:\n%s", got)
	}
	var entries []struct {
		Function, ID, Status, Message string
		Duration                      int
	}
	if err := json.Unmarshal([]byte(logs(t, &speaking{}, nil, "--json")), &entries); err != nil {
		t.Fatal(err)
	}
	if len(entries) != 2 || entries[0].ID != "l2" || entries[1].Function != "greet" || entries[1].Duration != 12 {
		t.Errorf("as JSON: %+v", entries)
	}
}

// TestTail shows an entry once, and what is new later.
func TestTail(t *testing.T) {
	api, signals := &speaking{told: make(chan struct{}, 10)}, make(chan os.Signal, 1)
	go func() {
		<-api.told
		<-api.told
		signals <- os.Interrupt
	}()
	if got := logs(t, api, signals, "--tail"); got != mourned+greeted+later {
		t.Error(got)
	}
}

// TestLastEvent takes the event of the last call that the log has one of.
func TestLastEvent(t *testing.T) {
	api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if bytes.Contains(body, []byte("functions")) {
			_, _ = w.Write([]byte(`{"data":{"viewer":{"project":{"functions":{"edges":[{"node":{"id":"f2","name":"mourn"}},{"node":{"id":"f3","name":"greet"}},{"node":{"id":"f4","name":"rest"}}]}}}}}`))
			return
		}
		new(speaking).ServeHTTP(w, r)
	})
	dir := t.TempDir()
	service := "types: ./types.graphql\nfunctions:\n"
	for _, name := range []string{"greet", "mourn", "rest", "nobody"} {
		service += "  " + name + ":\n    type: operationBefore\n    operation: Post.create\n    handler: {code: ./f.js}\n"
	}
	for name, text := range map[string]string{"graphcool.yml": service, "types.graphql": "", "f.js": "module.exports = event => event\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"1.json", "2.json"} {
		code, stdout, stderr := in(t, dir, api, nil, "invoke-local", "greet", "-t", "local/p1", "-l")
		text, err := os.ReadFile(filepath.Join(dir, "events", "greet", file))
		if err != nil || string(text) != "{\n  \"data\": {\n    \"name\": \"<Bob>\"\n  }\n}\n" || code != 0 || stdout != string(text) || !strings.Contains(stderr, filepath.Join("greet", file)) {
			t.Errorf("%s: %v %d %s %s", file, err, code, text, stderr)
		}
	}
	for function, want := range map[string]string{"rest": "no event in the last 50", "mourn": "no event in the last 50", "nobody": "there are: mourn, greet, rest"} {
		if code, _, stderr := in(t, dir, api, nil, "invoke-local", function, "-t", "local/p1", "--lastEvent"); code == 0 || !strings.Contains(stderr, want) {
			t.Errorf("%s: %d %s", function, code, stderr)
		}
	}
	cut := &speaking{asked: 1} // its last entry has the event "no JSON"
	if code, _, stderr := in(t, dir, cut, nil, "invoke-local", "mourn", "-t", "local/p1", "-l"); code == 0 || !strings.Contains(stderr, "too long for the log") {
		t.Errorf("%d %s", code, stderr)
	}
	if code, _, stderr := in(t, dir, api, nil, "invoke-local", "greet", "-l", "-j", "x.json"); code == 0 || !strings.Contains(stderr, "can't be used together") {
		t.Errorf("%d %s", code, stderr)
	}
}
