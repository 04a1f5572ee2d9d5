package definition

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

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

// IsRootTokenName says that a text can name a root token.
func IsRootTokenName(text string) bool {
	return text != "" && len(text) <= 1000 && !strings.ContainsRune(text, 0) && utf8.ValidString(text)
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
		if !r.want(item, "rootTokens["+strconv.Itoa(i)+"]", isString) {
			continue
		}
		switch {
		case !IsRootTokenName(item.text):
			r.invalid(item.line, item.column, "the name of a root token has 1 to 1000 bytes, none of them NUL")
		case seen[item.text]:
			taken := problem.RootTokenTaken(item.text)
			r.problems.add(taken.Code, "%s", taken.Message)
		default:
			seen[item.text] = true
			r.def.RootTokens = append(r.def.RootTokens, item.text)
		}
	}
}
