package managementapi

import (
	"cmp"
	"slices"
	"strings"

	"icehouse/controlplane/elements"
	"icehouse/dataplane/compiledschema"
)

type (
	modelPermissionNode struct {
		part
		elements.Permission
	}
	relationPermissionNode struct {
		part
		elements.Permission
	}
)

func (modelPermissionNode) typeName() string    { return "ModelPermission" }
func (relationPermissionNode) typeName() string { return "RelationPermission" }

func (p part) modelPermission(of elements.Permission) modelPermissionNode {
	p.id = of.ID
	return modelPermissionNode{p, of}
}

func (p part) relationPermission(of elements.Permission) relationPermissionNode {
	p.id = of.ID
	return relationPermissionNode{p, of}
}

func (m modelNode) permissions() (out []modelPermissionNode) {
	for _, p := range m.snap.Permissions() {
		if p.Type == m.Type {
			out = append(out, m.modelPermission(p))
		}
	}
	return out
}

func (r relationNode) permissions() (out []relationPermissionNode) {
	for _, p := range r.snap.Permissions() {
		if p.Relation == r.Relation {
			out = append(out, r.relationPermission(p))
		}
	}
	return out
}

// permissionSchema is what permission queries may ask, as SDL (data-api §6.6).
func (p part) permissionSchema() (any, error) {
	schema, err := p.snap.Release.Compile()
	if err != nil {
		return nil, err
	}
	return schema.For(compiledschema.Existential).SDL(), nil
}

// variables are the variables of permission queries for a verb on a target.
func (p part) variables(target string, verb compiledschema.Verb) (any, error) {
	schema, err := p.snap.Release.Compile()
	if err != nil {
		return nil, err
	}
	names := []string{"user_id", "node_id"}
	if t := p.snap.Model.Type(target); t != nil && verb != compiledschema.Connect {
		for _, prefix := range []string{"node_", "input_"} {
			for _, f := range t.Fields {
				names = append(names, prefix+f.Name, prefix+f.Name+"Id")
			}
		}
	} else if r := p.snap.Model.Relation(target); r != nil {
		a, b := schema.RelationNames(r)
		names = []string{"user_id", a + "_id", b + "_id"}
	}
	groups := [...]string{
		compiledschema.PermissionUser: "Current User", compiledschema.PermissionNodeID: "Node", compiledschema.PermissionNode: "Node",
		compiledschema.PermissionInput: "Input", compiledschema.PermissionInputID: "Input", compiledschema.PermissionEnd: "Relation",
	}
	out := []any{}
	for _, name := range slices.Compact(names) {
		if v, ok := schema.PermissionVariable(target, verb, name); ok {
			out = append(out, map[string]any{"name": "$" + name, "typeName": v.Type, "group": groups[v.Kind]})
		}
	}
	return out, nil
}

// permissionFields are what both kinds of permission have.
func permissionFields[N any](of func(N) elements.Permission) fields {
	orNull := func(text string) any {
		if text == "" {
			return nil
		}
		return text
	}
	return fields{
		"ruleWebhookUrl": value(func(N) any { return nil }),
		"rule": value(func(n N) any {
			if of(n).Query != "" {
				return "GRAPH"
			}
			return "NONE"
		}),
		"ruleName":       value(func(n N) any { return orNull(cmp.Or(of(n).RuleName, of(n).QueryName)) }),
		"ruleGraphQuery": value(func(n N) any { return orNull(of(n).Query) }),
		"isActive":       value(func(n N) any { return !of(n).Disabled }),
		"userType": value(func(n N) any {
			if of(n).Authenticated {
				return "AUTHENTICATED"
			}
			return "EVERYONE"
		}),
		"description": value(func(n N) any { return orNull(of(n).Description) }),
	}
}

func (r resolvers) permissions() {
	model := permissionFields(func(n modelPermissionNode) elements.Permission { return n.Permission })
	model["fieldIds"] = value(func(n modelPermissionNode) any {
		ids := []string{}
		for _, f := range n.Type.Fields {
			if slices.Contains(n.Fields, f.Name) {
				ids = append(ids, n.snap.FieldID(f))
			}
		}
		return ids
	})
	model["applyToWholeModel"] = value(func(n modelPermissionNode) any { return n.Fields == nil })
	model["operation"] = value(func(n modelPermissionNode) any { return strings.ToUpper(n.Verb) })
	model["model"] = value(func(n modelPermissionNode) any { return n.model(n.Type) })
	r["ModelPermission"] = model

	relation := permissionFields(func(n relationPermissionNode) elements.Permission { return n.Permission })
	for _, verb := range []string{"connect", "disconnect"} {
		relation[verb] = value(func(n relationPermissionNode) any { return slices.Contains(n.Verbs(), verb) })
	}
	relation["relation"] = value(func(n relationPermissionNode) any { return n.relation(n.Relation) })
	r["RelationPermission"] = relation
}
