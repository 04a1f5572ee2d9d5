package cli_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"icehouse/cmd/icehouse/internal/cli"
)

// run runs one command in-process.
func run(t *testing.T, env map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = cli.Run(context.Background(), cli.Process{
		Program: "icehouse", Args: args, Dir: t.TempDir(), Home: t.TempDir(), Now: time.Now,
		Env:   func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs,
	})
	return code, out.String(), errs.String()
}

func TestHelpNamesFlagsVariablesAndDefaults(t *testing.T) {
	code, stdout, _ := run(t, nil, "help", "dev")
	if code != 0 {
		t.Fatalf("exit code %d", code)
	}
	for _, want := range []string{"--port=60000", "[$PORT]", "--functions-port=60050", "[$FUNCTIONS_PORT]", "--data-dir=\".icehouse\"", "[$ICEHOUSE_DATA_DIR]", "[$DATABASE_URL]", "[$MASTER_TOKEN]", "[$JWT_SECRET]"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %s in\n%s", want, stdout)
		}
	}
}

// TestFlagsOverEnvironmentOverDefaults looks at which port a refusal names.
func TestFlagsOverEnvironmentOverDefaults(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		args []string
		want string
	}{
		"default":              {nil, []string{"dev", "--functions-port", "60000"}, "port 60000 is given"},
		"environment":          {map[string]string{"PORT": "123", "FUNCTIONS_PORT": "123"}, []string{"dev"}, "port 123 is given"},
		"flag":                 {map[string]string{"PORT": "123", "FUNCTIONS_PORT": "456"}, []string{"dev", "--port=456"}, "port 456 is given"},
		"an empty one is none": {map[string]string{"PORT": "", "FUNCTIONS_PORT": "60000"}, []string{"dev"}, "port 60000 is given"},
		"role":                 {map[string]string{"ICEHOUSE_ROLE": "king"}, []string{"serve"}, `role "king"`},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, stderr := run(t, c.env, c.args...)
			if code != 1 || !strings.Contains(stderr, c.want) {
				t.Errorf("exit code %d, %q; want %q", code, stderr, c.want)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"unknown command":      {[]string{"fly"}, "unexpected argument fly"},
		"unknown flag":         {[]string{"dev", "--prot", "1"}, "unknown flag --prot"},
		"unknown short flag":   {[]string{"deploy", "-x"}, "unknown flag -x"},
		"open without secrets": {[]string{"dev", "--host", "0.0.0.0"}, "0.0.0.0 can be reached from other machines: set MASTER_TOKEN and JWT_SECRET"},
		"serve without":        {[]string{"serve", "--database-url", "sqlite:db"}, "serve makes no secrets"},
		"no service here":      {[]string{"deploy"}, "no graphcool.yml here or above"},
		"no target":            {[]string{"info"}, "no target"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, stderr := run(t, nil, c.args...)
			if code != 1 || !strings.Contains(stderr, c.want) {
				t.Errorf("exit code %d, %q; want %q", code, stderr, c.want)
			}
		})
	}
}

// against runs a command against the API of the cluster local.
func against(t *testing.T, api http.Handler, signals chan os.Signal, args ...string) (stdout, stderr string) {
	t.Helper()
	return againstIn(t, t.TempDir(), api, signals, args...)
}

// againstIn is against in a folder.
func againstIn(t *testing.T, dir string, api http.Handler, signals chan os.Signal, args ...string) (stdout, stderr string) {
	t.Helper()
	server := httptest.NewServer(api)
	defer server.Close()
	home := t.TempDir()
	rc := "graphcool-framework:\n  clusters:\n    local: {host: \"" + server.URL + "\", clusterSecret: x}\n"
	if err := os.WriteFile(filepath.Join(home, ".graphcoolrc"), []byte(rc), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code := cli.Run(context.Background(), cli.Process{
		Program: "icehouse", Args: args, Dir: dir, Home: home, Now: time.Now, Signals: signals,
		Env: func(string) (string, bool) { return "", false }, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs,
	})
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	return out.String(), errs.String()
}

// TestProgress: who waits for long hears that it goes on.
func TestProgress(t *testing.T) {
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), "resetProjectData") {
			time.Sleep(2500 * time.Millisecond)
			_, _ = w.Write([]byte(`{"data":{"resetProjectData":{"clientMutationId":"static"}}}`))
			return
		}
		_, _ = w.Write([]byte(`{"data":{"viewer":{"project":{"id":"p1","name":"shop"}}}}`))
	})
	stdout, stderr := against(t, slow, nil, "reset", "-f", "-t", "local/p1")
	if stderr != "… still deleting its data (2 s)\n" || stdout != "Deleted all data of service shop (local/p1).\n" {
		t.Errorf("%q %q", stdout, stderr)
	}
}
