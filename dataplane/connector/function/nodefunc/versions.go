//go:build unix

package nodefunc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"icehouse/dataplane/connector/function"
	"icehouse/dataplane/connector/function/nodecode"
	"icehouse/tenancy"
)

// A project's folder:
//
//	functions/NAME/VERSION.json   what was deployed: a record
//	bundles/DIGEST/               an unpacked bundle, of all versions that have this one
//
// A record is there when everything else is; what has none is swept away.

// sealedAs is what a record is to the Sealer.
const sealedAs = "function"

// record is a version as it is kept.
type record struct {
	Entry       string            `json:"entry"`
	Environment map[string]string `json:"environment"`
	Bundle      string            `json:"bundle"`
}

// key names a version among those of all projects.
type key struct{ project, name, version string }

func (d *driver) record(k key) string {
	return filepath.Join(d.Dir, k.project, "functions", k.name, k.version+".json")
}

func (d *driver) bundle(project, digest string) string {
	return filepath.Join(d.Dir, project, "bundles", digest)
}

func (d *driver) read(ctx context.Context, k key) (record, error) {
	text, err := os.ReadFile(d.record(k))
	if err == nil && d.Sealer != nil {
		text, err = d.Sealer.Open(ctx, tenancy.ProjectID(k.project), sealedAs, text)
	}
	if err != nil {
		return record{}, err
	}
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return record{}, fmt.Errorf("the record of function %s: %w", k.name, err)
	}
	return r, nil
}

// turn waits until no other deploy of the project runs.
func (d *driver) turn(ctx context.Context, project string) (done func(), err error) {
	d.mu.Lock()
	turn := d.deploying[project]
	if turn == nil {
		turn = make(chan struct{}, 1)
		d.deploying[project] = turn
	}
	d.mu.Unlock()
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (d *driver) deploy(ctx context.Context, k key, c function.Code) error {
	done, err := d.turn(ctx, k.project)
	if err != nil {
		return err
	}
	defer done()
	if _, err := d.read(ctx, k); err == nil {
		return nil
	}
	entry := strings.ReplaceAll(c.Entry, `\`, "/")
	if !filepath.IsLocal(entry) {
		return nodecode.Unusable("the entry %s is no file in the bundle", strconv.Quote(c.Entry))
	}
	digest, err := d.place(ctx, k.project, c)
	if err != nil {
		return err
	}
	if info, err := os.Stat(filepath.Join(d.bundle(k.project, digest), entry)); err != nil || !info.Mode().IsRegular() {
		return nodecode.Unusable("the bundle has no file %s", strconv.Quote(c.Entry))
	}
	text, err := json.Marshal(record{entry, c.Environment, digest})
	if err != nil {
		return err
	}
	if d.Sealer != nil {
		if text, err = d.Sealer.Seal(ctx, tenancy.ProjectID(k.project), sealedAs, text); err != nil {
			return err
		}
	}
	return d.put(text, d.record(k))
}

// place unpacks a bundle, unless it is there.
func (d *driver) place(ctx context.Context, project string, c function.Code) (string, error) {
	b, err := c.Bundle(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = b.Close() }() // it was only read
	if b.Size() > nodecode.MaxUnpacked {
		return "", nodecode.TooLarge()
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, nodecode.Reader(ctx, io.NewSectionReader(b, 0, b.Size()))); err != nil {
		return "", err
	}
	digest := hex.EncodeToString(sum.Sum(nil))
	to := d.bundle(project, digest)
	if _, err := os.Stat(to); err == nil {
		return digest, nil
	}
	fresh, err := os.MkdirTemp(d.run, "bundle-")
	if err != nil {
		return "", err
	}
	err = nodecode.Unpack(ctx, b, fresh)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o700)
	}
	if err == nil {
		err = os.Rename(fresh, to)
	}
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(fresh))
	}
	return digest, nil
}

// put makes a file appear with all of its text.
func (d *driver) put(text []byte, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(d.run, "record-")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), to)
	}
	return err
}

// find is the set of a version's processes. A server that was started anew finds on disk
// what was deployed before.
func (d *driver) find(ctx context.Context, k key) (*set, error) {
	d.mu.Lock()
	s := d.sets[k]
	d.mu.Unlock()
	if s != nil {
		return s, nil
	}
	r, err := d.read(ctx, k)
	if err == nil {
		s = d.add(k, r)
		// Who removes takes the record first and the set then.
		if _, err = os.Stat(d.record(k)); err == nil {
			return s, nil
		}
		d.forget(func(other key) bool { return other == k })
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notFound()
	}
	return nil, err
}

func notFound() error {
	return &function.Error{Kind: function.NotFound, Text: "the function is not deployed"}
}

// remove forgets versions, and waits for the calls of them that are under way before it
// takes their files. What it does not come to the next one does.
func (d *driver) remove(ctx context.Context, project string, keep []function.Version) error {
	kept := func(k key) bool { return slices.Contains(keep, function.Version{Name: k.name, Version: k.version}) }
	if err := d.removeRecords(ctx, project, kept); err != nil {
		return err
	}
	for _, s := range d.forget(func(k key) bool { return k.project == project && !kept(k) }) {
		select {
		case <-s.ended:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return d.sweep(ctx, project)
}

func (d *driver) removeRecords(ctx context.Context, project string, kept func(key) bool) error {
	done, err := d.turn(ctx, project)
	if err != nil {
		return err
	}
	defer done()
	deployed, err := d.versions(project)
	for _, k := range deployed {
		if kept(k) {
			continue
		}
		if err := os.Remove(d.record(k)); err != nil {
			return err
		}
		_ = os.Remove(filepath.Dir(d.record(k))) // unless there are others
	}
	return err
}

// versions are those that are deployed.
func (d *driver) versions(project string) ([]key, error) {
	files, err := filepath.Glob(filepath.Join(quoteGlob(d.Dir), project, "functions", "*", "*.json"))
	if err != nil {
		return nil, err
	}
	out := make([]key, 0, len(files))
	for _, f := range files {
		out = append(out, key{project, filepath.Base(filepath.Dir(f)), strings.TrimSuffix(filepath.Base(f), ".json")})
	}
	return out, nil
}

func quoteGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// sweep takes the bundles that neither a version has nor a process.
func (d *driver) sweep(ctx context.Context, project string) error {
	done, err := d.turn(ctx, project)
	if err != nil {
		return err
	}
	defer done()
	deployed, err := d.versions(project)
	if err != nil {
		return err
	}
	used := d.bundlesInUse(project)
	for _, k := range deployed {
		r, err := d.read(ctx, k)
		if err != nil {
			return err
		}
		used[r.Bundle] = true
	}
	entries, err := os.ReadDir(d.bundle(project, ""))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if !used[e.Name()] {
			err = errors.Join(err, os.RemoveAll(d.bundle(project, e.Name())))
		}
	}
	if len(used) == 0 { // the folders go unless something is in them
		_ = os.Remove(d.bundle(project, ""))
		_ = os.Remove(filepath.Join(d.Dir, project, "functions"))
		_ = os.Remove(filepath.Join(d.Dir, project))
	}
	return err
}

// runs begins the names of folders that hold what ends with a server, and its process
// id follows.
const runs = "run-"

// sweepRuns takes the folders of servers that were killed.
func sweepRuns(dir string) {
	entries, _ := os.ReadDir(dir) // what is in the way is in nobody's way
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), runs)
		id, _, _ := strings.Cut(rest, "-")
		if pid, err := strconv.Atoi(id); ok && err == nil && !alive(pid) {
			_ = os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
}
