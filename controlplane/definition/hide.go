package definition

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// The values of a function's environment, and of its webhook's headers, are for whoever
// deploys to write and for functions to read. Where a definition is shown, each is a
// reference to a variable of the environment: the command line asks for it, and a deploy
// that still has the reference keeps the value.

// reference is what stands for a value, and what command lines leave of variables that
// are not set.
var reference = regexp.MustCompile(`^\$\{env:[A-Za-z0-9_]+\}$`)

// secrets are the values of a function that are not shown; nil when it can't have any.
func (f *Function) secrets() map[string]string {
	switch {
	case f.Code != nil:
		return f.Code.Environment
	case f.Webhook != nil:
		return f.Webhook.Headers
	}
	return nil
}

func (f Function) withSecrets(values map[string]string) Function {
	switch {
	case f.Code != nil:
		code := *f.Code
		code.Environment = values
		f.Code = &code
	case f.Webhook != nil:
		hook := *f.Webhook
		hook.Headers = values
		f.Webhook = &hook
	}
	return f
}

// Shown is the definition without the values that are not shown. Its text is the
// author's, with references in it; where that can't be, it is written anew.
func (d *Definition) Shown() *Definition {
	functions, hidden := d.hide()
	if len(hidden) == 0 {
		return d
	}
	shown := *d
	shown.Functions = functions
	if content, ok := hideIn(d.Source.Content, functions); ok {
		shown.Source.Content = content
		again, _, problems := Read(shown.Source)
		if len(problems) == 0 && sameSecrets(again.Functions, functions) && !containsAny(content, hidden) {
			return &shown
		}
	}
	shown.Rewrite(d.SDL)
	return &shown
}

// hide puts references in place of values, and returns the values.
func (d *Definition) hide() (functions []Function, hidden []string) {
	variables := map[string]string{} // and the value that each stands for
	functions = slices.Clone(d.Functions)
	for i := range functions {
		f := &functions[i]
		values := map[string]string{}
		for _, key := range slices.Sorted(maps.Keys(f.secrets())) {
			value := f.secrets()[key]
			if reference.MatchString(value) {
				values[key] = value
				continue
			}
			name := variable(key)
			if f.Webhook != nil {
				name = variable(strings.ToUpper(f.Name + "_" + key))
			}
			if other, taken := variables[name]; taken && other != value {
				name = variable(f.Name + "_" + name)
			}
			variables[name] = value
			values[key] = "${env:" + name + "}"
			hidden = append(hidden, value)
		}
		if len(values) > 0 {
			*f = f.withSecrets(values)
		}
	}
	return functions, hidden
}

var notInVariables = regexp.MustCompile(`[^A-Za-z0-9_]`)

func variable(name string) string { return notInVariables.ReplaceAllString(name, "_") }

func sameSecrets(a, b []Function) bool {
	return slices.EqualFunc(a, b, func(f, g Function) bool { return f.Name == g.Name && reflect.DeepEqual(f.secrets(), g.secrets()) })
}

// shortest is the length of values that are looked for in the rest of a text. Shorter
// ones are words like true, or found by chance.
const shortest = 6

func containsAny(text string, values []string) bool {
	return slices.ContainsFunc(values, func(value string) bool { return len(value) >= shortest && strings.Contains(text, value) })
}

// hideIn puts the references of functions into a YAML text, and changes nothing else. It
// is false for texts of which it can't tell all.
func hideIn(text string, functions []Function) (string, bool) {
	tokens := lexer.Tokenize(text)
	var all strings.Builder
	for _, t := range tokens {
		all.WriteString(t.Origin)
	}
	if rest, ok := strings.CutPrefix(text, all.String()); !ok || strings.TrimSpace(rest) != "" {
		return "", false
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil || len(file.Docs) != 1 {
		return "", false
	}
	instead := map[*token.Token]string{}
	for _, f := range functions {
		values := at(file.Docs[0].Body, "functions", f.Name, "handler", "code", "environment")
		if f.Webhook != nil {
			values = at(file.Docs[0].Body, "functions", f.Name, "handler", "webhook", "headers")
		}
		for key, value := range f.secrets() {
			switch n := at(values, key).(type) {
			case *ast.StringNode:
				instead[n.Token] = "'" + value + "'"
			case *ast.LiteralNode: // its sign, and its lines
				instead[n.Start], instead[n.Value.Token] = "'"+value+"'", ""
			default:
				return "", false
			}
		}
	}
	var out strings.Builder
	for _, t := range tokens {
		value, ok := instead[t]
		if !ok {
			out.WriteString(t.Origin)
			continue
		}
		delete(instead, t)
		core := strings.TrimSpace(t.Origin)
		before, after, _ := strings.Cut(t.Origin, core)
		if value == "" {
			before = "" // the place of the first line
			after = after[strings.LastIndexByte(after, '\n')+1:]
		}
		out.WriteString(before + value + after)
	}
	return out.String() + strings.TrimPrefix(text, all.String()), len(instead) == 0
}

// at is what is under keys of maps, or nil.
func at(n ast.Node, keys ...string) ast.Node {
	for _, key := range keys {
		var pairs []*ast.MappingValueNode
		switch m := n.(type) {
		case *ast.MappingNode:
			pairs = m.Values
		case *ast.MappingValueNode:
			pairs = []*ast.MappingValueNode{m}
		}
		n = nil
		for _, pair := range pairs {
			name := pair.Key.GetToken().Value
			if s, ok := pair.Key.(*ast.StringNode); ok {
				name = s.Value
			}
			if name == key {
				n = pair.Value
			}
		}
	}
	return n
}

// Keep puts the values that from has in place of references that nobody has replaced,
// and says so. from may be nil.
func (d *Definition) Keep(from *Definition) (notes []string) {
	if from == nil {
		return nil
	}
	for i := range d.Functions {
		f := &d.Functions[i]
		before := from.Function(f.Name)
		if before == nil || (before.Code == nil) != (f.Code == nil) {
			continue
		}
		values, kept := KeepValues(f.secrets(), before.secrets())
		for _, key := range kept {
			notes = append(notes, fmt.Sprintf("The function '%s' keeps the value of %s that is deployed: none was given.", f.Name, quote(key)))
		}
		if len(kept) > 0 {
			*f = f.withSecrets(values)
		}
	}
	return notes
}

// KeepValues are values, with those of before in place of references, and which those
// are.
func KeepValues(values, before map[string]string) (_ map[string]string, kept []string) {
	out := maps.Clone(values)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if value, ok := before[key]; ok && reference.MatchString(values[key]) && value != values[key] {
			out[key] = value
			kept = append(kept, key)
		}
	}
	return out, kept
}

// ShownSecrets are references to the values of a function of the definition.
func (d *Definition) ShownSecrets(function string) map[string]string {
	functions, _ := d.hide()
	for i := range functions {
		if functions[i].Name == function {
			return functions[i].secrets()
		}
	}
	return nil
}
