package console

import (
	"errors"
	"slices"
	"strings"

	"icehouse/controlplane/definition"
	"icehouse/controlplane/elements"
	"icehouse/controlplane/problem"
	"icehouse/dataplane/compiledschema"
)

// PermissionChange is what is said about a permission; nil is not said.
type PermissionChange struct {
	Operation       *string // of a type: READ, CREATE, UPDATE or DELETE
	Connect         *bool   // of a relation
	Disconnect      *bool   // of a relation
	UserType, Rule  *string
	RuleName, Query *string
	FieldIDs        []string // of a type; nil is not said
	Whole           *bool    // of a type: all fields
	Description     *string
	Active          *bool
}

// AddPermission adds a permission for a type or a relation.
func (d *Draft) AddPermission(target string, kind elements.Kind, c PermissionChange) (id string, err error) {
	p := definition.Permission{ID: elements.NewID(d.Before.Project.ID, kind), Operation: target + "."}
	if err := d.changePermission(&p, kind, c); err != nil {
		return "", err
	}
	d.Permissions = append(d.Permissions, p)
	return p.ID, nil
}

// permission finds a permission by its id, and splits a record that stands for
// several. missing makes the error of its kind.
func (d *Draft) permission(id string, kind elements.Kind, missing func(string) error) (*definition.Permission, error) {
	all := d.Before.Permissions()
	at := slices.IndexFunc(all, func(p elements.Permission) bool {
		return p.ID == id && (p.Type != nil) == (kind == elements.ModelPermission)
	})
	if at < 0 {
		return nil, missing(id)
	}
	record := d.Before.Definition.Permissions[all[at].At]
	var parts []definition.Permission
	for _, p := range all {
		if p.At == all[at].At {
			one := record
			one.ID, one.Operation = p.ID, p.Name()
			parts = append(parts, one)
		}
	}
	i := slices.IndexFunc(d.Permissions, func(p definition.Permission) bool {
		return p.ID == record.ID && p.Operation == record.Operation && p.Query == record.Query && p.Authenticated == record.Authenticated && slices.Equal(p.Fields, record.Fields)
	})
	if i < 0 { // the wildcard has made it needless
		return nil, missing(id)
	}
	d.Permissions = slices.Replace(d.Permissions, i, i+1, parts...)
	for j := range parts {
		if d.Permissions[i+j].ID == id {
			return &d.Permissions[i+j], nil
		}
	}
	return nil, errors.New("console: a permission has got lost")
}

func missingPermission(kind elements.Kind) func(string) error {
	if kind == elements.ModelPermission {
		return problem.NoModelPermission
	}
	return problem.NoRelationPermission
}

// UpdatePermission changes a permission.
func (d *Draft) UpdatePermission(id string, kind elements.Kind, c PermissionChange) error {
	p, err := d.permission(id, kind, missingPermission(kind))
	if err != nil {
		return err
	}
	return d.changePermission(p, kind, c)
}

// RemovePermission removes a permission.
func (d *Draft) RemovePermission(id string, kind elements.Kind) error {
	p, err := d.permission(id, kind, missingPermission(kind))
	if err != nil {
		return err
	}
	found := p.ID
	d.Permissions = slices.DeleteFunc(d.Permissions, func(one definition.Permission) bool { return one.ID == found })
	return nil
}

func (d *Draft) changePermission(p *definition.Permission, kind elements.Kind, c PermissionChange) error {
	target, verb := p.Split()
	if kind == elements.ModelPermission {
		if c.Operation != nil {
			verb = strings.ToLower(*c.Operation)
		}
		if err := d.changeFields(p, target, c); err != nil {
			return err
		}
	} else {
		connect, disconnect := verb == "connect" || verb == "*", verb == "disconnect" || verb == "*"
		set(&connect, c.Connect)
		set(&disconnect, c.Disconnect)
		switch {
		case connect && disconnect:
			verb = "*"
		case connect:
			verb = "connect"
		case disconnect:
			verb = "disconnect"
		default:
			return problem.New(problem.CodePermission, "A permission of a relation allows to connect, to disconnect or both.")
		}
	}
	p.Operation = target + "." + verb
	if c.UserType != nil {
		p.Authenticated = *c.UserType == "AUTHENTICATED"
	}
	set(&p.Description, c.Description)
	if c.Active != nil {
		p.Disabled = !*c.Active
	}
	return d.changeRule(p, c)
}

// changeFields turns ids of fields into names.
func (d *Draft) changeFields(p *definition.Permission, target string, c PermissionChange) error {
	whole := p.Fields == nil && c.FieldIDs == nil
	set(&whole, c.Whole)
	if whole {
		p.Fields = nil
		return nil
	}
	if c.FieldIDs != nil || p.Fields == nil {
		p.Fields = []string{}
	}
	for _, id := range c.FieldIDs {
		e, err := d.Field(id)
		if err != nil {
			return err
		}
		if e.Type.Name != target {
			return problem.New(problem.CodeFieldNotInModel, "Field with the name '%s' does not exist on the model '%s'", e.Field.Name, target)
		}
		p.Fields = append(p.Fields, e.Field.Name)
	}
	return nil
}

func (d *Draft) changeRule(p *definition.Permission, c PermissionChange) error {
	rule := "NONE"
	if p.Query != "" {
		rule = "GRAPH"
	}
	set(&rule, c.Rule)
	switch rule {
	case "WEBHOOK":
		return problem.New(problem.CodePermission, "Permissions that ask a webhook are not part of this version of Icehouse. Use a permission query.")
	case "NONE":
		p.Query, p.QueryName, p.QueryPath, p.RuleName = "", "", "", ""
		return nil
	}
	set(&p.RuleName, c.RuleName)
	if c.Query != nil {
		p.Query, p.QueryName, p.QueryPath = *c.Query, "", ""
	}
	if strings.TrimSpace(p.Query) == "" {
		return problem.New(problem.CodePermissionQuery, "The permission query is invalid: it is empty.")
	}
	return d.checkQuery(p)
}

// checkQuery is 2058. Only what serves can be asked; a type that is new in the same
// change has no queries yet.
func (d *Draft) checkQuery(p *definition.Permission) error {
	if why := p.QueryProblem(); why != "" {
		return problem.New(problem.CodePermissionQuery, "The permission query is invalid: %s", why)
	}
	schema, err := d.Before.Release.Compile()
	if err != nil {
		return err
	}
	target, verb := p.Split()
	for _, verb := range (definition.Rule{Verb: verb}).Verbs() {
		if _, never := schema.ReadPermissionQuery(target, compiledschema.Verb(verb), p.Query, p.QueryName); len(never) > 0 {
			return problem.New(problem.CodePermissionQuery, "The permission query is invalid: %s", never[0].Message)
		}
	}
	return nil
}
