package definition

import (
	"fmt"
	"regexp"
	"strings"

	"icehouse/controlplane/problem"
)

// fileName is how the definition's file is called in messages.
const fileName = "graphcool.yml"

// Read resolves one module. warnings are for a person to read; they stop
// nothing.
func Read(source Source) (d *Definition, warnings []string, problems Problems) {
	r := &reader{source: source, def: &Definition{Source: source}}
	root, err := parseYAML(source.Content)
	if err != nil {
		r.problems.invalid("%s:%s", fileName, err)
		return nil, nil, r.problems
	}
	r.root(root)
	if len(r.problems) > 0 {
		return nil, nil, r.problems
	}
	return r.def, r.warnings, nil
}

type reader struct {
	source   Source
	def      *Definition
	warnings []string
	problems Problems
}

func (r *reader) invalid(line, column int, format string, args ...any) {
	r.problems.invalid("%s:%d:%d: %s", fileName, line, column, fmt.Sprintf(format, args...))
}

func (r *reader) warn(line, column int, format string, args ...any) {
	if len(r.warnings) < maxProblems {
		r.warnings = append(r.warnings, fmt.Sprintf("%s:%d:%d: %s", fileName, line, column, fmt.Sprintf(format, args...)))
	}
}

// want checks a value's kind and names its path when it has another.
func (r *reader) want(v value, where string, k kind) bool {
	if v.kind == k {
		return true
	}
	r.invalid(v.line, v.column, "%s must be %s, not %s", where, k, v.kind)
	return false
}

// laterGeneration are the root keys of the 1.0 format (platform §1.11).
var laterGeneration = map[string]bool{"service": true, "stages": true, "datamodel": true, "secret": true, "subscriptions": true, "schema": true, "endpoint": true}

func (r *reader) root(v value) {
	if v.kind == isNull || v.kind != isMap && len(strings.TrimSpace(r.source.Content)) == 0 {
		r.invalid(1, 1, "the definition is empty: it needs at least the key types")
		return
	}
	if !r.want(v, "the definition", isMap) {
		return
	}
	types := false
	for _, e := range v.entries {
		switch e.key {
		case "types":
			types = true
			r.types(e.value)
		case "functions":
			r.functions(e.value)
		case "permissions":
			r.permissions(e.value)
		case "rootTokens":
			r.rootTokens(e.value)
		case "modules", "custom": // Merge reads modules; custom is for the client's variables
		default:
			if laterGeneration[e.key] {
				r.invalid(e.line, e.column, "the key %s belongs to the later Prisma 1 format, which is another service", quote(e.key))
			} else {
				r.invalid(e.line, e.column, "unknown key %s; the keys are types, functions, permissions, rootTokens, modules and custom", quote(e.key))
			}
		}
	}
	if !types {
		r.invalid(v.line, v.column, "the key types is missing")
	}
}

// text finds the text of a file that the definition names.
func (r *reader) text(v value, where string) (text string, ok bool) {
	if why := badPath(v.text); why != "" {
		r.invalid(v.line, v.column, "%s can't be used: %s", where, why)
		return "", false
	}
	if text, ok = lookup(r.source.Files, v.text); !ok {
		r.invalid(v.line, v.column, "%s names the file %s, which is not part of the upload", where, quote(v.text))
	}
	return text, ok
}

// types reads one path, or a list of paths whose texts are joined (platform
// §1.5).
func (r *reader) types(v value) {
	paths := flatten(v)
	if v.kind == isList && len(paths) == 0 {
		r.invalid(v.line, v.column, "types must name a file")
		return
	}
	var texts []string
	for _, p := range paths {
		if !r.want(p, "types", isString) {
			return
		}
		text, ok := r.text(p, "types")
		if !ok {
			return
		}
		texts = append(texts, text)
	}
	r.def.TypesPath, r.def.SDL = paths[0].text, texts[0]
	if len(texts) > 1 {
		r.def.SDL = strings.Join(texts, "\n")
	}
}

func flatten(v value) []value {
	if v.kind != isList {
		return []value{v}
	}
	var out []value
	for _, item := range v.items {
		out = append(out, flatten(item)...)
	}
	return out
}

func (r *reader) rootTokens(v value) {
	if v.kind == isNull {
		return
	}
	if !r.want(v, "rootTokens", isList) {
		return
	}
	seen := map[string]bool{}
	for i, item := range v.items {
		if !r.want(item, "rootTokens["+itoa(i)+"]", isString) {
			continue
		}
		switch {
		case item.text == "" || len(item.text) > 1000 || strings.Contains(item.text, "\x00"):
			r.invalid(item.line, item.column, "the name of a root token has 1 to 1000 bytes, none of them NUL")
		case seen[item.text]:
			r.problems.add(problem.CodeRootTokenNameTaken, "There is already a RootToken with the name `%s`.", item.text)
		default:
			seen[item.text] = true
			r.def.RootTokens = append(r.def.RootTokens, item.text)
		}
	}
}

var permissionOperation = regexp.MustCompile(`^([A-Z][a-zA-Z0-9]*\.(create|update|delete|read|list|connect|disconnect|\*)|\*)$`)

func (r *reader) permissions(v value) {
	if v.kind == isNull {
		return
	}
	if !r.want(v, "permissions", isList) {
		return
	}
	for i, item := range v.items {
		where := "permissions[" + itoa(i) + "]"
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
			if e.value.kind == isNull {
				continue
			}
			if !r.want(e.value, at, isList) {
				continue
			}
			p.Fields = []string{}
			for _, f := range e.value.items {
				if r.want(f, at, isString) {
					p.Fields = append(p.Fields, f.text)
				}
			}
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

func (r *reader) functions(v value) {
	if v.kind == isNull {
		return
	}
	if !r.want(v, "functions", isMap) {
		return
	}
	for _, e := range v.entries {
		if r.want(e.value, "functions."+e.key, isMap) {
			r.function(e)
		}
	}
}

// IsFunctionName says that a text can name a function (platform §1.6).
func IsFunctionName(text string) bool { return functionName.MatchString(text) }

var functionName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

var functionKinds = map[string]Kind{
	"operationBefore": OperationBefore, "operationAfter": OperationAfter, "subscription": Subscription,
	"resolver": Resolver, "schemaExtension": Resolver, "httpRequest": HTTPRequest, "httpResponse": HTTPResponse,
}

func (r *reader) function(e entry) {
	f := Function{Name: e.key, Enabled: true}
	where := "functions." + e.key
	if !functionName.MatchString(f.Name) {
		r.problems.add(problem.CodeFunctionName, "%s is not a valid name for a function: it has 1 to 64 letters, digits, - and _", quote(f.Name))
		return
	}
	var handler, schema, query, operation *value
	typ := ""
	for _, k := range e.value.entries {
		at := where + "." + k.key
		switch k.key {
		case "type":
			if r.want(k.value, at, isString) {
				typ = k.value.text
			}
		case "handler":
			handler = &k.value
		case "schema":
			if r.want(k.value, at, isString) {
				schema = &k.value
			}
		case "query":
			if r.want(k.value, at, isString) {
				query = &k.value
			}
		case "operation":
			if r.want(k.value, at, isString) {
				operation = &k.value
			}
		case "isEnabled":
			r.want(k.value, at, isBool)
			f.Enabled = k.value.text != "false"
		case "description":
			f.Description = k.value.text
		default:
			r.warn(k.line, k.column, "the key %s means nothing in a function and is ignored", quote(k.key))
		}
	}
	if typ == "" {
		r.invalid(e.line, e.column, "%s needs the key type", where)
		return
	}
	if f.Kind = functionKinds[typ]; f.Kind == "" {
		r.problems.add(problem.CodeFunctionType, "The function '%s' has the unknown type %s; the types are operationBefore, operationAfter, subscription and resolver", f.Name, quote(typ))
		return
	}
	switch f.Kind {
	case Resolver:
		if schema == nil {
			r.invalid(e.line, e.column, "%s needs the key schema", where)
		} else {
			f.SchemaPath = schema.text
			f.Schema, _ = r.text(*schema, where+".schema")
		}
	case Subscription:
		if query == nil {
			r.invalid(e.line, e.column, "%s needs the key query", where)
		} else {
			f.QueryPath = query.text
			f.Query, _ = r.text(*query, where+".query")
		}
	case OperationBefore, OperationAfter:
		if operation == nil {
			r.invalid(e.line, e.column, "%s needs the key operation", where)
		} else {
			f.Operation = operation.text
		}
	default:
		r.warn(e.line, e.column, "%s has the type %s, which is accepted and never runs", where, typ)
	}
	if handler == nil {
		r.invalid(e.line, e.column, "%s needs the key handler", where)
		return
	}
	r.handler(&f, *handler, where+".handler")
	r.def.Functions = append(r.def.Functions, f)
}

func (r *reader) handler(f *Function, v value, where string) {
	if !r.want(v, where, isMap) {
		return
	}
	if len(v.entries) != 1 || v.entries[0].key != "code" && v.entries[0].key != "webhook" {
		r.invalid(v.line, v.column, "%s must have exactly one of the keys code and webhook", where)
		return
	}
	if e := v.entries[0]; e.key == "code" {
		r.code(f, e.value, where+".code")
	} else {
		r.webhook(f, e.value, where+".webhook")
	}
}

func (r *reader) code(f *Function, v value, where string) {
	path := v
	code := &Code{}
	if v.kind == isMap {
		path = value{line: v.line, column: v.column}
		for _, e := range v.entries {
			switch e.key {
			case "src":
				path = e.value
			case "environment":
				var ok bool
				if code.Environment, ok = stringMap(e.value); !ok {
					r.invalid(e.value.line, e.value.column, "%s.environment must map names to strings", where)
				}
			default:
				r.invalid(e.line, e.column, "unknown key %s in %s; the keys are src and environment", quote(e.key), where)
			}
		}
		where += ".src"
	}
	if !r.want(path, where, isString) {
		return
	}
	code.Path = path.text
	if why := badPath(code.Path); why != "" {
		r.invalid(path.line, path.column, "%s can't be used: %s", where, why)
		return
	}
	if bundle, ok := lookup(r.source.External, code.Path); ok {
		code.Bundle = &bundle
	} else if text, ok := lookup(r.source.Files, code.Path); ok {
		code.Text = text
	} else {
		r.problems.add(0, "The code %s of the function '%s' is neither among the uploaded files nor in a bundle.", quote(code.Path), f.Name)
	}
	f.Code = code
}

func (r *reader) webhook(f *Function, v value, where string) {
	address := v
	hook := &Webhook{}
	if v.kind == isMap {
		address = value{line: v.line, column: v.column}
		for _, e := range v.entries {
			switch e.key {
			case "url":
				address = e.value
			case "headers":
				var ok bool
				if hook.Headers, ok = stringMap(e.value); !ok {
					r.problems.add(problem.CodeFunctionHeaders, "The headers of the function '%s' must map names to strings", f.Name)
				}
			default:
				r.invalid(e.line, e.column, "unknown key %s in %s; the keys are url and headers", quote(e.key), where)
			}
		}
		where += ".url"
	}
	if !r.want(address, where, isString) {
		return
	}
	hook.URL = strings.TrimSpace(address.text)
	f.Webhook = hook
}

func stringMap(v value) (map[string]string, bool) {
	if v.kind == isNull {
		return nil, true
	}
	if v.kind != isMap {
		return nil, false
	}
	m := make(map[string]string, len(v.entries))
	for _, e := range v.entries {
		if e.value.kind != isString {
			return nil, false
		}
		m[e.key] = e.value.text
	}
	return m, true
}
