package servicedef

import (
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"icehouse/cmd/icehouse/internal/excerpt"
	"icehouse/cmd/icehouse/internal/yamldoc"
	"icehouse/dataplane/datamodel"
)

// typesFile is one file of the data model.
type typesFile struct{ path, text string }

// Locate finds what a server says about a type or a field in the files of the data
// model: where our own reading of them finds the same, else where the field or the type
// is. It returns false when it is about neither.
func (d Definition) Locate(typeName, field, message string) (Problem, bool) {
	var texts []string
	for _, f := range d.types {
		texts = append(texts, f.text)
	}
	all := strings.Join(texts, "\n") // as collectTypes does
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
