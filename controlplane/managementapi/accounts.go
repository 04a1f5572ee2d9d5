package managementapi

import (
	"context"

	"github.com/graphql-go/graphql"

	"icehouse/controlplane/store"
	"icehouse/tenancy/token"
)

// scopeOf says what a token must allow for a mutation. Signing out takes no right.
func scopeOf(mutation string) token.Scope {
	switch {
	case accountScope[mutation]:
		return token.Account
	case mutation == "signout":
		return ""
	default:
		return token.Manage
	}
}

// ofMyself is a field of an account that nobody else may read.
func ofMyself(read func(context.Context, store.Customer, input) (any, error)) graphql.FieldResolveFn {
	return asked(func(ctx context.Context, c store.Customer, in input) (any, error) {
		who, err := signedIn(ctx, token.Read)
		if err == nil && who.ID != c.ID {
			err = notYours()
		}
		if err != nil {
			return nil, err
		}
		return read(ctx, c, in)
	})
}

func (r resolvers) tokensAndLog() {
	r["PlatformToken"] = fields{
		"id":        value(func(s store.Session) any { return s.ID }),
		"name":      value(func(s store.Session) any { return s.Name }),
		"scopes":    value(func(s store.Session) any { return append([]string{}, token.Scopes(s.Scopes).List()...) }),
		"createdAt": value(func(s store.Session) any { return s.CreatedAt }),
		"expiresAt": value(func(s store.Session) any {
			if s.ExpiresAt.IsZero() {
				return nil
			}
			return s.ExpiresAt
		}),
		"isCurrent": asked(func(ctx context.Context, s store.Session, _ input) (any, error) {
			who, err := signedIn(ctx, token.Read)
			return who.Session == s.ID, err
		}),
	}
	r["AuditEntry"] = auditFields()
}

func (r resolvers) accounts(a *API) {
	r["Customer"] = fields{
		"name":      value(func(c store.Customer) any { return c.Name }),
		"email":     value(func(c store.Customer) any { return c.Email }),
		"source":    value(func(c store.Customer) any { return c.Source }),
		"createdAt": value(func(c store.Customer) any { return c.CreatedAt }),
		"updatedAt": value(func(c store.Customer) any { return c.UpdatedAt }),
		"crm":       value(func(c store.Customer) any { return crm{c} }),
		"projects": listed(func(ctx context.Context, c store.Customer) ([]*projectNode, error) {
			list, err := a.Projects.List(ctx, c)
			out := make([]*projectNode, len(list))
			for i, p := range list {
				out[i] = a.projectNode(p)
			}
			return out, err
		}),
		"platformTokens": ofMyself(func(ctx context.Context, c store.Customer, _ input) (any, error) {
			return a.Accounts.Sessions(ctx, c.ID)
		}),
		"auditLog": ofMyself(func(ctx context.Context, c store.Customer, in input) (any, error) {
			return a.auditPage(ctx, store.AuditFilter{Customer: c.ID}, in)
		}),
	}
	r["PermanentAuthToken"] = fields{
		"name": value(func(k store.RootToken) any { return k.Name }),
		"token": asked(func(ctx context.Context, k store.RootToken, _ input) (any, error) {
			_, err := signedIn(ctx, token.Data)
			return k.Token, err
		}),
	}
}
