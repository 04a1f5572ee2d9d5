package servicedef

import (
	"regexp"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"icehouse/cmd/icehouse/internal/excerpt"
	"icehouse/cmd/icehouse/internal/yamldoc"
	"icehouse/dataplane/datamodel"
)

// typesFile is one file of the data model.
type typesFile struct{ path, text string }

// Locate finds what a server says about a definition in its files: in those of the data
// model where our own reading of them finds the same, or where the field or the type is
// that it is about; in the YAML where the function or the permission is that it names in
// quotes. It returns false when it is about none of these.
func (d Definition) Locate(typeName, field, message string) (Problem, bool) {
	if p, ok := d.inTypes(typeName, field, message); ok {
		return p, true
	}
	if typeName != datamodel.Global {
		return Problem{}, false
	}
	for _, m := range quoted.FindAllStringSubmatch(message, -1) {
		for _, f := range d.written {
			if at, ok := f.named(m[1]); ok {
				return Problem{f.path, at, message, excerpt.Show(f.text, "      ", at.Line, at.Column)}, true
			}
		}
	}
	return Problem{}, false
}

var quoted = regexp.MustCompile("['`]([^'`]+)['`]")

// named is where the YAML has a function or root token of this name, or a permission for
// this operation.
func (f yamlFile) named(name string) (at yamldoc.Position, ok bool) {
	for _, e := range f.root.Get("functions").EntriesOrNone() {
		if e.Key == name {
			return e.At, true
		}
	}
	for _, key := range []string{"permissions", "rootTokens"} {
		list := f.root.Get(key)
		if list == nil {
			continue
		}
		for _, item := range list.Items {
			value := item
			if key == "permissions" {
				value = item.Get("operation")
			}
			if text, _ := value.Text(); text == name {
				return value.At, true
			}
		}
	}
	return yamldoc.Position{}, false
}

func (d Definition) inTypes(typeName, field, message string) (Problem, bool) {
	var texts []string
	for _, f := range d.types {
		texts = append(texts, f.text)
	}
	all := strings.Join(texts, "\n") // as collectTypes and the server do
	_, found := datamodel.Parse(all)
	for _, one := range found {
		if one.Type == typeName && one.Field == field && one.Description == message && one.Line > 0 {
			return d.at(one.Line, one.Column, message), true
		}
	}
	doc, err := parser.ParseSchema(&ast.Source{Input: all})
	if err != nil {
		return Problem{}, false
	}
	t := doc.Definitions.ForName(typeName)
	if t == nil {
		return Problem{}, false
	}
	place := t.Position
	if f := t.Fields.ForName(field); f != nil {
		place = f.Position
	}
	return d.at(place.Line, place.Column, message), true
}

// at is a place of the joined files in its own file.
func (d Definition) at(line, column int, message string) Problem {
	for i, f := range d.types {
		lines := strings.Count(f.text, "\n") + 1
		if line <= lines || i == len(d.types)-1 {
			return Problem{f.path, yamldoc.Position{Line: line, Column: column}, message, excerpt.Show(f.text, "      ", line, column)}
		}
		line -= lines
	}
	return Problem{}
}
