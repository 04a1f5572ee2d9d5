package managementapi

import (
	"context"

	"icehouse/controlplane/console"
	"icehouse/controlplane/elements"
	"icehouse/controlplane/problem"
)

// permissionChange is what an input says about a permission.
func permissionChange(in input) console.PermissionChange {
	return console.PermissionChange{
		Operation: optional[string](in, "operation"), Connect: optional[bool](in, "connect"), Disconnect: optional[bool](in, "disconnect"),
		UserType: optional[string](in, "userType"), Rule: optional[string](in, "rule"), RuleName: optional[string](in, "ruleName"),
		Query: optional[string](in, "ruleGraphQuery"), FieldIDs: in.texts("fieldIds"),
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
	// targetOf makes the target of a permission that is gone.
	targetOf func(at part, permission element) element
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
		targetOf: func(at part, e element) element { return at.modelNamed(e.(modelPermissionNode).Type.Name) },
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
		targetOf: func(at part, e element) element {
			return at.relation(at.snap.Model.Relation(e.(relationPermissionNode).Relation.Name))
		},
	})
}

// permissionsOf adds the three mutations of a kind.
func (a *API) permissionsOf(m mutations, k permissionKind) {
	field := lowerFirst(k.name)
	answer := func(at part, id string, err error) (payload, error) {
		return at.answer(err, func() payload {
			permission, target := k.node(at, *at.snap.Permission(id))
			return payload{field: permission, k.target: target}
		})
	}
	// edit changes the project of what find finds.
	edit := func(ctx context.Context, find func(context.Context, string) (element, error), id string, change func(*console.Draft) error) (part, element, error) {
		node, err := find(ctx, id)
		if err != nil {
			return part{}, nil, err
		}
		at, err := a.edit(ctx, projectOf(node), change)
		return at, node, err
	}
	m["add"+k.name] = func(ctx context.Context, in input) (payload, error) {
		target, made := in.text(k.target+"Id"), ""
		at, _, err := edit(ctx, k.findTarget, target, func(d *console.Draft) error {
			name, err := k.nameOf(d, target)
			if err == nil {
				made, err = d.AddPermission(name, k.kind, permissionChange(in))
			}
			return err
		})
		return answer(at, made, err)
	}
	m["update"+k.name] = func(ctx context.Context, in input) (payload, error) {
		at, _, err := edit(ctx, k.find, in.text("id"), func(d *console.Draft) error {
			return d.UpdatePermission(in.text("id"), k.kind, permissionChange(in))
		})
		return answer(at, in.text("id"), err)
	}
	m["delete"+k.name] = func(ctx context.Context, in input) (payload, error) {
		id := in.text(field + "Id")
		at, node, err := edit(ctx, k.find, id, func(d *console.Draft) error { return d.RemovePermission(id, k.kind) })
		return at.answer(err, func() payload { return payload{k.target: k.targetOf(at, node), "deletedId": id} })
	}
}
