package managementapi

import (
	"context"

	"icehouse/controlplane/problem"
)

// What the platform of 2017 could do and this version can't, each with the code
// that comes closest (platform §11.3, §11.4).

func noCallbacks() error {
	return problem.New(problem.CodeCallbackInput, "Mutation callbacks (actions) are not part of this version of Icehouse. Use an operationAfter or a subscription function.")
}

func noAlgolia() *problem.Error {
	return problem.New(problem.CodeNoSearch, "The search integration with Algolia is not part of this version of Icehouse. Use a subscription function that sends the nodes.")
}

func noBilling() error {
	return problem.New(problem.CodePayment, "This installation keeps no plans and no payments.")
}

func noConstraints() error {
	return problem.New(problem.CodeConstraint, "Constraints of fields are not part of this version of Icehouse. Use an operationBefore function.")
}

func noMirrors() error {
	return problem.New(problem.CodeNotFound, "Field mirrors of relations are not part of this version of Icehouse.")
}

func noPackages() error {
	return problem.New(problem.CodeNotFound, "Packages are not part of this version of Icehouse. Use a template: graphcool add-template.")
}

func noProvider() error {
	return problem.New(problem.CodeCannotEnable, "The login integrations (e-mail, Digits, Auth0) are not part of this version of Icehouse. Use a resolver function that calls generateNodeToken.")
}

func noFlags() error {
	return problem.New(problem.CodeWrongSecret, "This installation has no secret with which feature toggles and databases of projects could be set.")
}

func noCRM() error {
	return &problem.Error{Message: "This installation keeps neither tutorials nor marketing data of accounts."}
}

// refusal is a mutation that answers errors: first those about the caller's right to
// what the input names, then that this version does not have it.
type refusal struct {
	check func(context.Context, input) error
	why   func(input) error
}

func (a *API) legacyMutations(m mutations) {
	for name, r := range a.refusals() {
		m[name] = func(ctx context.Context, in input) (payload, error) {
			if err := r.check(ctx, in); err != nil {
				return nil, err
			}
			return nil, r.why(in)
		}
	}
}

func (a *API) refusals() map[string]refusal {
	noAction := refusal{login, noSuch(problem.CodeNoAction, "action", "actionId")}
	noConstraint := refusal{login, noSuch(problem.CodeNoConstraint, "constraint", "constraintId")}
	noSearchQuery := refusal{login, noSuch(problem.CodeNoSearchQuery, "search query", "algoliaSyncQueryId")}
	return map[string]refusal{
		"addAction":    {a.project, always(noCallbacks())},
		"updateAction": noAction,
		"deleteAction": noAction,

		"addFieldConstraint":        {a.field, always(noConstraints())},
		"updateFieldConstraint":     noConstraint,
		"deleteFieldConstraint":     noConstraint,
		"addRelationFieldMirror":    {a.fieldAndRelation, always(noMirrors())},
		"deleteRelationFieldMirror": {login, noSuch(problem.CodeNotFound, "field mirror", "relationFieldMirrorId")},

		"updateAuthProvider":          {a.authProvider, always(noProvider())},
		"updateSearchProviderAlgolia": {a.project, always(problem.New(problem.CodeCannotEnable, "%s", noAlgolia().Message))},
		"addAlgoliaSyncQuery":         {a.model, always(noAlgolia())},
		"updateAlgoliaSyncQuery":      noSearchQuery,
		"deleteAlgoliaSyncQuery":      noSearchQuery,
		"installPackage":              {a.project, always(noPackages())},
		"uninstallPackage": {a.project, func(in input) error {
			return problem.New(problem.CodeNoPackage, "No package with name '%s'", in.text("name"))
		}},

		"setPlan":                      {a.owner, always(noBilling())},
		"setCreditCard":                {a.owner, always(noBilling())},
		"deleteCreditCard":             {a.owner, always(noBilling())},
		"updateCrmCustomerInformation": {login, always(noCRM())},
		"updateCrmOnboardingStatus":    {login, always(noCRM())},
		"updateCrmGuideStatus":         {login, always(noCRM())},

		// The secret is what counts here, and none is right.
		"trustedSetFeatureToggle":   {anyone, always(noFlags())},
		"trustedSetProjectDatabase": {anyone, always(noFlags())},
	}
}

// Why: always the same, or that there is none with such an id, whatever the id is.

func always(err error) func(input) error { return func(input) error { return err } }

func noSuch(code int, what, key string) func(input) error {
	return func(in input) error { return problem.New(code, "No %s with id '%s'", what, in.text(key)) }
}

// Who may ask: anyone, whoever is signed in, and those who may see what the input names.

func anyone(context.Context, input) error { return nil }

func login(ctx context.Context, _ input) error {
	_, err := customer(ctx)
	return err
}

func (a *API) project(ctx context.Context, in input) error {
	_, _, err := a.own(ctx, in.text("projectId"))
	return err
}

func (a *API) owner(ctx context.Context, in input) error {
	c, p, err := a.own(ctx, in.text("projectId"))
	if err == nil && p.Owner != c.ID {
		return problem.OwnerOnly()
	}
	return err
}

func (a *API) model(ctx context.Context, in input) error {
	_, err := a.modelWith(ctx, in.text("modelId"))
	return err
}

func (a *API) field(ctx context.Context, in input) error {
	_, err := a.fieldWith(ctx, in.text("fieldId"))
	return err
}

func (a *API) fieldAndRelation(ctx context.Context, in input) error {
	if err := a.field(ctx, in); err != nil {
		return err
	}
	_, err := a.relationWith(ctx, in.text("relationId"))
	return err
}

func (a *API) authProvider(ctx context.Context, in input) error {
	_, err := with[authProvider](ctx, a, in.text("id"), func(id string) error {
		return problem.New(problem.CodeNoAuthProvider, "No auth provider with id '%s'", id)
	})
	return err
}
