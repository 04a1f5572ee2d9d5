package definition

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"icehouse/controlplane/problem"
)

var permissionOperation = regexp.MustCompile(`^([A-Z][a-zA-Z0-9]*\.(create|update|delete|read|list|connect|disconnect|\*)|\*)$`)

func (r *reader) permissions(v value) {
	if v.kind == isNull {
		return
	}
	if !r.want(v, "permissions", isList) {
		return
	}
	for i, item := range v.items {
		where := "permissions[" + strconv.Itoa(i) + "]"
		if r.want(item, where, isMap) {
			r.permission(item, where)
		}
	}
}

func (r *reader) permission(v value, where string) {
	p := Permission{}
	enabled := true
	var query *value
	for _, e := range v.entries {
		at := where + "." + e.key
		switch e.key {
		case "operation":
			if !r.want(e.value, at, isString) {
				return
			}
			if p.Operation = e.value.text; !permissionOperation.MatchString(p.Operation) {
				r.invalid(e.value.line, e.value.column, `%s is %s; it must be "*", or a type or relation with an operation, as in Post.read or UserPosts.connect`, at, quote(p.Operation))
				return
			}
		case "authenticated":
			if e.value.kind != isNull {
				r.want(e.value, at, isBool)
			}
			p.Authenticated = e.value.text == "true"
		case "isEnabled":
			r.want(e.value, at, isBool)
			enabled = e.value.text != "false"
		case "query":
			if e.value.kind != isNull && r.want(e.value, at, isString) {
				query = &e.value
			}
		case "fields":
			p.Fields = r.permissionFields(e.value, at)
		case "description":
		default:
			r.warn(e.line, e.column, "the key %s means nothing in a permission and is ignored", quote(e.key))
		}
	}
	if p.Operation == "" {
		r.invalid(v.line, v.column, "%s needs the key operation", where)
		return
	}
	if !enabled {
		return
	}
	if query != nil && !p.Wildcard() {
		if err := r.permissionQuery(&p, query.text); err != "" {
			r.problems.add(problem.CodePermission, "Query Permission Error for permission '%s': %s", p.Operation, err)
			return
		}
	}
	r.def.Permissions = append(r.def.Permissions, p)
}

// permissionFields are the fields that a permission is about; nil when it says none.
func (r *reader) permissionFields(v value, where string) []string {
	if v.kind == isNull || !r.want(v, where, isList) {
		return nil
	}
	names := []string{}
	for _, f := range v.items {
		if r.want(f, where, isString) {
			names = append(names, f.text)
		}
	}
	return names
}

// permissionQuery resolves path or path:Name; it returns what is wrong.
func (r *reader) permissionQuery(p *Permission, reference string) string {
	file, name, named := strings.Cut(reference, ":")
	if strings.Contains(name, ":") {
		return fmt.Sprintf("%s has more than one colon", quote(reference))
	}
	if named && name == "" {
		return fmt.Sprintf("%s has no operation name after the colon", quote(reference))
	}
	if why := badPath(file); why != "" {
		return fmt.Sprintf("the file %s can't be used: %s", quote(file), why)
	}
	text, ok := lookup(r.source.Files, file)
	if !ok {
		// An older upload has the whole reference as its key.
		if text, ok = lookup(r.source.Files, reference); !ok {
			return fmt.Sprintf("there is no file %s", quote(file))
		}
	}
	p.QueryPath, p.QueryName, p.Query = file, name, text
	_, problem := pickQuery(text, name)
	return problem
}
