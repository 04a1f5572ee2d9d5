package definition

import (
	"regexp"
	"strconv"
	"strings"

	"icehouse/controlplane/problem"
)

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
	keys := r.functionKeys(&f, e.value, where)
	if keys.typ == "" {
		r.invalid(e.line, e.column, "%s needs the key type", where)
		return
	}
	if f.Kind = functionKinds[keys.typ]; f.Kind == "" {
		r.problems.add(problem.CodeFunctionType, "The function '%s' has the unknown type %s; the types are operationBefore, operationAfter, subscription and resolver", f.Name, quote(keys.typ))
		return
	}
	r.bind(&f, e, keys, where)
	if keys.handler == nil {
		r.invalid(e.line, e.column, "%s needs the key handler", where)
		return
	}
	r.handler(&f, *keys.handler, where+".handler")
	r.def.Functions = append(r.def.Functions, f)
}

// functionKeys are the keys whose meaning follows from the function's type; nil for
// those that it does not have.
type functionKeys struct {
	typ                               string
	handler, schema, query, operation *value
}

// functionKeys reads what a function says, whatever its type.
func (r *reader) functionKeys(f *Function, v value, where string) (keys functionKeys) {
	for _, k := range v.entries {
		at := where + "." + k.key
		text := func(to **value) {
			if r.want(k.value, at, isString) {
				*to = &k.value
			}
		}
		switch k.key {
		case "type":
			if r.want(k.value, at, isString) {
				keys.typ = k.value.text
			}
		case "handler":
			keys.handler = &k.value
		case "schema":
			text(&keys.schema)
		case "query":
			text(&keys.query)
		case "operation":
			text(&keys.operation)
		case "retries":
			var err error
			if f.Retries, err = strconv.Atoi(k.value.text); err != nil || f.Retries < 0 || f.Retries > MaxRetries {
				r.invalid(k.value.line, k.value.column, "%s must be a number from 0 to %d", at, MaxRetries)
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
	return keys
}

// bind reads what a function of its type hangs on.
func (r *reader) bind(f *Function, e entry, keys functionKeys, where string) {
	has := func(v *value, key string) bool {
		if v == nil {
			r.invalid(e.line, e.column, "%s needs the key %s", where, key)
		}
		return v != nil
	}
	if f.Retries > 0 && f.Kind != Subscription {
		r.warn(e.line, e.column, "%s has retries, which only functions of the type subscription do", where)
		f.Retries = 0
	}
	switch f.Kind {
	case Resolver:
		if has(keys.schema, "schema") {
			f.SchemaPath = keys.schema.text
			f.Schema, _ = r.text(*keys.schema, where+".schema")
		}
	case Subscription:
		if has(keys.query, "query") {
			f.QueryPath = keys.query.text
			f.Query, _ = r.text(*keys.query, where+".query")
		}
	case OperationBefore, OperationAfter:
		if has(keys.operation, "operation") {
			f.Operation = keys.operation.text
		}
	default:
		r.warn(e.line, e.column, "%s has the type %s, which is accepted and never runs", where, keys.typ)
	}
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
