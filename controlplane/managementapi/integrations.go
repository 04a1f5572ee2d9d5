package managementapi

import (
	"context"

	"icehouse/controlplane/elements"
)

// A project of the console had rows for each service it could be connected with.
// Those services are gone, so none can be switched on.

// authProvider is a way to log in that a project of the console could have.
type authProvider struct {
	project *projectNode
	name    string
}

func (authProvider) typeName() string { return "AuthProvider" }

func (p authProvider) elementID() string {
	return elements.ID(p.project.ID, elements.AuthProvider, p.name)
}

func (p *projectNode) authProviders() []authProvider {
	if p.Ejected {
		return nil
	}
	return []authProvider{{p, "AUTH_PROVIDER_EMAIL"}, {p, "AUTH_PROVIDER_DIGITS"}, {p, "AUTH_PROVIDER_AUTH0"}}
}

// searchProvider is the search service that a project of the console could have.
type searchProvider struct{ project *projectNode }

func (searchProvider) typeName() string { return "SearchProviderAlgolia" }

func (p searchProvider) elementID() string {
	return elements.ID(p.project.ID, elements.SearchProvider, "")
}

func (p *projectNode) searchProviders() []searchProvider {
	if p.Ejected {
		return nil
	}
	return []searchProvider{{p}}
}

// legacyElement finds what only the console knows; nil when it is not there.
func (p *projectNode) legacyElement(kind elements.Kind, id string) any {
	switch kind {
	case elements.Database:
		if d := (databaseNode{p}); d.elementID() == id {
			return d
		}
	case elements.AuthProvider:
		for _, a := range p.authProviders() {
			if a.elementID() == id {
				return a
			}
		}
	case elements.SearchProvider:
		for _, s := range p.searchProviders() {
			if s.elementID() == id {
				return s
			}
		}
	}
	return nil
}

func (r resolvers) integrations() {
	off := value(func(any) any { return false })
	r["AuthProvider"] = fields{
		"type":      value(func(p authProvider) any { return p.name }),
		"isEnabled": off,
		"digits":    value(func(authProvider) any { return nil }),
		"auth0":     value(func(authProvider) any { return nil }),
	}
	r["SearchProviderAlgolia"] = fields{
		"applicationId":      value(func(searchProvider) any { return "" }),
		"apiKey":             value(func(searchProvider) any { return "" }),
		"algoliaSyncQueries": none[searchProvider](),
		"algoliaSchema":      asked(func(context.Context, searchProvider, input) (any, error) { return nil, noAlgolia() }),
		"isEnabled":          off,
		"name":               value(func(searchProvider) any { return "SEARCH_PROVIDER_ALGOLIA" }),
		"type":               value(func(searchProvider) any { return "SEARCH_PROVIDER" }),
	}
}
