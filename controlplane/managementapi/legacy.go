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

func noAlgolia() error {
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

// There is none with such an id, whatever the id is.
func noSuch(code int, what, key string) func(input) error {
	return func(in input) error { return problem.New(code, "No %s with id '%s'", what, in.text(key)) }
}

func always(err error) func(input) error { return func(input) error { return err } }

// legacyMutations answer errors: first those about the caller's right to what the
// input names, then that this version does not have it.
func (a *API) legacyMutations(m mutations) {
	login := func(ctx context.Context, _ input) error {
		_, err := customer(ctx)
		return err
	}
	project := func(ctx context.Context, in input) error {
		_, _, err := a.own(ctx, in.text("projectId"))
		return err
	}
	owner := func(ctx context.Context, in input) error {
		c, p, err := a.own(ctx, in.text("projectId"))
		if err == nil && p.Owner != c.ID {
			return problem.OwnerOnly()
		}
		return err
	}
	field := func(ctx context.Context, in input) error {
		_, err := a.fieldWith(ctx, in.text("fieldId"))
		return err
	}
	refuse := func(name string, check func(context.Context, input) error, why func(input) error) {
		m[name] = func(ctx context.Context, in input) (payload, error) {
			if err := check(ctx, in); err != nil {
				return nil, err
			}
			return nil, why(in)
		}
	}
	refuse("addAction", project, always(noCallbacks()))
	refuse("updateAction", login, noSuch(problem.CodeNoAction, "action", "actionId"))
	refuse("deleteAction", login, noSuch(problem.CodeNoAction, "action", "actionId"))

	refuse("addFieldConstraint", field, always(noConstraints()))
	refuse("updateFieldConstraint", login, noSuch(problem.CodeNoConstraint, "constraint", "constraintId"))
	refuse("deleteFieldConstraint", login, noSuch(problem.CodeNoConstraint, "constraint", "constraintId"))
	refuse("addRelationFieldMirror", func(ctx context.Context, in input) error {
		if err := field(ctx, in); err != nil {
			return err
		}
		_, err := a.relationWith(ctx, in.text("relationId"))
		return err
	}, always(noMirrors()))
	refuse("deleteRelationFieldMirror", login, noSuch(problem.CodeNotFound, "field mirror", "relationFieldMirrorId"))

	refuse("updateAuthProvider", func(ctx context.Context, in input) error {
		_, err := with[authProvider](ctx, a, in.text("id"), func(id string) error {
			return problem.New(problem.CodeNoAuthProvider, "No auth provider with id '%s'", id)
		})
		return err
	}, always(noProvider()))
	refuse("updateSearchProviderAlgolia", project, always(problem.New(problem.CodeCannotEnable, "%s", noAlgolia().(*problem.Error).Message)))
	refuse("addAlgoliaSyncQuery", func(ctx context.Context, in input) error {
		_, err := a.modelWith(ctx, in.text("modelId"))
		return err
	}, always(noAlgolia()))
	refuse("updateAlgoliaSyncQuery", login, noSuch(problem.CodeNoSearchQuery, "search query", "algoliaSyncQueryId"))
	refuse("deleteAlgoliaSyncQuery", login, noSuch(problem.CodeNoSearchQuery, "search query", "algoliaSyncQueryId"))
	refuse("installPackage", project, always(noPackages()))
	refuse("uninstallPackage", project, func(in input) error {
		return problem.New(problem.CodeNoPackage, "No package with name '%s'", in.text("name"))
	})

	refuse("setPlan", owner, always(noBilling()))
	refuse("setCreditCard", owner, always(noBilling()))
	refuse("deleteCreditCard", owner, always(noBilling()))
	refuse("updateCrmCustomerInformation", login, always(noCRM()))
	refuse("updateCrmOnboardingStatus", login, always(noCRM()))
	refuse("updateCrmGuideStatus", login, always(noCRM()))

	// The secret is what counts here, and none is right.
	anyone := func(context.Context, input) error { return nil }
	refuse("trustedSetFeatureToggle", anyone, always(noFlags()))
	refuse("trustedSetProjectDatabase", anyone, always(noFlags()))
}
