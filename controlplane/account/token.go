package account

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"icehouse/tenancy"
)

// Tokens signs and reads the platform's tokens (platform §4.4): JWTs, HS256, one
// secret for all.
type Tokens struct {
	secret []byte
	now    func() time.Time
}

// NewTokens makes the signer. A short secret can be guessed: it is refused.
func NewTokens(secret string, now func() time.Time) (*Tokens, error) {
	if len(secret) < 16 {
		return nil, errors.New("the JWT secret must have at least 16 bytes")
	}
	return &Tokens{secret: []byte(secret), now: now}, nil
}

// claims are those of every kind of token; which are set tells the kind.
type claims struct {
	ClientID             string `json:"clientId,omitempty"`
	ProjectID            string `json:"projectId,omitempty"`
	PermanentAuthTokenID string `json:"permanentAuthTokenId,omitempty"`
	UserID               string `json:"userId,omitempty"`
	ModelName            string `json:"modelName,omitempty"`
	jwt.RegisteredClaims
}

func (t *Tokens) sign(c claims) (string, error) {
	c.IssuedAt = jwt.NewNumericDate(t.now())
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString(t.secret)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return text, nil
}

// read checks a token's signature and expiry.
func (t *Tokens) read(text string) (claims, bool) {
	var c claims
	if len(text) > 8<<10 {
		return c, false
	}
	_, err := jwt.ParseWithClaims(text, &c, func(*jwt.Token) (any, error) { return t.secret, nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithTimeFunc(t.now))
	return c, err == nil
}

// Platform makes the token of a customer. It has no expiry.
func (t *Tokens) Platform(customer string) (string, error) { return t.sign(claims{ClientID: customer}) }

// Root makes the text of a permanent root token. It counts only while it is
// stored.
func (t *Tokens) Root(project tenancy.ProjectID, tokenID, customer string) (string, error) {
	return t.sign(claims{ClientID: customer, ProjectID: string(project), PermanentAuthTokenID: tokenID})
}

// Node makes a token that authenticates as a node.
func (t *Tokens) Node(project tenancy.ProjectID, node, model string, lifetime time.Duration) (string, error) {
	return t.sign(claims{ProjectID: string(project), UserID: node, ModelName: model,
		RegisteredClaims: jwt.RegisteredClaims{ExpiresAt: jwt.NewNumericDate(t.now().Add(lifetime))}})
}

// isPlatform says that the claims are a customer's. A token with
// permanentAuthTokenId is never a platform token, though it names a customer
// (LQ-D60); nor is a node's token.
func (c claims) isPlatform() bool {
	return c.ClientID != "" && c.PermanentAuthTokenID == "" && c.ProjectID == "" && c.UserID == ""
}

// ReadPlatform returns the customer of a platform token.
func (t *Tokens) ReadPlatform(text string) (customer string, ok bool) {
	c, ok := t.read(text)
	if !ok || !c.isPlatform() {
		return "", false
	}
	return c.ClientID, true
}

// IsTemporaryRoot says that a token is a temporary root token of the project: it
// expires, and it is not stored (LQ-D59).
func (t *Tokens) IsTemporaryRoot(text string, project tenancy.ProjectID) bool {
	c, ok := t.read(text)
	return ok && c.PermanentAuthTokenID != "" && c.ExpiresAt != nil && c.ProjectID == string(project)
}

// same compares secrets without telling by time how much of them agrees.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
