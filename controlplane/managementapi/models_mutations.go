package managementapi

import (
	"context"
	"maps"

	"icehouse/controlplane/console"
	"icehouse/controlplane/elements"
	"icehouse/controlplane/problem"
	"icehouse/controlplane/store"
)

// edit changes a project of the console and opens what serves then.
func (a *API) edit(ctx context.Context, idOrAlias string, change func(*console.Draft) error) (part, error) {
	c, err := customer(ctx)
	if err != nil {
		return part{}, err
	}
	p, err := a.Console.Edit(ctx, c, idOrAlias, change)
	return a.opened(ctx, p, err)
}

func (a *API) opened(ctx context.Context, p store.Project, err error) (part, error) {
	if err != nil {
		return part{}, err
	}
	node := a.projectNode(p)
	snap, err := node.served(ctx)
	return part{project: node, snap: snap}, err
}

// editOf changes the project that has an element.
func editOf[N element](ctx context.Context, a *API, id string, missing func(string) error, change func(*console.Draft) error) (part, error) {
	node, err := with[N](ctx, a, id, missing)
	if err != nil {
		return part{}, err
	}
	return a.edit(ctx, projectOf(node), change)
}

// projectOf is the id of the project that has an element.
func projectOf(e element) string {
	return string(e.(interface{ in() *projectNode }).in().ID)
}

func (p part) in() *projectNode { return p.project }

// answer is a payload with the project.
func (p part) answer(more payload) payload {
	if more == nil {
		more = payload{}
	}
	more["project"] = p.project
	return more
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
	m["addModel"] = func(ctx context.Context, in input) (payload, error) {
		at, err := a.edit(ctx, in.text("projectId"), func(d *console.Draft) error {
			_, err := d.AddType(in.text("modelName"), optional[string](in, "description"))
			return err
		})
		if err != nil {
			return nil, err
		}
		return at.answer(payload{"model": at.modelNamed(in.text("modelName"))}), nil
	}
	// onModel changes a type and answers it under the name that it has then.
	onModel := func(ctx context.Context, id string, change func(*console.Draft, *console.Type) error) (part, string, error) {
		name := ""
		at, err := editOf[modelNode](ctx, a, id, problem.NoModel, func(d *console.Draft) error {
			t, err := d.Type(id)
			if err != nil {
				return err
			}
			err = change(d, t)
			name = t.Name
			return err
		})
		return at, name, err
	}
	m["updateModel"] = func(ctx context.Context, in input) (payload, error) {
		at, name, err := onModel(ctx, in.text("id"), func(d *console.Draft, t *console.Type) error {
			return d.UpdateType(t, optional[string](in, "name"), optional[string](in, "description"))
		})
		if err != nil {
			return nil, err
		}
		return at.answer(payload{"model": at.modelNamed(name)}), nil
	}
	m["deleteModel"] = func(ctx context.Context, in input) (payload, error) {
		fields := []string{}
		at, _, err := onModel(ctx, in.text("modelId"), func(d *console.Draft, t *console.Type) error {
			gone, err := d.RemoveType(t)
			fields = append([]string{}, gone...)
			return err
		})
		if err != nil {
			return nil, err
		}
		return at.answer(payload{"deletedId": in.text("modelId"), "deletedRelationFieldIds": fields}), nil
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
	m["addField"] = func(ctx context.Context, in input) (payload, error) {
		model := ""
		at, err := editOf[modelNode](ctx, a, in.text("modelId"), problem.NoModel, func(d *console.Draft) error {
			if in.text("relationId") != "" {
				return problem.New(4020, "A field of a relation is made with addRelation.")
			}
			t, err := d.Type(in.text("modelId"))
			if err != nil {
				return err
			}
			model = t.Name
			_, err = d.AddField(t, fieldChange(in))
			return err
		})
		if err != nil {
			return nil, err
		}
		return at.fieldAnswer(model, in.text("name"), nil), nil
	}
	onField := func(ctx context.Context, id string, change func(*console.Draft, *console.Type, *console.Field) error) (at part, model, name string, err error) {
		at, err = editOf[fieldNode](ctx, a, id, problem.NoField, func(d *console.Draft) error {
			t, f, err := d.Field(id)
			if err != nil {
				return err
			}
			err = change(d, t, f)
			model, name = t.Name, f.Name
			return err
		})
		return at, model, name, err
	}
	m["updateField"] = func(ctx context.Context, in input) (payload, error) {
		at, model, name, err := onField(ctx, in.text("id"), func(d *console.Draft, t *console.Type, f *console.Field) error {
			return d.UpdateField(t, f, fieldChange(in))
		})
		if err != nil {
			return nil, err
		}
		return at.fieldAnswer(model, name, nil), nil
	}
	m["deleteField"] = func(ctx context.Context, in input) (payload, error) {
		at, model, _, err := onField(ctx, in.text("fieldId"), (*console.Draft).RemoveField)
		if err != nil {
			return nil, err
		}
		return at.answer(payload{"model": at.modelNamed(model), "deletedId": in.text("fieldId")}), nil
	}
}

func (p part) fieldAnswer(model, name string, more payload) payload {
	m := p.modelNamed(model)
	out := payload{"model": m, "field": m.field(m.Type.Field(name))}
	maps.Copy(out, more)
	return p.answer(out)
}

// relationChange is what an input says about a relation.
func relationChange(in input) console.RelationChange {
	c := console.RelationChange{Name: optional[string](in, "name"), Description: optional[string](in, "description")}
	for i, side := range []string{"Left", "Right"} {
		c.Models[i] = optional[string](in, map[string]string{"Left": "leftModelId", "Right": "rightModelId"}[side])
		c.Fields[i] = optional[string](in, "fieldOn"+side+"ModelName")
		c.List[i] = optional[bool](in, "fieldOn"+side+"ModelIsList")
		c.Required[i] = optional[bool](in, "fieldOn"+side+"ModelIsRequired")
	}
	return c
}

func (a *API) relationMutations(m mutations) {
	m["addRelation"] = func(ctx context.Context, in input) (payload, error) {
		at, err := a.edit(ctx, in.text("projectId"), func(d *console.Draft) error {
			_, err := d.AddRelation(relationChange(in))
			return err
		})
		if err != nil {
			return nil, err
		}
		return at.relationAnswer(in.text("name")), nil
	}
	onRelation := func(ctx context.Context, id string, change func(*console.Draft, *console.Relation) error) (part, string, error) {
		name := ""
		at, err := editOf[relationNode](ctx, a, id, problem.NoRelation, func(d *console.Draft) error {
			r, err := d.Relation(id)
			if err != nil {
				return err
			}
			err = change(d, r)
			name = r.Name
			return err
		})
		return at, name, err
	}
	m["updateRelation"] = func(ctx context.Context, in input) (payload, error) {
		at, name, err := onRelation(ctx, in.text("id"), func(d *console.Draft, r *console.Relation) error {
			return d.UpdateRelation(r, relationChange(in))
		})
		if err != nil {
			return nil, err
		}
		return at.relationAnswer(name), nil
	}
	m["deleteRelation"] = func(ctx context.Context, in input) (payload, error) {
		at, _, err := onRelation(ctx, in.text("relationId"), func(d *console.Draft, r *console.Relation) error {
			d.RemoveRelation(r)
			return nil
		})
		if err != nil {
			return nil, err
		}
		return at.answer(payload{"deletedId": in.text("relationId")}), nil
	}
}

func (p part) relationAnswer(name string) payload {
	r := p.relation(p.snap.Model.Relation(name))
	left, right := r.field(r.A()), r.field(r.B())
	return p.answer(payload{
		"relation": r, "leftModel": r.model(r.A().Type), "rightModel": r.model(r.B().Type),
		"field": left, "fieldOnLeftModel": left, "fieldOnRightModel": right,
	})
}

func (a *API) enumMutations(m mutations) {
	m["addEnum"] = func(ctx context.Context, in input) (payload, error) {
		at, err := a.edit(ctx, in.text("projectId"), func(d *console.Draft) error {
			_, err := d.AddEnum(in.text("name"), in.texts("values"))
			return err
		})
		if err != nil {
			return nil, err
		}
		return at.answer(payload{"enum": at.enum(at.snap.Model.Enum(in.text("name")))}), nil
	}
	onEnum := func(ctx context.Context, id string, change func(*console.Draft, *console.Enum) error) (part, string, error) {
		name := ""
		at, err := editOf[enumNode](ctx, a, id, problem.NoEnum, func(d *console.Draft) error {
			e, err := d.Enum(id)
			if err != nil {
				return err
			}
			err = change(d, e)
			name = e.Name
			return err
		})
		return at, name, err
	}
	m["updateEnum"] = func(ctx context.Context, in input) (payload, error) {
		at, name, err := onEnum(ctx, in.text("enumId"), func(d *console.Draft, e *console.Enum) error {
			return d.UpdateEnum(e, optional[string](in, "name"), in.texts("values"), optional[string](in, "migrationValue"))
		})
		if err != nil {
			return nil, err
		}
		return at.answer(payload{"enum": at.enum(at.snap.Model.Enum(name))}), nil
	}
	m["deleteEnum"] = func(ctx context.Context, in input) (payload, error) {
		id := in.text("enumId")
		before, err := with[enumNode](ctx, a, id, problem.NoEnum)
		if err != nil {
			return nil, err
		}
		at, _, err := onEnum(ctx, id, (*console.Draft).RemoveEnum)
		if err != nil {
			return nil, err
		}
		return at.answer(payload{"enum": before, "deletedId": id}), nil
	}
}

// permissionChange is what an input says about a permission.
func permissionChange(in input) console.PermissionChange {
	return console.PermissionChange{
		Operation: optional[string](in, "operation"), Connect: optional[bool](in, "connect"), Disconnect: optional[bool](in, "disconnect"),
		UserType: optional[string](in, "userType"), Rule: optional[string](in, "rule"), RuleName: optional[string](in, "ruleName"),
		Query: optional[string](in, "ruleGraphQuery"), Webhook: optional[string](in, "ruleWebhookUrl"), FieldIDs: in.texts("fieldIds"),
		Whole: optional[bool](in, "applyToWholeModel"), Description: optional[string](in, "description"), Active: optional[bool](in, "isActive"),
	}
}

// permissionKind is one of the two kinds of permissions with what differs.
type permissionKind struct {
	kind   elements.Kind
	name   string // in mutations
	target string // in inputs and payloads
	// find opens the project of a permission, or of its target.
	find, findTarget func(ctx context.Context, id string) (element, error)
	// nameOf is the name of the target.
	nameOf func(d *console.Draft, id string) (string, error)
	// node makes the permission and its target.
	node func(part, elements.Permission) (permission, target element)
}

func (a *API) permissionMutations(m mutations) {
	a.permissionsOf(m, permissionKind{
		kind: elements.ModelPermission, name: "ModelPermission", target: "model",
		find: func(ctx context.Context, id string) (element, error) {
			return with[modelPermissionNode](ctx, a, id, problem.NoModelPermission)
		},
		findTarget: func(ctx context.Context, id string) (element, error) { return a.modelWith(ctx, id) },
		nameOf: func(d *console.Draft, id string) (string, error) {
			t, err := d.Type(id)
			if err != nil {
				return "", err
			}
			return t.Name, nil
		},
		node: func(p part, of elements.Permission) (element, element) {
			return p.modelPermission(of), p.model(of.Type)
		},
	})
	a.permissionsOf(m, permissionKind{
		kind: elements.RelationPermission, name: "RelationPermission", target: "relation",
		find: func(ctx context.Context, id string) (element, error) {
			return with[relationPermissionNode](ctx, a, id, problem.NoRelationPermission)
		},
		findTarget: func(ctx context.Context, id string) (element, error) { return a.relationWith(ctx, id) },
		nameOf: func(d *console.Draft, id string) (string, error) {
			r, err := d.Relation(id)
			if err != nil {
				return "", err
			}
			return r.Name, nil
		},
		node: func(p part, of elements.Permission) (element, element) {
			return p.relationPermission(of), p.relation(of.Relation)
		},
	})
}

// permissionsOf adds the three mutations of a kind.
func (a *API) permissionsOf(m mutations, k permissionKind) {
	field := lowerFirst(k.name)
	answer := func(at part, id string) payload {
		permission, target := k.node(at, *at.snap.Permission(id))
		return at.answer(payload{field: permission, k.target: target})
	}
	m["add"+k.name] = func(ctx context.Context, in input) (payload, error) {
		target := in.text(k.target + "Id")
		node, err := k.findTarget(ctx, target)
		if err != nil {
			return nil, err
		}
		made := ""
		at, err := a.edit(ctx, projectOf(node), func(d *console.Draft) error {
			name, err := k.nameOf(d, target)
			if err == nil {
				made, err = d.AddPermission(name, k.kind, permissionChange(in))
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		return answer(at, made), nil
	}
	m["update"+k.name] = func(ctx context.Context, in input) (payload, error) {
		node, err := k.find(ctx, in.text("id"))
		if err != nil {
			return nil, err
		}
		at, err := a.edit(ctx, projectOf(node), func(d *console.Draft) error {
			return d.UpdatePermission(in.text("id"), k.kind, permissionChange(in))
		})
		if err != nil {
			return nil, err
		}
		return answer(at, in.text("id")), nil
	}
	m["delete"+k.name] = func(ctx context.Context, in input) (payload, error) {
		id := in.text(field + "Id")
		node, err := k.find(ctx, id)
		if err != nil {
			return nil, err
		}
		at, err := a.edit(ctx, projectOf(node), func(d *console.Draft) error { return d.RemovePermission(id, k.kind) })
		if err != nil {
			return nil, err
		}
		target := targetOf(node)
		kind, _ := elements.KindOf(at.project.ID, target)
		found, err := at.project.element(ctx, kind, target)
		return at.answer(payload{k.target: found, "deletedId": id}), err
	}
}

// targetOf is the id of what a permission is about.
func targetOf(e element) string {
	switch p := e.(type) {
	case modelPermissionNode:
		return p.snap.TypeID(p.Type)
	default:
		r := p.(relationPermissionNode)
		return r.snap.RelationID(r.Relation)
	}
}
