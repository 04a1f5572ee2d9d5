package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"icehouse/cmd/icehouse/internal/rungroup"
)

// watchEvery is how often the files are looked at. Asking works on every file
// system, and a service has a handful of files.
const watchEvery = 300 * time.Millisecond

// watch deploys again whenever a file of the definition changes, until the user
// stops it.
func (d *deployment) watch(definition bundledService) error {
	stop, _, release := rungroup.Interrupts(d.ctx, d.Signals)
	defer release()
	paths := definition.Paths
	seen := look(paths)
	d.notef("\nWatching %d files. Stop with Ctrl-C.", len(paths))
	for sleep(stop, watchEvery) {
		now := look(paths)
		if now == seen {
			continue
		}
		seen = now
		next, err := d.bundled(d.dir)
		if len(next.Paths) > 0 { // also of code with mistakes
			paths = next.Paths
			seen = look(paths)
		}
		if err == nil {
			err = d.push(next)
		}
		if err != nil && !errors.Is(err, errReported) {
			d.errorf("%v", err)
		}
	}
	return nil
}

// sleep returns false when the user wants to stop.
func sleep(stop context.Context, how time.Duration) bool {
	select {
	case <-stop.Done():
		return false
	case <-time.After(how):
		return true
	}
}

// look is a text that changes when one of the files does.
func look(paths []string) string {
	var seen string
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil {
			seen += fmt.Sprintf("%s %d %d\n", path, info.ModTime().UnixNano(), info.Size())
		}
	}
	return seen
}
