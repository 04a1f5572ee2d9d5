// Package tenancy is the foundation of the house: who a project is, where its
// rows live and how much it may use. Every room imports it; it imports none.
//
// In: nothing but the standard library. Out: identifiers, placements and the
// kinds of error that a caller in any room may test for.
package tenancy

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"sync/atomic"
	"time"
)

// ProjectID names one project, which is one tenant. It is a cuid, so that it can
// stand where a GraphQL name can (platform §0.3).
type ProjectID string

// Placement names the database that holds a project's rows.
type Placement string

// DefaultPlacement is the placement of an installation with one database.
const DefaultPlacement Placement = "default"

// Errors that cross rooms. Test with errors.Is.
var (
	// ErrUnknownProject says that no project has this id or alias.
	ErrUnknownProject = errors.New("unknown project")
	// ErrZeroScope says that a connector was called without a tenant.
	ErrZeroScope = errors.New("no tenant scope given")
)

const base36 = "0123456789abcdefghijklmnopqrstuvwxyz"

var (
	idCounter     atomic.Uint32
	idFingerprint = randomBlock()
)

func randomBlock() uint64 {
	var b [8]byte
	// crypto/rand.Read never fails (since Go 1.24 it ends the program instead).
	_, _ = rand.Read(b[:])
	return binary.LittleEndian.Uint64(b[:])
}

// NewID makes a cuid: 25 lower-case letters and digits that begin with c, sort
// roughly by time of creation and can't be guessed (platform §0.3).
func NewID() string {
	var buf [25]byte
	return string(AppendID(buf[:0]))
}

// AppendID appends a new cuid.
func AppendID(out []byte) []byte {
	var id [25]byte
	id[0] = 'c'
	put := func(from, to int, v uint64) {
		for i := to - 1; i >= from; i-- {
			id[i] = base36[v%36]
			v /= 36
		}
	}
	put(1, 9, uint64(time.Now().UnixMilli())) //nolint:gosec // time is after 1970
	put(9, 13, uint64(idCounter.Add(1)))
	put(13, 17, idFingerprint)
	put(17, 25, randomBlock())
	return append(out, id[:]...)
}

// ValidNodeID reports whether s can be the id of a node: at most 25 characters
// of letters, digits, - and _ (data-api §1.8).
func ValidNodeID(s string) bool {
	if s == "" || len(s) > 25 {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}
