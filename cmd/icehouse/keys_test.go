package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"icehouse/tenancy/secret/keyfile"
)

// keysFolder is made for the tests when one needs it, and removed after them.
var keysFolder = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "icehouse-keys-*") })

// withKeys gives servers that share a database one key file, unless they have another.
func withKeys(env map[string]string) map[string]string {
	if _, ok := env["ICEHOUSE_SECRET_KEY_FILE"]; ok || !strings.HasPrefix(env["DATABASE_URL"], "postgres") {
		return env
	}
	folder, err := keysFolder()
	if err != nil {
		panic(err)
	}
	path := filepath.Join(folder, "keys")
	if err := keyfile.Make(path); err != nil {
		panic(err)
	}
	env = maps.Clone(env)
	env["ICEHOUSE_SECRET_KEY_FILE"] = path
	return env
}
