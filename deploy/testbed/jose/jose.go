// Package jose asks npm's jose, a JWT library of another hand, to sign tokens and to
// judge them, so that tests can hold ours against it.
//
// In: claims to sign, tokens to judge, keys. Out: tokens and verdicts. The locked
// version is installed as the oracle is (package npm); node and npm must be on the
// machine. Only tests call it.
package jose

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
	//go:embed jose.mjs
	script []byte
)

// Question is a token to judge, or with Claims one to sign.
type Question struct {
	Key    string         `json:"key"` // in hexadecimal
	Claims map[string]any `json:"claims,omitempty"`
	Alg    string         `json:"alg,omitempty"`
	Token  string         `json:"token,omitempty"`
	Now    int64          `json:"now,omitempty"` // in seconds
}

// Answer is the token that was signed, or the verdict.
type Answer struct {
	Token  string
	Valid  bool
	Claims map[string]any
	Why    string
}

// Ask asks all questions at once.
func Ask(t testing.TB, questions []Question) []Answer {
	t.Helper()
	folder, err := npm.Install("jose", map[string][]byte{"package.json": packageJSON, "package-lock.json": packageLock, "jose.mjs": script})
	if err != nil {
		t.Fatal(err)
	}
	in, err := json.Marshal(questions)
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", filepath.Join(folder, "jose.mjs"))
	node.Dir, node.Stdin, node.Stderr = folder, bytes.NewReader(in), os.Stderr
	out, err := node.Output()
	if err != nil {
		t.Fatalf("jose: %v", err)
	}
	var answers []Answer
	if err := json.Unmarshal(out, &answers); err != nil {
		t.Fatal(err)
	}
	return answers
}
