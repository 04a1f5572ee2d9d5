package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"time"

	"icehouse/controlplane/problem"
	"icehouse/controlplane/store"
)

func invalidCode() error {
	return problem.New(problem.CodeWrongCode, "The code is not valid. It may have been used, or its time is over")
}

// oneTime stores what a new code may do.
func (s *Service) oneTime(ctx context.Context, o store.OneTime, lasts time.Duration) (code string, err error) {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails
	code = base64.RawURLEncoding.EncodeToString(random)
	bearer := ""
	if o.Purpose == store.ChangeEmail {
		bearer = o.Customer
	}
	o.Hash, o.ExpiresAt = codeHash(code, bearer), s.now().Add(lasts)
	return code, s.Store.AddOneTime(ctx, o)
}

// codeHash needs no salt: codes have 256 random bits. bearer is the account whose code
// it is, where nobody else may use it; else "".
func codeHash(code, bearer string) string {
	sum := sha256.Sum256([]byte(code + "\n" + bearer))
	return hex.EncodeToString(sum[:])
}
