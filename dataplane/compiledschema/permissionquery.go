package compiledschema

import (
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
)

// ReadPermissionQuery takes the query that a record for this target and verb means
// out of a file's text: the operation of this name, or with "" the only one. query
// is the text for the record: that operation with a header, which old queries do not
// have (data-api §6.6), and the fragments that it uses. problems say, with their
// places in the file, why the query can never hold.
func (s *Schema) ReadPermissionQuery(target string, verb Verb, text, name string) (query string, problems gqlerror.List) {
	file, err := parser.ParseQuery(&ast.Source{Input: text})
	if err != nil {
		return text, gqlerror.List{gqlerror.WrapIfUnwrapped(err)}
	}
	at := slices.IndexFunc(file.Operations, func(op *ast.OperationDefinition) bool { return name == "" || op.Name == name })
	if at < 0 {
		return text, gqlerror.List{gqlerror.Errorf("there is no operation %q", name)}
	}
	op := file.Operations[at]
	q := &permissionQuery{schema: s.For(Existential), target: target, verb: verb, op: op, file: file}
	q.selections(op.SelectionSet)
	if len(op.VariableDefinitions) == 0 {
		q.addHeader()
	}
	doc := &ast.QueryDocument{Operations: ast.OperationList{op}, Fragments: q.fragments}
	var out strings.Builder
	formatter.NewFormatter(&out).FormatQueryDocument(doc)
	problems = q.schema.Validate(doc)
	if len(problems) == 0 {
		problems = q.neverHolds()
	}
	return out.String(), problems
}

// permissionQuery is one query of a file, being read.
type permissionQuery struct {
	schema    *Schema
	target    string
	verb      Verb
	op        *ast.OperationDefinition
	file      *ast.QueryDocument
	fragments ast.FragmentDefinitionList // that it uses
	used      []string                   // variables, by first appearance
	fixed     []*ast.Value               // values that may not be a variable
}

func (q *permissionQuery) selections(set ast.SelectionSet) {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			q.directives(s.Directives)
			for _, a := range s.Arguments {
				q.value(a.Value)
				if a.Name == "first" || a.Name == "last" || a.Name == "skip" {
					q.fixed = append(q.fixed, a.Value)
				}
			}
			q.selections(s.SelectionSet)
		case *ast.InlineFragment:
			q.directives(s.Directives)
			q.selections(s.SelectionSet)
		case *ast.FragmentSpread:
			q.directives(s.Directives)
			f := q.file.Fragments.ForName(s.Name)
			if f != nil && !slices.Contains(q.fragments, f) {
				q.fragments = append(q.fragments, f)
				q.selections(f.SelectionSet)
			}
		}
	}
}

func (q *permissionQuery) directives(list ast.DirectiveList) {
	for _, d := range list {
		for _, a := range d.Arguments {
			q.value(a.Value)
			q.fixed = append(q.fixed, a.Value)
		}
	}
}

func (q *permissionQuery) value(v *ast.Value) {
	if v.Kind == ast.Variable && !slices.Contains(q.used, v.Raw) {
		q.used = append(q.used, v.Raw)
	}
	for _, child := range v.Children {
		q.value(child.Value)
	}
}

// addHeader declares the variables that are used and known.
func (q *permissionQuery) addHeader() {
	for _, name := range q.used {
		if v, ok := q.schema.PermissionVariable(q.target, q.verb, name); ok {
			q.op.VariableDefinitions = append(q.op.VariableDefinitions, &ast.VariableDefinition{
				Variable: name, Type: ast.NamedType(v.Type, q.op.Position), Position: q.op.Position,
			})
		}
	}
}

// neverHolds finds what is valid GraphQL and yet can't run, or can't be true.
func (q *permissionQuery) neverHolds() gqlerror.List {
	var problems gqlerror.List
	add := func(p *ast.Position, format string, args ...any) {
		err := &gqlerror.Error{}
		validator.Message(format, args...)(err)
		at(p)(err)
		problems = append(problems, err)
	}
	for _, v := range q.op.VariableDefinitions {
		variable, ok := q.schema.PermissionVariable(q.target, q.verb, v.Variable)
		switch {
		case !ok && v.DefaultValue == nil: // without one its filter would go, and all would be allowed
			add(v.Position, "the variable $%s never has a value in a query for %s.%s", v.Variable, q.target, q.verb)
		case ok && !FitsPermissionVariable(v.Type.Name(), variable.Type, variable.Field != nil && variable.Field.Enum != nil):
			add(v.Position, "the variable $%s is declared as %s; its values have the type %s", v.Variable, v.Type, variable.Type)
		}
	}
	for _, v := range q.fixed {
		if v.Kind == ast.Variable {
			add(v.Position, "$%s stands where no variable can: directives and the sizes of pages must be the same for every request", v.Raw)
		}
	}
	q.untrue(q.op.SelectionSet, add)
	return problems
}

// untrue finds fields that are not booleans.
func (q *permissionQuery) untrue(set ast.SelectionSet, add func(*ast.Position, string, ...any)) {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			if strings.HasPrefix(s.Name, "__") {
				add(s.Position, "the field %s is never true", s.Name)
			}
		case *ast.InlineFragment:
			q.untrue(s.SelectionSet, add)
		case *ast.FragmentSpread:
			if f := q.file.Fragments.ForName(s.Name); f != nil {
				q.untrue(f.SelectionSet, add)
			}
		}
	}
}
