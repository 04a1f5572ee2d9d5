// Package standardwebhooks asks npm's standardwebhooks, which receivers of webhooks use, for
// its verdicts, so that tests can hold our signatures against them.
//
// In: messages with their headers, and secrets. Out: verdicts. The locked version is
// installed as the oracle is (package npm); node and npm must be on the machine. Only tests
// call it.
package standardwebhooks

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"icehouse/deploy/testbed/npm"
)

var (
	//go:embed package.json
	packageJSON []byte
	//go:embed package-lock.json
	packageLock []byte
	//go:embed verify.mjs
	script []byte
)

// Message is one to judge.
type Message struct {
	Secret  string            `json:"secret"` // whsec_...
	Body    string            `json:"body"`
	Headers map[string]string `json:"headers"`
}

// Verify says for each message why it is not genuine; nothing when it is.
func Verify(t testing.TB, messages []Message) []string {
	t.Helper()
	folder, err := npm.Install("standardwebhooks", map[string][]byte{"package.json": packageJSON, "package-lock.json": packageLock, "verify.mjs": script})
	if err != nil {
		t.Fatal(err)
	}
	in, err := json.Marshal(messages)
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", filepath.Join(folder, "verify.mjs"))
	node.Dir, node.Stdin, node.Stderr = folder, bytes.NewReader(in), os.Stderr
	out, err := node.Output()
	if err != nil {
		t.Fatalf("standardwebhooks: %v", err)
	}
	var verdicts []string
	if err := json.Unmarshal(out, &verdicts); err != nil {
		t.Fatal(err)
	}
	return verdicts
}
