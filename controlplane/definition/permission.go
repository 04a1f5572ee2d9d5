package definition

import (
	"slices"
	"strings"

	"icehouse/dataplane/datamodel"
)

// Permission is one entry of permissions (platform §1.9).
type Permission struct {
	Operation     string   `json:"operation"` // Target.verb, or *
	Authenticated bool     `json:"authenticated,omitempty"`
	QueryPath     string   `json:"queryPath,omitempty"`
	QueryName     string   `json:"queryName,omitempty"`
	Query         string   `json:"query,omitempty"`
	Fields        []string `json:"fields,omitzero"` // nil: all

	// What only the console's permissions have.
	ID          string `json:"id,omitempty"`
	Description string `json:"description,omitempty"`
	Disabled    bool   `json:"disabled,omitempty"` // kept, and allows nothing
	RuleName    string `json:"ruleName,omitempty"` // what the query is called there
}

// TypeVerbs are what permissions of a type are about.
var TypeVerbs = []string{"read", "create", "update", "delete"}

// Wildcard says that the permission opens everything to everyone.
func (p Permission) Wildcard() bool { return p.Operation == "*" }

// Split is the type or relation and the verb of an operation.
func (p Permission) Split() (target, verb string) {
	target, verb, _ = strings.Cut(p.Operation, ".")
	return target, verb
}

// Open says that the definition has the wildcard permission.
func (d *Definition) Open() bool {
	for _, p := range d.Permissions {
		if p.Wildcard() && !p.Disabled {
			return true
		}
	}
	return false
}

// Rule is one permission as it is stored: Model.* stands for four (LQ-7).
type Rule struct {
	Target string // type or relation as the model spells it
	Verb   string // create, read, update, delete, connect, disconnect; * for both of a relation
	Permission
}

// Verbs are what the rule is about: * of a relation is both.
func (r Rule) Verbs() []string {
	if r.Verb == "*" {
		return []string{"connect", "disconnect"}
	}
	return []string{r.Verb}
}

// Name is Target.Verb.
func (r Rule) Name() string { return r.Target + "." + r.Verb }

// Rules are the permissions in the form in which they are stored and compared,
// without the wildcard and what is disabled.
func (d *Definition) Rules(m *datamodel.DataModel) []Rule {
	return slices.DeleteFunc(d.AllRules(m), func(r Rule) bool { return r.Disabled })
}

// AllRules are Rules with what is disabled.
func (d *Definition) AllRules(m *datamodel.DataModel) []Rule {
	c := &checker{model: m}
	var rules []Rule
	for _, p := range d.Permissions {
		if p.Wildcard() {
			continue
		}
		target, verb := p.Split()
		t, r := typeNamed(c.model, target), c.relation(target)
		switch {
		case t != nil && verb == "*":
			for _, v := range TypeVerbs {
				rules = append(rules, Rule{t.Name, v, p})
			}
		case r != nil && (verb == "*" || strings.HasSuffix(verb, "connect")):
			rules = append(rules, Rule{r.Name, verb, p})
		case t != nil:
			rules = append(rules, Rule{t.Name, verb, p})
		}
	}
	return rules
}
