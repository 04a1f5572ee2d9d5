package managementapi

import (
	"context"
	"strings"

	"github.com/graphql-go/graphql"

	"icehouse/controlplane/elements"
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/datamodel"
)

// The nodes of a data model.
type (
	modelNode struct {
		part
		*datamodel.Type
	}
	fieldNode struct {
		part
		*datamodel.Field
	}
	relationNode struct {
		part
		*datamodel.Relation
	}
	enumNode struct {
		part
		*datamodel.Enum
	}
)

func (modelNode) typeName() string    { return "Model" }
func (fieldNode) typeName() string    { return "Field" }
func (relationNode) typeName() string { return "Relation" }
func (enumNode) typeName() string     { return "Enum" }

func (p part) model(t *datamodel.Type) modelNode {
	p.id = p.snap.TypeID(t)
	return modelNode{p, t}
}

func (p part) field(f *datamodel.Field) fieldNode {
	p.id = p.snap.FieldID(f)
	return fieldNode{p, f}
}

func (p part) relation(r *datamodel.Relation) relationNode {
	p.id = p.snap.RelationID(r)
	return relationNode{p, r}
}

func (p part) enum(e *datamodel.Enum) enumNode {
	p.id = p.snap.EnumID(e)
	return enumNode{p, e}
}

// description is what the console wrote about an element.
func (p part) description(key string) any {
	if text, ok := p.snap.Definition.Descriptions[key]; ok {
		return text
	}
	return nil
}

// fieldsOf makes nodes of the fields of types.
func (p part) fieldsOf(all ...*datamodel.Type) (out []fieldNode) {
	for _, t := range all {
		for _, f := range t.Fields {
			out = append(out, p.field(f))
		}
	}
	return out
}

// isSystem says that the console may not remove or rename a type (data-api §1.12).
func (m modelNode) isSystem() bool {
	return !m.project.Ejected && elements.IsSystemType(m.Name)
}

func (f fieldNode) isSystem() bool {
	return f.IsSystem() || !f.project.Ejected && elements.IsSystemField(f.Type.Name, f.Name)
}

// typeIdentifier is the platform's word for a field's type.
func (f fieldNode) typeIdentifier() string {
	switch {
	case f.Enum != nil:
		return elements.EnumType
	case f.IsRelation():
		return elements.RelationType
	case f.Scalar == datamodel.ID:
		return elements.IDType
	default:
		return f.Scalar.String()
	}
}

func (r resolvers) models() {
	r.model()
	r.field()
	r.relation()
	r["Enum"] = fields{
		"name":   value(func(e enumNode) any { return e.Name }),
		"values": value(func(e enumNode) any { return e.Values }),
	}
}

func (r resolvers) model() {
	r["Model"] = fields{
		"name":        value(func(m modelNode) any { return m.Name }),
		"namePlural":  value(func(m modelNode) any { return datamodel.Plural(m.Name) }),
		"description": value(func(m modelNode) any { return m.description(elements.TypeKey(m.Name)) }),
		"isSystem":    value(func(m modelNode) any { return m.isSystem() }),
		"fields":      listed(func(_ context.Context, m modelNode) ([]fieldNode, error) { return m.fieldsOf(m.Type), nil }),
		"permissions": listed(func(_ context.Context, m modelNode) ([]modelPermissionNode, error) { return m.permissions(), nil }),
		"itemCount": asked(func(ctx context.Context, m modelNode, _ input) (any, error) {
			return m.project.api.Projects.Count(ctx, m.project.Project, m.snap.Release.Layout.Table(m.Type))
		}),
		"permissionSchema": asked(func(_ context.Context, m modelNode, _ input) (any, error) { return m.permissionSchema() }),
		"requestPipelineFunctionSchema": asked(func(_ context.Context, m modelNode, in input) (any, error) {
			return functionSchema(m.Type, in.text("operation"), in.text("binding")), nil
		}),
		"permissionQueryArguments": asked(func(_ context.Context, m modelNode, in input) (any, error) {
			return m.variables(m.Name, compiledschema.Verb(strings.ToLower(in.text("operation"))))
		}),
	}
}

func (r resolvers) field() {
	r["Field"] = fields{
		"name":           value(func(f fieldNode) any { return f.Name }),
		"typeIdentifier": value(func(f fieldNode) any { return f.typeIdentifier() }),
		"description":    value(func(f fieldNode) any { return f.description(elements.FieldKey(f.Type.Name, f.Name)) }),
		"isRequired":     value(func(f fieldNode) any { return f.Required }),
		"isList":         value(func(f fieldNode) any { return f.List }),
		"isUnique":       value(func(f fieldNode) any { return f.Unique }),
		"isSystem":       value(func(f fieldNode) any { return f.isSystem() }),
		"isReadonly": value(func(f fieldNode) any {
			return f.IsSystem() || f.IsReadOnly()
		}),
		"enum": value(func(f fieldNode) any {
			if f.Enum == nil {
				return nil
			}
			return f.enum(f.Enum)
		}),
		"constraints": value(func(fieldNode) any { return []any{} }), // this version has none
		"defaultValue": value(func(f fieldNode) any {
			if f.Default == nil {
				return nil
			}
			return f.Default.Text
		}),
		"model":                value(func(f fieldNode) any { return f.model(f.Type) }),
		"relation":             ofRelation(func(f fieldNode) any { return f.relation(f.Relation) }),
		"relatedModel":         ofRelation(func(f fieldNode) any { return f.model(f.Target()) }),
		"relationSide":         ofRelation(func(f fieldNode) any { return [...]string{datamodel.SideA: "A", datamodel.SideB: "B"}[f.Side] }),
		"reverseRelationField": ofRelation(func(f fieldNode) any { return f.field(f.Reverse()) }),
	}
}

func (r resolvers) relation() {
	r["Relation"] = fields{
		"name":              value(func(r relationNode) any { return r.Name }),
		"description":       value(func(r relationNode) any { return r.description(elements.RelationKey(r.Name)) }),
		"leftModel":         value(func(r relationNode) any { return r.model(r.A().Type) }),
		"fieldOnLeftModel":  value(func(r relationNode) any { return r.field(r.A()) }),
		"rightModel":        value(func(r relationNode) any { return r.model(r.B().Type) }),
		"fieldOnRightModel": value(func(r relationNode) any { return r.field(r.B()) }),
		"permissions":       listed(func(_ context.Context, r relationNode) ([]relationPermissionNode, error) { return r.permissions(), nil }),
		"fieldMirrors":      value(func(relationNode) any { return []any{} }), // this version has none
		"permissionSchema":  asked(func(_ context.Context, r relationNode, _ input) (any, error) { return r.permissionSchema() }),
		"permissionQueryArguments": asked(func(_ context.Context, r relationNode, _ input) (any, error) {
			return r.variables(r.Name, compiledschema.Connect)
		}),
	}
}

// ofRelation is null for fields that are no relation.
func ofRelation(read func(fieldNode) any) graphql.FieldResolveFn {
	return value(func(f fieldNode) any {
		if !f.IsRelation() {
			return nil
		}
		return read(f)
	})
}

// functionSchema is the data that a function at this step of an operation gets
// (platform §2.4), as a type.
func functionSchema(t *datamodel.Type, operation, binding string) string {
	only := func(keep func(*datamodel.Field) bool) *datamodel.Type {
		out := &datamodel.Type{Name: t.Name}
		for _, f := range t.Fields {
			if keep(f) {
				copied := *f
				copied.Default, copied.Unique = nil, false
				out.Fields = append(out.Fields, &copied)
			}
		}
		return out
	}
	var data *datamodel.Type
	switch {
	case binding == "TRANSFORM_PAYLOAD":
		data = only(func(f *datamodel.Field) bool { return !f.IsRelation() })
	case operation == "DELETE":
		data = only(func(f *datamodel.Field) bool { return f.Name == "id" })
	default:
		data = only(func(f *datamodel.Field) bool { return !f.IsRelation() && (f.Name == "id" || !f.IsSystem()) })
	}
	for _, f := range data.Fields {
		f.Required = f.Required && (f.Name == "id" || operation == "CREATE" || binding == "TRANSFORM_PAYLOAD")
	}
	return strings.Replace(datamodel.Print(&datamodel.DataModel{Types: []*datamodel.Type{data}}), " @model", "", 1)
}
