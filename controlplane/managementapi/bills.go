package managementapi

import (
	"context"

	"icehouse/controlplane/store"
)

// crm is what the hosted platform's customer database said about an account
// (platform §4.9). This installation keeps the account itself, and no bills.
type crm struct{ store.Customer }

// crmProject is a project as its owner's bills name it.
type crmProject struct{ store.Project }

func (crmProject) typeName() string    { return "CrmProject" }
func (p crmProject) elementID() string { return string(p.ID) }

// signupSources are those sources of accounts that bills know, too.
var signupSources = map[string]bool{"HOMEPAGE": true, "DOCS": true, "LEARN_RELAY": true, "LEARN_APOLLO": true}

func (c crm) information() any {
	signup := "NOT_DEFINED"
	if signupSources[c.Source] {
		signup = c.Source
	}
	return map[string]any{"id": c.ID, "name": c.Name, "email": c.Email, "source": c.Source, "signupSource": signup}
}

func (r resolvers) bills(a *API) {
	unknown := map[string]any{}
	r["CrmSystemBridge"] = fields{
		"id":               value(func(c crm) any { return c.ID }),
		"information":      value(crm.information),
		"onboardingStatus": value(func(crm) any { return unknown }), // no tutorial is kept
		"guideStatus":      value(func(crm) any { return unknown }),
		"customer":         value(func(c crm) any { return c }),
	}
	r["CrmCustomer"] = fields{
		"id": value(func(c crm) any { return c.ID }),
		// Only owners see bills.
		"projects": listed(func(ctx context.Context, c crm) (out []crmProject, err error) {
			list, err := a.Projects.List(ctx, c.Customer)
			for _, p := range list {
				if p.Owner == c.ID {
					out = append(out, crmProject{p})
				}
			}
			return out, err
		}),
	}
	r["CrmProject"] = fields{
		"id":                        value(func(p crmProject) any { return string(p.ID) }),
		"systemProjectId":           value(func(p crmProject) any { return string(p.ID) }),
		"name":                      value(func(p crmProject) any { return p.Name }),
		"projectBillingInformation": value(func(p crmProject) any { return p }),
	}
	r["CrmProjectBillingInformation"] = fields{
		"id":         value(func(p crmProject) any { return string(p.ID) }),
		"plan":       value(func(crmProject) any { return a.Plan }),
		"invoices":   none[crmProject](),
		"creditCard": value(func(crmProject) any { return nil }),
	}
}
