package account

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"time"

	"icehouse/controlplane/problem"
)

// window is the time in which attempts are counted. Nodes share the counts: the store
// keeps them.
const window = 15 * time.Minute

// limit is how many attempts may be made in a window under a key.
type limit struct {
	key  string
	most int
}

// The limits. They count before anything is looked up, whoever it is about.
const (
	perAccountAndAddress = 10
	perAccount           = 100 // from all addresses: who tries from many keeps the owner out for a while at most
	perAddress           = 200 // many people may share one
	mailsPerAccount      = 5
	signUpsPerAddress    = 30
	invitationsPerHost   = 50
)

func key(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// slow counts an attempt and refuses one that is too many.
func (s *Service) slow(ctx context.Context, limits ...limit) error {
	now := s.Now()
	var until time.Time
	for _, l := range limits {
		n, ends, err := s.Store.Attempt(ctx, l.key, now, window)
		if err != nil {
			return err
		}
		if n > l.most && ends.After(until) {
			until = ends
		}
	}
	if rand.IntN(256) == 0 { //nolint:gosec // no secret: now and then is often enough
		if err := s.Store.Sweep(ctx, now); err != nil {
			return err
		}
	}
	return tooMany(until, now)
}

// tooMany is the refusal until a time; nil without one.
func tooMany(until, now time.Time) error {
	if until.IsZero() {
		return nil
	}
	return &problem.Error{Message: fmt.Sprintf("Too many attempts. Try again in %d seconds", int(until.Sub(now).Seconds())+1)}
}

// signIns are the limits of whatever proves a password.
func signIns(account, address string) []limit {
	return []limit{
		{key("account and address", account, address), perAccountAndAddress},
		{key("account", account), perAccount},
		{key("address", address), perAddress},
	}
}
