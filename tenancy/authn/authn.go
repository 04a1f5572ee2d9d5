// Package authn says who sends a request to a project (data-api §7.2).
//
// In: a project and a bearer token from anyone. Out: a Requester. A token that is
// wrong in any way is none: its sender is nobody. Callers: the data plane for each
// request that depends on it; account before it issues a node token.
package authn

import (
	"context"
	"crypto/subtle"
	"strings"
	"unicode/utf8"

	"icehouse/tenancy"
	"icehouse/tenancy/token"
)

// Requester is who sends a request. The zero value is nobody.
type Requester struct {
	// Admin may do everything in the project: the token is a root token, or that of
	// an account with a seat.
	Admin bool
	// Type and Node are of the node whose token it is. Whether the node is there is
	// for whoever has the project's rows to say.
	Type, Node string
}

// Grants are the rights that can be taken back at any time.
type Grants interface {
	// RootTokens are the texts of a project's permanent tokens.
	RootTokens(ctx context.Context, project tenancy.ProjectID) ([]string, error)
	// HasSeat says whether an account works on a project, and has not taken back the
	// session that it comes with.
	HasSeat(ctx context.Context, project tenancy.ProjectID, a Account) (bool, error)
}

// Account is an account and, unless it is "", the session of its token.
type Account struct{ Customer, Session string }

// Authenticator judges tokens.
type Authenticator struct {
	Keys   *token.Keys
	Grants Grants
}

// Requester says who a token's sender is. The error is of a look-up that failed.
func (a *Authenticator) Requester(ctx context.Context, project tenancy.ProjectID, text string) (Requester, error) {
	if text == "" || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return Requester{}, nil
	}
	claims, valid := a.Keys.Read(text, project)
	if valid && claims.IsNode() {
		if claims.ProjectID != project || !tenancy.ValidNodeID(claims.UserID) {
			return Requester{}, nil
		}
		return Requester{Type: claims.ModelName, Node: claims.UserID}, nil
	}
	switch stored, err := a.isStored(ctx, project, text); {
	case err != nil || stored:
		return Requester{Admin: stored}, err
	case !valid:
		return Requester{}, nil
	case claims.PermanentAuthTokenID != "": // LQ-D59
		return Requester{Admin: claims.IsTemporaryRoot() && claims.ProjectID == project}, nil
	case claims.IsPlatform() && claims.Scopes.Allow(token.Data):
		has, err := a.Grants.HasSeat(ctx, project, Account{claims.ClientID, claims.Session})
		return Requester{Admin: err == nil && has}, err
	}
	return Requester{}, nil
}

// The types of tokens that are no node's, as functions are told (platform §2.3).
const (
	RootType     = "PAT"
	CustomerType = "Customer"
)

// Identity names the sender of an admin's token: its type, and the id of a root token or
// an account.
func (a *Authenticator) Identity(project tenancy.ProjectID, text string) (typeName, id string) {
	claims, _ := a.Keys.Read(text, project)
	if claims.IsPlatform() {
		return CustomerType, claims.ClientID
	}
	return RootType, claims.PermanentAuthTokenID
}

func (a *Authenticator) isStored(ctx context.Context, project tenancy.ProjectID, text string) (bool, error) {
	stored, err := a.Grants.RootTokens(ctx, project)
	if err != nil {
		return false, err
	}
	found := 0
	for _, t := range stored {
		found |= subtle.ConstantTimeCompare([]byte(t), []byte(text))
	}
	return found == 1, nil
}
