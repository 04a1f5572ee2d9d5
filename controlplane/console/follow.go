package console

import (
	"slices"
	"strings"

	"icehouse/controlplane/definition"
)

// isAbout says that an operation of a permission or a hook is about a type, or about
// a relation. What a draft says of relations is connect, disconnect or * for both.
func isAbout(operation, target string, relation bool) bool {
	name, verb, _ := strings.Cut(operation, ".")
	return strings.EqualFold(name, target) && relation != slices.Contains(definition.TypeVerbs, verb)
}

// retarget lets permissions and functions follow a type or relation to its new name.
func (d *Draft) retarget(old, name string, relation bool) {
	follow := func(operation *string) {
		if isAbout(*operation, old, relation) {
			_, verb, _ := strings.Cut(*operation, ".")
			*operation = name + "." + verb
		}
	}
	for i := range d.Permissions {
		follow(&d.Permissions[i].Operation)
	}
	for i := range d.Functions {
		follow(&d.Functions[i].Operation)
		if !relation {
			d.Functions[i].Retarget(old, name)
		}
	}
}

// forget removes what is about a type or relation that goes.
func (d *Draft) forget(target string, relation bool) {
	d.Permissions = slices.DeleteFunc(d.Permissions, func(p definition.Permission) bool { return isAbout(p.Operation, target, relation) })
	if !relation {
		d.dropFunctions(func(f *definition.Function) bool { return isAbout(f.Operation, target, false) || f.Listens() == target })
	}
}

// forgetField removes a field from permissions, which go when they are about no other.
func (d *Draft) forgetField(typ, field string) {
	d.Permissions = slices.DeleteFunc(d.Permissions, func(p definition.Permission) bool {
		return isAbout(p.Operation, typ, false) && len(p.Fields) == 1 && p.Fields[0] == field
	})
	d.renameInPermissions(typ, func(fields []string) []string {
		return slices.DeleteFunc(fields, func(f string) bool { return f == field })
	})
}

// renameInPermissions changes the fields that permissions of a type are about.
func (d *Draft) renameInPermissions(typ string, change func([]string) []string) {
	for i := range d.Permissions {
		if p := &d.Permissions[i]; p.Fields != nil && isAbout(p.Operation, typ, false) {
			p.Fields = change(slices.Clone(p.Fields))
		}
	}
}
