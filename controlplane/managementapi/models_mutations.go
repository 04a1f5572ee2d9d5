package managementapi

import (
	"context"

	"icehouse/controlplane/console"
	"icehouse/controlplane/problem"
)

// edit changes a project of the console and opens what serves then.
func (a *API) edit(ctx context.Context, idOrAlias string, change func(*console.Draft) error) (part, error) {
	c, err := customer(ctx)
	if err != nil {
		return part{}, err
	}
	p, err := a.Console.Edit(ctx, c, idOrAlias, change)
	if err != nil {
		return part{}, err
	}
	node := a.projectNode(p)
	snap, err := node.served(ctx)
	return part{project: node, snap: snap}, err
}

// editOf changes the project that has an element of the type N. find finds the element in the
// draft, change changes it; edited is what it was changed to.
func editOf[N element, E any](ctx context.Context, a *API, id string, missing func(string) error,
	find func(*console.Draft, string) (E, error), change func(*console.Draft, E) error,
) (at part, edited E, err error) {
	node, err := with[N](ctx, a, id, missing)
	if err != nil {
		return at, edited, err
	}
	at, err = a.edit(ctx, projectOf(node), func(d *console.Draft) (err error) {
		if edited, err = find(d, id); err != nil {
			return err
		}
		return change(d, edited)
	})
	return at, edited, err
}

// projectOf is the id of the project that has an element.
func projectOf(e element) string {
	return string(e.(interface{ in() *projectNode }).in().ID)
}

func (p part) in() *projectNode { return p.project }

// answer is the payload of an edit, unless it failed: the project, and more.
func (p part) answer(err error, more func() payload) (payload, error) {
	if err != nil {
		return nil, err
	}
	out := payload{}
	if more != nil {
		out = more()
	}
	out["project"] = p.project
	return out, nil
}

func deleted(id string) func() payload {
	return func() payload { return payload{"deletedId": id} }
}

func (p part) modelNamed(name string) modelNode { return p.model(p.snap.Model.Type(name)) }

func (a *API) dataModelMutations(m mutations) {
	a.modelMutations(m)
	a.fieldMutations(m)
	a.relationMutations(m)
	a.enumMutations(m)
	a.permissionMutations(m)
	a.functionMutations(m)
}

func (a *API) modelMutations(m mutations) {
	answer := func(at part, name string, err error) (payload, error) {
		return at.answer(err, func() payload { return payload{"model": at.modelNamed(name)} })
	}
	edit := func(ctx context.Context, id string, change func(*console.Draft, *console.Type) error) (part, *console.Type, error) {
		return editOf[modelNode](ctx, a, id, problem.NoModel, (*console.Draft).Type, change)
	}
	m["addModel"] = func(ctx context.Context, in input) (payload, error) {
		at, err := a.edit(ctx, in.text("projectId"), func(d *console.Draft) error {
			_, err := d.AddType(in.text("modelName"), optional[string](in, "description"))
			return err
		})
		return answer(at, in.text("modelName"), err)
	}
	m["updateModel"] = func(ctx context.Context, in input) (payload, error) {
		at, t, err := edit(ctx, in.text("id"), func(d *console.Draft, t *console.Type) error {
			return d.UpdateType(t, optional[string](in, "name"), optional[string](in, "description"))
		})
		if err != nil {
			return nil, err
		}
		return answer(at, t.Name, nil)
	}
	m["deleteModel"] = func(ctx context.Context, in input) (payload, error) {
		var fields []string
		at, _, err := edit(ctx, in.text("modelId"), func(d *console.Draft, t *console.Type) (err error) {
			fields, err = d.RemoveType(t)
			return err
		})
		return at.answer(err, func() payload {
			return payload{"deletedId": in.text("modelId"), "deletedRelationFieldIds": append([]string{}, fields...)}
		})
	}
}

// fieldChange is what an input says about a field.
func fieldChange(in input) console.FieldChange {
	return console.FieldChange{
		Name: optional[string](in, "name"), Type: optional[string](in, "typeIdentifier"), EnumID: optional[string](in, "enumId"),
		List: optional[bool](in, "isList"), Required: optional[bool](in, "isRequired"), Unique: optional[bool](in, "isUnique"),
		Default: optional[string](in, "defaultValue"), Migration: optional[string](in, "migrationValue"), Description: optional[string](in, "description"),
	}
}

func (a *API) fieldMutations(m mutations) {
	answer := func(at part, e console.End) func() payload {
		return func() payload {
			model := at.modelNamed(e.Type.Name)
			return payload{"model": model, "field": model.field(model.Type.Field(e.Field.Name))}
		}
	}
	edit := func(ctx context.Context, id string, change func(*console.Draft, console.End) error) (part, console.End, error) {
		return editOf[fieldNode](ctx, a, id, problem.NoField, (*console.Draft).Field, change)
	}
	m["addField"] = func(ctx context.Context, in input) (payload, error) {
		if in.text("relationId") != "" {
			return nil, problem.New(problem.CodeNoScalar, "A field of a relation is made with addRelation.")
		}
		var added console.End
		at, _, err := editOf[modelNode](ctx, a, in.text("modelId"), problem.NoModel, (*console.Draft).Type, func(d *console.Draft, t *console.Type) (err error) {
			added, err = d.AddField(t, fieldChange(in))
			return err
		})
		return at.answer(err, answer(at, added))
	}
	m["updateField"] = func(ctx context.Context, in input) (payload, error) {
		at, e, err := edit(ctx, in.text("id"), func(d *console.Draft, e console.End) error { return d.UpdateField(e, fieldChange(in)) })
		return at.answer(err, answer(at, e))
	}
	m["deleteField"] = func(ctx context.Context, in input) (payload, error) {
		at, e, err := edit(ctx, in.text("fieldId"), (*console.Draft).RemoveField)
		return at.answer(err, func() payload {
			return payload{"model": at.modelNamed(e.Type.Name), "deletedId": in.text("fieldId")}
		})
	}
}

// relationChange is what an input says about a relation.
func relationChange(in input) console.RelationChange {
	c := console.RelationChange{
		Name: optional[string](in, "name"), Description: optional[string](in, "description"),
		Models: [2]*string{optional[string](in, "leftModelId"), optional[string](in, "rightModelId")},
	}
	for i, field := range []string{"fieldOnLeftModel", "fieldOnRightModel"} {
		c.Fields[i] = optional[string](in, field+"Name")
		c.List[i] = optional[bool](in, field+"IsList")
		c.Required[i] = optional[bool](in, field+"IsRequired")
	}
	return c
}

func (a *API) relationMutations(m mutations) {
	answer := func(at part, r *console.Relation) func() payload {
		return func() payload {
			node := at.relation(at.snap.Model.Relation(r.Name))
			left, right := node.field(node.A()), node.field(node.B())
			return payload{
				"relation": node, "leftModel": node.model(node.A().Type), "rightModel": node.model(node.B().Type),
				"field": left, "fieldOnLeftModel": left, "fieldOnRightModel": right,
			}
		}
	}
	edit := func(ctx context.Context, id string, change func(*console.Draft, *console.Relation) error) (part, *console.Relation, error) {
		return editOf[relationNode](ctx, a, id, problem.NoRelation, (*console.Draft).Relation, change)
	}
	m["addRelation"] = func(ctx context.Context, in input) (payload, error) {
		var added *console.Relation
		at, err := a.edit(ctx, in.text("projectId"), func(d *console.Draft) (err error) {
			added, err = d.AddRelation(relationChange(in))
			return err
		})
		return at.answer(err, answer(at, added))
	}
	m["updateRelation"] = func(ctx context.Context, in input) (payload, error) {
		at, r, err := edit(ctx, in.text("id"), func(d *console.Draft, r *console.Relation) error {
			return d.UpdateRelation(r, relationChange(in))
		})
		return at.answer(err, answer(at, r))
	}
	m["deleteRelation"] = func(ctx context.Context, in input) (payload, error) {
		at, _, err := edit(ctx, in.text("relationId"), func(d *console.Draft, r *console.Relation) error {
			d.RemoveRelation(r)
			return nil
		})
		return at.answer(err, deleted(in.text("relationId")))
	}
}

func (a *API) enumMutations(m mutations) {
	answer := func(at part, e *console.Enum) func() payload {
		return func() payload { return payload{"enum": at.enum(at.snap.Model.Enum(e.Name))} }
	}
	edit := func(ctx context.Context, id string, change func(*console.Draft, *console.Enum) error) (part, *console.Enum, error) {
		return editOf[enumNode](ctx, a, id, problem.NoEnum, (*console.Draft).Enum, change)
	}
	m["addEnum"] = func(ctx context.Context, in input) (payload, error) {
		var added *console.Enum
		at, err := a.edit(ctx, in.text("projectId"), func(d *console.Draft) (err error) {
			added, err = d.AddEnum(in.text("name"), in.texts("values"))
			return err
		})
		return at.answer(err, answer(at, added))
	}
	m["updateEnum"] = func(ctx context.Context, in input) (payload, error) {
		at, e, err := edit(ctx, in.text("enumId"), func(d *console.Draft, e *console.Enum) error {
			return d.UpdateEnum(e, optional[string](in, "name"), in.texts("values"), optional[string](in, "migrationValue"))
		})
		return at.answer(err, answer(at, e))
	}
	m["deleteEnum"] = func(ctx context.Context, in input) (payload, error) {
		id := in.text("enumId")
		before, err := with[enumNode](ctx, a, id, problem.NoEnum)
		if err != nil {
			return nil, err
		}
		at, _, err := edit(ctx, id, (*console.Draft).RemoveEnum)
		return at.answer(err, func() payload { return payload{"enum": before, "deletedId": id} })
	}
}
