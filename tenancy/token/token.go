// Package token signs and reads the platform's tokens: JWTs with HS256 (platform
// §4.4, data-api §7.1).
//
// In: the installation's secret, and who a token is for; or the text of a token from
// anyone. Out: the text of a token; or its claims, once its signature and its times
// are right. What the claims give right to is not said here. Callers: authn judges
// claims, account issues tokens, workers will issue temporary root tokens.
//
// Tokens are signed by a key that is derived from the secret: one for platform
// tokens, one for each project; their header's kid says which. Tokens without kid are
// older and signed by the secret itself.
package token

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"

	"icehouse/tenancy"
)

// TemporaryRootLifetime is how long a temporary root token is valid (data-api §7.1).
const TemporaryRootLifetime = 5 * time.Minute

// minSecret and maxText are in bytes.
const (
	minSecret = 16
	maxText   = 8 << 10
)

// The kids: platformKid, and projectKid with the project's id behind it. Another
// way to derive keys gets another number.
const (
	platformKid = "c1"
	projectKid  = "p1."
)

// nobody stands for the account in a temporary root token.
const nobody = "_"

// Keys signs and reads tokens.
type Keys struct {
	secret []byte
	now    func() time.Time
}

// NewKeys takes the installation's secret. A short one can be guessed: it is
// refused.
func NewKeys(secret string, now func() time.Time) (*Keys, error) {
	if len(secret) < minSecret {
		return nil, fmt.Errorf("the JWT secret must have at least %d bytes", minSecret)
	}
	return &Keys{secret: []byte(secret), now: now}, nil
}

// key derives the key of a kid.
func (k *Keys) key(kid string) ([]byte, error) {
	return hkdf.Key(sha256.New, k.secret, nil, "icehouse token "+kid, sha256.Size)
}

// WebhookSecret signs what a project's functions are told at URLs of their owner, as
// Standard Webhooks writes a secret.
func (k *Keys) WebhookSecret(project tenancy.ProjectID) (string, error) {
	key, err := k.key("webhook " + string(project))
	return "whsec_" + base64.StdEncoding.EncodeToString(key), err
}

// Claims are those of every kind of token; which are set tells the kind.
type Claims struct {
	ClientID             string // an account
	ProjectID            tenancy.ProjectID
	PermanentAuthTokenID string
	UserID               string // a node's id
	ModelName            string // the node's type
	Expires              bool
	// Session names what the account may take back; "" in tokens that it can't.
	Session string
	// Scopes are what a platform token may do.
	Scopes Scopes
}

// Scope is a part of an account's rights.
type Scope string

// The scopes. Each of Manage and Account has Read in it.
const (
	Read    Scope = "read"    // see projects, without their root tokens
	Manage  Scope = "manage"  // deploy and change projects and their collaborators
	Account Scope = "account" // change the account, its password and its tokens
	Data    Scope = "data"    // the data of projects, and their root tokens
)

// Scopes are scopes with a space between each two; "" is everything.
type Scopes string

// NewScopes joins scopes, each once; false when one of them is none.
func NewScopes(list ...Scope) (Scopes, bool) {
	var out []string
	for _, s := range []Scope{Read, Manage, Account, Data} {
		if slices.Contains(list, s) {
			out = append(out, string(s))
		}
		list = slices.DeleteFunc(slices.Clone(list), func(other Scope) bool { return other == s })
	}
	return Scopes(strings.Join(out, " ")), len(list) == 0
}

// List are the scopes, one by one.
func (s Scopes) List() []string { return strings.Fields(string(s)) }

// Allow says whether they let their holder do what a scope is about.
func (s Scopes) Allow(what Scope) bool {
	has := func(what Scope) bool { return slices.Contains(s.List(), string(what)) }
	return s == "" || has(what) || what == Read && (has(Manage) || has(Account))
}

// IsPlatform says that the claims are an account's. A root token never is one,
// though it names its owner (LQ-D60); nor is a node's token.
func (c Claims) IsPlatform() bool {
	return c.ClientID != "" && c.PermanentAuthTokenID == "" && c.ProjectID == "" && c.UserID == ""
}

// IsTemporaryRoot says that the claims are a temporary root token's: they expire,
// belong to no account, and are not stored anywhere (LQ-D59).
func (c Claims) IsTemporaryRoot() bool {
	return c.PermanentAuthTokenID != "" && c.ClientID == nobody && c.UserID == "" && c.Expires
}

// IsNode says that the claims are a node's.
func (c Claims) IsNode() bool {
	return c.UserID != "" && c.ClientID == "" && c.PermanentAuthTokenID == ""
}

// Platform makes the token of an account. It has no expiry.
func (k *Keys) Platform(customer string) (string, error) {
	return k.sign(platformKid, payload{ClientID: customer})
}

// Session makes a platform token that counts only while its session is stored. A zero
// time is no expiry.
func (k *Keys) Session(customer, session string, scopes Scopes, expires time.Time) (string, error) {
	p := payload{ClientID: customer, SessionID: session}
	if scopes != "" {
		p.Scope = (*string)(&scopes)
	}
	if !expires.IsZero() {
		at := float64(expires.Unix())
		p.Exp = &at
	}
	return k.sign(platformKid, p)
}

// Root makes the text of a permanent root token. It counts only while it is stored.
func (k *Keys) Root(project tenancy.ProjectID, tokenID, customer string) (string, error) {
	return k.sign(projectKid+string(project), payload{ClientID: customer, ProjectID: string(project), PermanentAuthTokenID: tokenID})
}

// TemporaryRoot makes a token that gives all rights on a project's data for
// TemporaryRootLifetime.
func (k *Keys) TemporaryRoot(project tenancy.ProjectID) (string, error) {
	return k.sign(projectKid+string(project), payload{
		ClientID: nobody, ProjectID: string(project), PermanentAuthTokenID: tenancy.NewID(), Exp: k.after(TemporaryRootLifetime),
	})
}

// Node makes a token that authenticates as a node.
func (k *Keys) Node(project tenancy.ProjectID, node, model string, lifetime time.Duration) (string, error) {
	return k.sign(projectKid+string(project), payload{ProjectID: string(project), UserID: node, ModelName: model, Exp: k.after(lifetime)})
}

func (k *Keys) after(d time.Duration) *float64 {
	at := float64(k.now().Add(d).Unix())
	return &at
}

func (k *Keys) sign(kid string, p payload) (string, error) {
	key, err := k.key(kid)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	now := float64(k.now().Unix())
	p.Iat = &now
	t := jwt.NewWithClaims(jwt.SigningMethodHS256, &p)
	t.Header["kid"] = kid
	text, err := t.SignedString(key)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return text, nil
}

var errUnknownKey = errors.New("no such key")

// Read checks a token that is shown for a project; "" where it is shown for none.
// false: it is no token of this installation, or its time is over, or it belongs to
// another project.
func (k *Keys) Read(text string, project tenancy.ProjectID) (Claims, bool) {
	if len(text) > maxText || strings.ContainsAny(text, "\r\n") { // base64's reader would skip line breaks
		return Claims{}, false
	}
	var p payload
	signed := ""
	_, err := jwt.ParseWithClaims(text, &p, func(t *jwt.Token) (any, error) {
		if _, critical := t.Header["crit"]; critical {
			return nil, errUnknownKey // it says that something must be understood, which is not
		}
		kid, given := t.Header["kid"]
		if !given {
			return k.secret, nil
		}
		signed, _ = kid.(string)
		if signed != platformKid && (project == "" || signed != projectKid+string(project)) {
			return nil, errUnknownKey
		}
		return k.key(signed)
	}, jwt.WithValidMethods([]string{"HS256"}), jwt.WithTimeFunc(k.now), jwt.WithStrictDecoding())
	if err != nil {
		return Claims{}, false
	}
	if p.Scope != nil && strings.TrimSpace(*p.Scope) == "" {
		return Claims{}, false // nothing is not everything
	}
	c := Claims{p.ClientID, tenancy.ProjectID(p.ProjectID), p.PermanentAuthTokenID, p.UserID, p.ModelName, p.Exp != nil, p.SessionID, ""}
	if p.Scope != nil {
		c.Scopes = Scopes(*p.Scope)
	}
	switch {
	case c.ProjectID != "" && c.ProjectID != project:
		return Claims{}, false
	case signed == platformKid && !c.IsPlatform(), signed != platformKid && signed != "" && c.ProjectID == "":
		return Claims{}, false // no such token was ever signed by this key
	case c.IsNode() && c.ModelName == "":
		c.ModelName = "User" // LQ-D61
	}
	return c, true
}

// Expiry is when a token ends that Read has taken; zero: never.
func Expiry(text string) time.Time {
	var p payload
	if _, _, err := jwt.NewParser(jwt.WithStrictDecoding()).ParseUnverified(text, &p); err != nil || p.Exp == nil {
		return time.Time{}
	}
	return time.Unix(int64(*p.Exp), 0)
}

// payload is the wire form. Names count with their case, and no name may stand
// twice: what is read here must be what any other reader reads.
type payload struct {
	ClientID             string   `json:"clientId,omitzero"`
	ProjectID            string   `json:"projectId,omitzero"`
	PermanentAuthTokenID string   `json:"permanentAuthTokenId,omitzero"`
	UserID               string   `json:"userId,omitzero"`
	ModelName            string   `json:"modelName,omitzero"`
	SessionID            string   `json:"sessionId,omitzero"`
	Scope                *string  `json:"scope,omitzero"`
	Iat                  *float64 `json:"iat,omitzero"`
	Nbf                  *float64 `json:"nbf,omitzero"`
	Exp                  *float64 `json:"exp,omitzero"`
}

// plainPayload has no methods, so that it is read and written as it stands.
type plainPayload payload

// UnmarshalJSON is called by the JWT library.
func (p *payload) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, (*plainPayload)(p), noNulls); err != nil {
		return err
	}
	for _, t := range []*float64{p.Iat, p.Nbf, p.Exp} {
		if t != nil && (*t < 0 || *t > latest) {
			return errors.New("a time is none")
		}
	}
	return nil
}

// noNulls refuses null where a claim's value is read: it would pass for a claim that
// is missing, and a token without exp never ends.
var noNulls = json.WithUnmarshalers(json.JoinUnmarshalers(json.UnmarshalFromFunc(noNull[*string]), json.UnmarshalFromFunc(noNull[**string]), json.UnmarshalFromFunc(noNull[**float64])))

func noNull[T any](d *jsontext.Decoder, _ T) error {
	if d.PeekKind() == 'n' {
		return errors.New("a claim is null")
	}
	return errors.ErrUnsupported // by this function: the usual one reads it
}

// latest is the last second that a token can name: the end of the year 9999.
const latest = 253402300799

// MarshalJSON is called by the JWT library.
func (p *payload) MarshalJSON() ([]byte, error) { return json.Marshal((*plainPayload)(p)) }

func date(seconds *float64) (*jwt.NumericDate, error) {
	if seconds == nil {
		return nil, nil //nolint:nilnil // the library's way to say that there is none
	}
	return jwt.NewNumericDate(time.Unix(int64(*seconds), 0)), nil
}

func (p *payload) GetExpirationTime() (*jwt.NumericDate, error) { return date(p.Exp) }
func (p *payload) GetIssuedAt() (*jwt.NumericDate, error)       { return date(p.Iat) }
func (p *payload) GetNotBefore() (*jwt.NumericDate, error)      { return date(p.Nbf) }
func (p *payload) GetIssuer() (string, error)                   { return "", nil }
func (p *payload) GetSubject() (string, error)                  { return "", nil }
func (p *payload) GetAudience() (jwt.ClaimStrings, error)       { return nil, nil }
