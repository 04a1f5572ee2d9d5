package graphcoolrc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"icehouse/cmd/icehouse/internal/atomicfile"
	"icehouse/cmd/icehouse/internal/yamldoc"
)

// The formats of the beta are converted when a file is read (platform §5.2).

// oldCluster is what the beta's environments lay on.
const oldCluster = "shared-eu-west-1"

// convert brings the text of a file to the format of today; prefix is where our keys
// begin. Texts that need nothing come back as they are. lost says what has no place any
// more.
func convert(text []byte, prefix []string) (out []byte, lost []string, err error) {
	whole, err := yamldoc.Parse(text)
	if err != nil {
		return nil, nil, err
	}
	at := func(keys ...string) []string { return append(slices.Clone(prefix), keys...) }
	root, out := whole.Lookup(prefix...), text
	set := func(value string, keys ...string) {
		if err == nil {
			out, err = yamldoc.Set(out, yamldoc.String(value), at(keys...)...)
		}
	}
	remove := func(keys ...string) {
		if err == nil {
			out, err = yamldoc.Remove(out, at(keys...)...)
		}
	}
	if environments := root.Get("environments"); environments != nil {
		remove("environments")
		for _, e := range environments.EntriesOrNone() {
			id, ok := e.Value.Text()
			if !ok {
				id, ok = e.Value.Get("projectId").Text()
			}
			if variables := e.Value.Get("envVars"); len(variables.EntriesOrNone()) > 0 {
				lost = append(lost, fmt.Sprintf("the envVars of %s: set them in the environment", e.Key))
			}
			switch {
			case !ok:
				lost = append(lost, fmt.Sprintf("%s, which names no service", e.Key))
			case root.Lookup("targets", e.Key) == nil:
				set(oldCluster+"/"+id, "targets", e.Key)
			}
		}
		if name, ok := root.Get(defaultName).Text(); ok {
			remove(defaultName)
			if root.Lookup("targets", defaultName) == nil {
				set(name, "targets", defaultName)
			}
		}
	}
	for _, c := range root.Get("clusters").EntriesOrNone() {
		token, ok := c.Value.Get("token").Text()
		if !ok {
			continue
		}
		if c.Value.Get("clusterSecret") == nil {
			set(token, "clusters", c.Key, "clusterSecret")
		}
		remove("clusters", c.Key, "token")
		if c.Value.Get("faasHost") == nil {
			set(defaultFaaSHost, "clusters", c.Key, "faasHost")
		}
	}
	return out, lost, err
}

// keepOld keeps a text beside the file that it came from: as .old, or with a number when
// another one is there.
func keepOld(path string, text []byte, mode os.FileMode) (name string, err error) {
	for n := 1; n < 100; n++ {
		name = path + ".old"
		if n > 1 {
			name = fmt.Sprintf("%s%d", name, n)
		}
		kept, err := os.ReadFile(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return name, atomicfile.Replace(name, text, mode)
		case err != nil:
			return "", err
		case bytes.Equal(kept, text):
			return name, nil
		}
	}
	return "", fmt.Errorf("there are too many files %s.old", path)
}

// veryOldName is a file of the home directory from before .graphcoolrc.
const veryOldName = ".graphcool"

// takeOver brings the token of the very old file into the home directory's.
func (e *Environment) takeOver() error {
	if e.home.path == "" || e.home.root.Get("platformToken") != nil {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(filepath.Dir(e.home.path), veryOldName))
	if err != nil {
		return nil //nolint:nilerr // there is none, as nearly always, or it is a folder
	}
	var old struct{ Token string }
	if json.Unmarshal(text, &old) != nil || old.Token == "" {
		return nil // another program's
	}
	return e.home.change(e.sources, func(f *file, text []byte) ([]byte, error) {
		return yamldoc.Set(text, yamldoc.String(old.Token), f.at("platformToken")...)
	})
}
