//go:build !unix

package nodefunc

import (
	"errors"

	"icehouse/dataplane/connector/function"
)

// Open fails: processes here can't be ended together with what they have started.
func Open(Options) (function.Driver, error) {
	return nil, errors.New("functions with code do not run on this operating system")
}
