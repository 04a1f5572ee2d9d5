package rungroup

import (
	"errors"
	"fmt"
)

// Closers is what has been opened so far. The zero Closers is empty.
//
// Whoever opens things one by one pushes each of them and, when a later one
// fails, closes them all. What was handed in from outside is not pushed.
type Closers struct{ stack []closer }

type closer struct {
	name  string
	close func() error
}

// Push remembers how to close what was just opened.
func (c *Closers) Push(name string, closeIt func() error) {
	c.stack = append(c.stack, closer{name, closeIt})
}

// Close closes everything, last opened first, and forgets it. All are closed
// even when some fail; a second call does nothing.
func (c *Closers) Close() error {
	var problems []error
	for len(c.stack) > 0 {
		last := c.stack[len(c.stack)-1]
		c.stack = c.stack[:len(c.stack)-1]
		if err := last.close(); err != nil {
			problems = append(problems, fmt.Errorf("close %s: %w", last.name, err))
		}
	}
	return errors.Join(problems...)
}
