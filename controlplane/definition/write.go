package definition

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
)

// Rewrite writes Source anew from what the definition says, for definitions that
// were not read from files. types is the text of the types file.
func (d *Definition) Rewrite(types string) {
	out := *d
	out.SDL = types
	out.Permissions = slices.DeleteFunc(slices.Clone(d.Permissions), func(p Permission) bool { return p.Disabled })
	texts := out.nameQueries()
	d.Source = Source{Content: out.yaml(), Files: out.files()}
	for path, text := range texts {
		d.Source.Files[path] = text
	}
}

// nameQueries gives queries without a file one for each type or relation, and a name
// in it (platform §1.7). It returns the texts of those files.
func (d *Definition) nameQueries() map[string]string {
	texts := map[string]string{}
	taken := map[string]bool{}
	for i := range d.Permissions {
		p := &d.Permissions[i]
		if p.Query == "" || p.QueryPath != "" {
			continue
		}
		target, verb := p.Split()
		p.QueryPath = "./src/permissions/" + target + ".graphql"
		doc, problem := parseQuery(p.Query)
		if problem != "" || len(doc.Operations) != 1 {
			continue // a deploy lets no such query through
		}
		op := doc.Operations[0]
		name := op.Name
		if name == "" {
			name = strings.Trim(verb, "*")
		}
		if name == "" {
			name = "both"
		}
		p.QueryName = name
		for n := 2; taken[p.QueryPath+":"+p.QueryName]; n++ {
			p.QueryName = name + strconv.Itoa(n)
		}
		taken[p.QueryPath+":"+p.QueryName] = true
		op.Name = p.QueryName
		texts[p.QueryPath] += printQuery(doc)
	}
	return texts
}

func printQuery(doc *ast.QueryDocument) string {
	var out strings.Builder
	formatter.NewFormatter(&out).FormatQueryDocument(doc)
	return out.String()
}

// Quote writes a text as a literal of SDL.
func Quote(text string) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text) // texts always encode
	return strings.TrimSuffix(out.String(), "\n")
}

// files are the texts that the definition names, under its own paths.
func (d *Definition) files() map[string]string {
	files := map[string]string{d.TypesPath: d.SDL}
	put := func(name, text string) {
		if name != "" {
			files[name] = text
		}
	}
	for _, f := range d.Functions {
		put(f.SchemaPath, f.Schema)
		put(f.QueryPath, f.Query)
		if f.Code != nil && f.Code.Text != "" {
			put(f.Code.Path, f.Code.Text)
		}
	}
	for _, p := range d.Permissions {
		put(p.QueryPath, p.Query)
	}
	return files
}

// yaml writes the definition as one module.
func (d *Definition) yaml() string {
	root := yaml.MapSlice{{Key: "types", Value: d.TypesPath}}
	if len(d.Functions) > 0 {
		var functions yaml.MapSlice
		for _, f := range d.Functions {
			functions = append(functions, yaml.MapItem{Key: f.Name, Value: f.yaml()})
		}
		root = append(root, yaml.MapItem{Key: "functions", Value: functions})
	}
	if len(d.Permissions) > 0 {
		var permissions []yaml.MapSlice
		for _, p := range d.Permissions {
			permissions = append(permissions, p.yaml())
		}
		root = append(root, yaml.MapItem{Key: "permissions", Value: permissions})
	}
	if len(d.RootTokens) > 0 {
		root = append(root, yaml.MapItem{Key: "rootTokens", Value: d.RootTokens})
	}
	out, err := yaml.Marshal(root)
	if err != nil { // maps of strings always encode
		panic(fmt.Sprintf("definition: encode yaml: %v", err))
	}
	return string(out)
}

func (f Function) yaml() yaml.MapSlice {
	out := yaml.MapSlice{{Key: "type", Value: string(f.Kind)}}
	put := func(key, text string) {
		if text != "" {
			out = append(out, yaml.MapItem{Key: key, Value: text})
		}
	}
	if !f.Enabled {
		out = append(out, yaml.MapItem{Key: "isEnabled", Value: false})
	}
	put("description", f.Description)
	put("operation", f.Operation)
	put("schema", f.SchemaPath)
	put("query", f.QueryPath)
	handler := yaml.MapSlice{}
	if c := f.Code; c != nil {
		code := yaml.MapSlice{{Key: "src", Value: c.Path}}
		if len(c.Environment) > 0 {
			code = append(code, yaml.MapItem{Key: "environment", Value: c.Environment})
		}
		handler = append(handler, yaml.MapItem{Key: "code", Value: code})
	}
	if w := f.Webhook; w != nil {
		hook := yaml.MapSlice{{Key: "url", Value: w.URL}}
		if len(w.Headers) > 0 {
			hook = append(hook, yaml.MapItem{Key: "headers", Value: w.Headers})
		}
		handler = append(handler, yaml.MapItem{Key: "webhook", Value: hook})
	}
	return append(out, yaml.MapItem{Key: "handler", Value: handler})
}

func (p Permission) yaml() yaml.MapSlice {
	out := yaml.MapSlice{{Key: "operation", Value: p.Operation}}
	if p.Authenticated {
		out = append(out, yaml.MapItem{Key: "authenticated", Value: true})
	}
	if p.QueryPath != "" {
		reference := p.QueryPath
		if p.QueryName != "" {
			reference += ":" + p.QueryName
		}
		out = append(out, yaml.MapItem{Key: "query", Value: reference})
	}
	if p.Fields != nil {
		out = append(out, yaml.MapItem{Key: "fields", Value: p.Fields})
	}
	return out
}
