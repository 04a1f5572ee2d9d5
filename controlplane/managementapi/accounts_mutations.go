package managementapi

import (
	"context"
	"errors"

	"icehouse/controlplane/account"
	"icehouse/controlplane/problem"
	"icehouse/controlplane/store"
	"icehouse/tenancy/token"
)

// accountScope lists the mutations that need more than a token that manages projects.
var accountScope = map[string]bool{
	"updateCustomer": true, "updatePassword": true, "deleteCustomer": true, "createPlatformToken": true, "deletePlatformToken": true,
}

func (a *API) accountMutations(m mutations) {
	m["signup"] = a.signup
	m["signin"] = a.signin
	m["verifyEmail"] = a.verifyEmail
	m["requestPasswordReset"] = a.requestPasswordReset
	m["signout"] = a.signout
	m["createPlatformToken"] = a.createPlatformToken
	m["deletePlatformToken"] = a.deletePlatformToken
	m["updateCustomer"] = a.updateCustomer
	m["updatePassword"] = a.updatePassword
	m["resetPassword"] = a.resetPassword
	m["deleteCustomer"] = a.deleteCustomer
	m["trustedSignupCustomer"] = a.trustedSignup
	m["trustedSigninCustomer"] = a.trustedSignin
}

// enter lets what else the operation selects belong to the customer who just came in.
func enter(ctx context.Context, in account.SignedIn) payload {
	if in.Token == "" {
		return payload{}
	}
	becomes(ctx, &account.Caller{Customer: in.Customer})
	return payload{"user": in.Customer, "token": in.Token}
}

func entering(ctx context.Context, in account.SignedIn, err error) (payload, error) {
	if err != nil {
		return nil, err
	}
	return enter(ctx, in), nil
}

func (a *API) signup(ctx context.Context, in input) (payload, error) {
	who, err := a.Accounts.SignUp(ctx, in.text("email"), in.text("password"), in.text("name"), from(ctx))
	return entering(ctx, who, err)
}

func (a *API) signin(ctx context.Context, in input) (payload, error) {
	who, err := a.Accounts.SignIn(ctx, in.text("email"), in.text("password"), from(ctx))
	return entering(ctx, who, err)
}

func (a *API) verifyEmail(ctx context.Context, in input) (payload, error) {
	var signed *account.Caller
	var known *problem.Error
	switch c, err := signedIn(ctx, token.Account); {
	case err == nil:
		signed = &c
	case !errors.As(err, &known): // nobody, or a token that may not do this, confirms a sign-up all the same
		return nil, err
	}
	who, err := a.Accounts.VerifyEmail(ctx, signed, in.text("token"), from(ctx))
	answer, err := entering(ctx, who, err)
	if err == nil {
		answer["user"] = who.Customer
	}
	return answer, err
}

func (a *API) requestPasswordReset(ctx context.Context, in input) (payload, error) {
	return payload{}, a.Accounts.RequestReset(ctx, in.text("email"), from(ctx))
}

func (a *API) resetPassword(ctx context.Context, in input) (payload, error) {
	who, err := a.Accounts.ResetPassword(ctx, in.text("resetPasswordToken"), in.text("newPassword"), from(ctx))
	return entering(ctx, who, err)
}

// asOwner runs a change of the caller's own account.
func asOwner(ctx context.Context, name string, change func(account.Caller) (store.Customer, error)) (payload, error) {
	who, err := signedIn(ctx, scopeOf(name))
	if err != nil {
		return nil, err
	}
	changed, err := change(who)
	if err != nil {
		return nil, err
	}
	who.Customer = changed
	becomes(ctx, &who)
	return payload{"user": changed}, nil
}

func (a *API) signout(ctx context.Context, in input) (payload, error) {
	return asOwner(ctx, "signout", func(who account.Caller) (store.Customer, error) {
		return who.Customer, a.Accounts.SignOut(ctx, who, in.yes("everywhere"))
	})
}

func (a *API) updateCustomer(ctx context.Context, in input) (payload, error) {
	return asOwner(ctx, "updateCustomer", func(who account.Caller) (store.Customer, error) {
		return a.Accounts.Update(ctx, who, optional[string](in, "name"), optional[string](in, "email"))
	})
}

func (a *API) updatePassword(ctx context.Context, in input) (payload, error) {
	return asOwner(ctx, "updatePassword", func(who account.Caller) (store.Customer, error) {
		return a.Accounts.UpdatePassword(ctx, who, in.text("oldPassword"), in.text("newPassword"), from(ctx))
	})
}

func (a *API) deleteCustomer(ctx context.Context, in input) (payload, error) {
	answer, err := asOwner(ctx, "deleteCustomer", func(who account.Caller) (store.Customer, error) {
		return who.Customer, a.Accounts.Delete(ctx, who, in.text("customerId"))
	})
	if err == nil {
		answer["deletedId"] = in.text("customerId")
	}
	return answer, err
}

func (a *API) trustedSignup(ctx context.Context, in input) (payload, error) {
	who, code, err := a.Accounts.TrustedSignUp(ctx, in.text("email"), in.text("name"), in.text("source"), in.text("secret"), from(ctx))
	if err != nil {
		return nil, err
	}
	answer := enter(ctx, who)
	answer["client"], answer["resetPasswordToken"] = who.Customer, code
	return answer, nil
}

func (a *API) trustedSignin(ctx context.Context, in input) (payload, error) {
	who, code, err := a.Accounts.TrustedSignIn(ctx, in.text("email"), in.text("secret"), from(ctx))
	if err != nil {
		return nil, err
	}
	answer := enter(ctx, who)
	answer["resetPasswordToken"] = code
	return answer, nil
}
