package definition

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"icehouse/controlplane/problem"
	"icehouse/dataplane/datamodel"
	"icehouse/tenancy/egress"
)

// Check holds functions and permissions against the data model (platform §1.9,
// §3.7).
func (d *Definition) Check(m *datamodel.DataModel) Problems {
	c := &checker{model: m}
	c.functions(d.Functions)
	for _, p := range d.Permissions {
		c.permission(p)
	}
	return c.problems
}

type checker struct {
	model    *datamodel.DataModel
	problems Problems
}

func (c *checker) functions(all []Function) {
	names := map[string]bool{}
	hooks := map[string]string{}
	schemas := map[string]string{}
	for _, f := range all {
		if folded := strings.ToLower(f.Name); names[folded] {
			c.problems.add(problem.CodeFunctionNameTaken, "A function with the name '%s' already exists", f.Name)
		} else {
			names[folded] = true
		}
		if f.Webhook != nil {
			if why := misread(f.Webhook.URL); why != "" {
				c.problems.add(problem.CodeFunctionURL, "The function '%s' has the invalid URL %s: %s", f.Name, quote(f.Webhook.URL), why)
			}
		}
		switch f.Kind {
		case OperationBefore, PreWrite, OperationAfter:
			c.hook(f, hooks)
		case Subscription:
			if why := c.subscription(f.Query); why != "" {
				c.problems.add(problem.CodeSubscriptionQuery, "The subscription query of the function '%s' is invalid: %s", f.Name, why)
			}
		case Resolver:
			key := path.Clean(f.SchemaPath)
			if other, twice := schemas[key]; twice {
				c.problems.add(problem.CodeSchemaFileTwice, "The schema file %s of the function '%s' is already used by the function '%s'", quote(f.SchemaPath), f.Name, other)
			}
			schemas[key] = f.Name
		}
	}
}

// misread says why no installation could call a URL; whether this one would is no matter
// of the definition.
func misread(address string) string {
	var unusable *egress.Error
	if err := (egress.Policy{}).Check(address); errors.Is(err, egress.ErrURL) && errors.As(err, &unusable) {
		return unusable.Text
	}
	return ""
}

// Refused says of webhooks that they can't be called where this policy holds. A service
// may be deployed with them, as it may with those that are not there yet.
func (d *Definition) Refused(p egress.Policy) (warnings []string) {
	for _, f := range d.Functions {
		var refused *egress.Error
		if f.Webhook == nil || !f.Enabled || !errors.As(p.Check(f.Webhook.URL), &refused) {
			continue
		}
		warnings = append(warnings, fmt.Sprintf("The webhook of the function '%s' will not be called: %s", f.Name, refused.Text))
	}
	return warnings
}

// hook checks Model.operation, and that it is the only one of its step (2055).
func (c *checker) hook(f Function, taken map[string]string) {
	target, verb, ok := strings.Cut(f.Operation, ".")
	if !ok || verb != "create" && verb != "update" && verb != "delete" {
		c.problems.add(problem.CodeHookOperation, "The operation %s of the %s function '%s' is invalid; it is a type with create, update or delete, as in Post.create", quote(f.Operation), f.Kind, f.Name)
		return
	}
	t, _ := f.Hook(c.model)
	if t == nil {
		c.problems.add(0, "Error in the %s function '%s': there is no model named %s", f.Kind, f.Name, quote(target))
		return
	}
	key := fmt.Sprintf("%s %s.%s", f.Kind, t.Name, verb)
	if other, twice := taken[key]; twice {
		c.problems.add(problem.CodeSecondHook, "The function '%s' is a second %s function for %s.%s; the first is '%s'", f.Name, f.Kind, t.Name, verb, other)
		return
	}
	taken[key] = f.Name
}

// subscription checks that a text is one subscription to one type.
func (c *checker) subscription(text string) string {
	doc, problem := parseQuery(text)
	if problem != "" {
		return problem
	}
	if len(doc.Operations) != 1 || doc.Operations[0].Operation != ast.Subscription {
		return "the file must have exactly one subscription"
	}
	selection := doc.Operations[0].SelectionSet
	if len(selection) != 1 {
		return "a subscription has exactly one field, which is a type's name"
	}
	field, ok := selection[0].(*ast.Field)
	if !ok {
		return "the subscription's field must stand in it, not in a fragment"
	}
	if c.model.Type(field.Name) == nil {
		return fmt.Sprintf("there is no model named %s", quote(field.Name))
	}
	return ""
}

func (c *checker) relation(name string) *datamodel.Relation {
	for _, r := range c.model.Relations {
		if strings.EqualFold(r.Name, name) {
			return r
		}
	}
	return nil
}

func (c *checker) permission(p Permission) {
	if p.Wildcard() {
		return
	}
	target, verb := p.Split()
	t, r := typeNamed(c.model, target), c.relation(target)
	switch verb {
	case "connect", "disconnect":
		if r == nil && t != nil {
			c.problems.add(problem.CodePermission, "'%s' is a wrong operation for a model permission: a type has create, read, update, delete and *", p.Operation)
			return
		}
		t = nil
	case "create", "read", "update", "delete":
		if t == nil && r != nil {
			c.problems.add(problem.CodePermission, "'%s' is a wrong operation for a relation permission: a relation has connect, disconnect and *", p.Operation)
			return
		}
		r = nil
	case "list":
		c.problems.add(problem.CodePermission, "'%s' is a wrong operation for a model permission: use %s.read", p.Operation, target)
		return
	}
	if t == nil && r == nil {
		c.problems.add(problem.CodePermission, "Did not find the type or relation you provided a permission for: '%s'", p.Operation)
		return
	}
	if t == nil {
		return
	}
	for _, name := range p.Fields {
		if t.Field(name) == nil {
			c.problems.add(problem.CodeFieldNotInModel, "Field with the name '%s' does not exist on the model '%s'", name, t.Name)
		}
	}
}
