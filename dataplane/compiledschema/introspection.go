package compiledschema

import (
	"errors"
	"iter"

	"github.com/vektah/gqlparser/v2/ast"

	"icehouse/dataplane/coercion"
)

// MaxIntrospectionBytes is how long an introspection answer can become.
const MaxIntrospectionBytes = 16 << 20

// ErrIntrospectionTooLarge says that an introspection selection asks for more
// than MaxIntrospectionBytes, or repeats fragments too often.
var ErrIntrospectionTooLarge = errors.New("the introspection query asks for too much at once")

// WriteIntrospection appends the JSON value of a field __schema or __type of a
// validated document. vars are the coerced variables, fragments those of the
// document. Fields that answer under the same name must have been merged into one
// with all their selections. Nothing of the schema is built: the answer is
// written while the types are enumerated.
func (s *Schema) WriteIntrospection(dst []byte, field *ast.Field, vars map[string]any, fragments ast.FragmentDefinitionList) ([]byte, error) {
	meta, ok := metaFields[field.Name]
	if !ok {
		return dst, errors.New("compiledschema: not an introspection field: " + field.Name)
	}
	p := selector{vars: vars, fragments: fragments, budget: maxSelected}
	below := p.merge([]ast.SelectionSet{field.SelectionSet}, meta.typ.Name)
	if p.budget <= 0 {
		return dst, ErrIntrospectionTooLarge
	}
	w := introspector{schema: s, out: dst, limit: len(dst) + MaxIntrospectionBytes}
	if field.Name == "__schema" {
		w.schemaObject(below)
	} else {
		name, _ := p.argument(field, "name").(string)
		w.named(name, below)
	}
	if len(w.out) >= w.limit {
		return dst, ErrIntrospectionTooLarge
	}
	return w.out, nil
}

// maxSelected is how many fields the selections can have with all fragments put
// in their place.
const maxSelected = 20_000

// selected is one field of a selection with fragments and directives resolved.
// The types of introspection are all objects, so this is done once and not for
// every object.
type selected struct {
	key, name string
	below     []selected
}

// selector resolves selections.
type selector struct {
	vars      map[string]any
	fragments ast.FragmentDefinitionList
	budget    int
}

// merge resolves the union of some selection sets on a type of introspection.
func (p *selector) merge(sets []ast.SelectionSet, typ string) []selected {
	c := newCollector()
	for _, set := range sets {
		p.collect(&c, set, typ)
	}
	list := make([]selected, 0, len(c.groups))
	for _, g := range c.groups {
		if p.budget--; p.budget <= 0 {
			return nil
		}
		one := selected{key: g.name, name: g.fields[0].Name}
		if def := introspectionTypes[typ].Fields.ForName(one.name); def != nil {
			var sets []ast.SelectionSet
			for _, f := range g.fields {
				if len(f.SelectionSet) > 0 {
					sets = append(sets, f.SelectionSet)
				}
			}
			if len(sets) > 0 {
				one.below = p.merge(sets, def.Type.Name())
			}
		}
		list = append(list, one)
	}
	return list
}

// collect is collector.collect with directives and type conditions.
func (p *selector) collect(c *collector, set ast.SelectionSet, typ string) {
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			if p.included(selection.Directives) {
				c.add(selection)
			}
		case *ast.InlineFragment:
			if p.included(selection.Directives) && (selection.TypeCondition == "" || selection.TypeCondition == typ) {
				p.collect(c, selection.SelectionSet, typ)
			}
		case *ast.FragmentSpread:
			if c.fragments[selection.Name] || !p.included(selection.Directives) {
				continue
			}
			c.fragments[selection.Name] = true
			if f := p.fragments.ForName(selection.Name); f != nil && f.TypeCondition == typ {
				p.collect(c, f.SelectionSet, typ)
			}
		}
	}
}

// included says whether directives leave a selection in; a variable that has no
// value does.
func (p *selector) included(list ast.DirectiveList) bool {
	for _, d := range list {
		condition, known := p.value(d.Arguments.ForName("if")).(bool)
		if !known {
			continue
		}
		if d.Name == "skip" && condition || d.Name == "include" && !condition {
			return false
		}
	}
	return true
}

func (p *selector) argument(f *ast.Field, name string) any { return p.value(f.Arguments.ForName(name)) }

// value is the value of an argument that is a string or a boolean.
func (p *selector) value(arg *ast.Argument) any {
	switch {
	case arg == nil:
		return nil
	case arg.Value.Kind == ast.Variable:
		return p.vars[arg.Value.Raw]
	case arg.Value.Kind == ast.BooleanValue:
		return arg.Value.Raw == "true"
	default:
		return arg.Value.Raw
	}
}

// introspector writes the answer.
type introspector struct {
	schema *Schema
	out    []byte
	limit  int
}

// object writes the selected fields of an object of the given type; write writes
// the value of one of them.
func (w *introspector) object(typ string, fields []selected, write func(f selected)) {
	w.out = append(w.out, '{')
	for i, f := range fields {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.text(f.key)
		w.out = append(w.out, ':')
		switch f.name {
		case "__typename":
			w.text(typ)
		case "isDeprecated", "isRepeatable": // nothing here is
			w.out = append(w.out, "false"...)
		case "deprecationReason", "specifiedByURL":
			w.null()
		default:
			write(f)
		}
	}
	w.out = append(w.out, '}')
}

// list writes a list; it stops early when the answer is too long already.
func list[T any](w *introspector, items iter.Seq[T], write func(T)) {
	w.out = append(w.out, '[')
	first := true
	for item := range items {
		if len(w.out) >= w.limit {
			break
		}
		if !first {
			w.out = append(w.out, ',')
		}
		first = false
		write(item)
	}
	w.out = append(w.out, ']')
}

func (w *introspector) null() { w.out = append(w.out, "null"...) }

func (w *introspector) schemaObject(fields []selected) {
	w.object("__Schema", fields, func(f selected) {
		switch f.name {
		case "types":
			list(w, w.schema.allDefinitions(), func(d definition) { w.definition(d, f.below) })
		case "queryType":
			w.named(queryName, f.below)
		case "mutationType":
			w.named(mutationName, f.below)
		case "subscriptionType":
			w.named(subscriptionName, f.below)
		case "directives":
			list(w, values(directives), func(d *ast.DirectiveDefinition) { w.directive(d, f.below) })
		default: // description
			w.null()
		}
	})
}

// allDefinitions are the types of the API, the scalars of GraphQL that it uses and
// the types of introspection.
func (s *Schema) allDefinitions() iter.Seq[definition] {
	return func(yield func(definition) bool) {
		for d := range s.definitions() {
			if !yield(d) {
				return
			}
		}
		for _, name := range builtInScalars {
			if d, ok := s.scalar(name); ok && !yield(d) {
				return
			}
		}
		for _, static := range introspectionOrder {
			if !yield(definition{form: formIntrospection, kind: static.Kind, name: static.Name, static: static}) {
				return
			}
		}
	}
}

// nodes are the types that implement Node.
func (s *Schema) nodes() iter.Seq[definition] {
	return func(yield func(definition) bool) {
		if d, ok := s.fixed(viewerName); ok && !yield(d) {
			return
		}
		for _, m := range s.models {
			if !yield(definition{form: formModel, kind: ast.Object, name: m.Name, model: m}) {
				return
			}
		}
	}
}

// named writes the type of a name, or null.
func (w *introspector) named(name string, fields []selected) {
	if d, ok := w.schema.definition(name); ok {
		w.definition(d, fields)
		return
	}
	w.null()
}

// reference writes a type as a field names it: non-null and list types are types
// of their own.
func (w *introspector) reference(ref coercion.Ref, fields []selected) {
	kind, inner := "NON_NULL", ref.Nullable()
	switch {
	case ref.NonNull():
	case ref.IsList():
		kind, inner = "LIST", ref.Elem()
	default:
		w.named(ref.Name, fields)
		return
	}
	w.object("__Type", fields, func(f selected) {
		switch f.name {
		case "kind":
			w.text(kind)
		case "ofType":
			w.reference(inner, f.below)
		default:
			w.null()
		}
	})
}

func (w *introspector) definition(d definition, fields []selected) {
	s := w.schema
	w.object("__Type", fields, func(f selected) {
		switch {
		case f.name == "kind":
			w.text(string(d.kind))
		case f.name == "name":
			w.text(d.name)
		case f.name == "description" && d.static != nil:
			w.textOrNull(d.static.Description)
		case f.name == "fields" && isComposite(d.kind):
			list(w, s.fields(d), func(one field) { w.field(one, f.below) })
		case f.name == "interfaces" && isComposite(d.kind):
			if d.isNode() {
				list(w, values(nodeInterfaces), func(name string) { w.named(name, f.below) })
			} else {
				w.out = append(w.out, "[]"...)
			}
		case f.name == "possibleTypes" && d.kind == ast.Interface:
			list(w, s.nodes(), func(d definition) { w.definition(d, f.below) })
		case f.name == "enumValues" && d.kind == ast.Enum:
			list(w, s.values(d), func(v enumValue) { w.enumValue(v, f.below) })
		case f.name == "inputFields" && d.kind == ast.InputObject:
			list(w, s.inputs(s.inputsOf(d)), func(in input) { w.input(in, f.below) })
		case f.name == "isOneOf" && d.kind == ast.InputObject:
			w.out = append(w.out, "false"...)
		default:
			w.null()
		}
	})
}

func (w *introspector) field(one field, fields []selected) {
	w.object("__Field", fields, func(f selected) {
		switch f.name {
		case "name":
			w.text(one.name)
		case "description":
			w.textOrNull(one.description)
		case "args":
			list(w, w.schema.inputs(one.args), func(in input) { w.input(in, f.below) })
		case "type":
			w.reference(one.typ, f.below)
		}
	})
}

func (w *introspector) input(in input, fields []selected) {
	w.object("__InputValue", fields, func(f selected) {
		switch f.name {
		case "name":
			w.text(in.name)
		case "description":
			w.textOrNull(in.description)
		case "type":
			w.reference(in.typ, f.below)
		case "defaultValue":
			if in.def == nil {
				w.null()
			} else {
				w.text(string(appendLiteral(nil, in.def)))
			}
		}
	})
}

func (w *introspector) enumValue(v enumValue, fields []selected) {
	w.object("__EnumValue", fields, func(f selected) {
		switch f.name {
		case "name":
			w.text(v.name)
		case "description":
			w.textOrNull(v.description)
		}
	})
}

func (w *introspector) directive(d *ast.DirectiveDefinition, fields []selected) {
	w.object("__Directive", fields, func(f selected) {
		switch f.name {
		case "name":
			w.text(d.Name)
		case "description":
			w.textOrNull(d.Description)
		case "locations":
			list(w, values(d.Locations), func(l ast.DirectiveLocation) { w.text(string(l)) })
		case "args":
			list(w, w.schema.inputs(inputs{form: inputsStatic, static: d.Arguments}), func(in input) { w.input(in, f.below) })
		}
	})
}

func values[T any](items []T) iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, item := range items {
			if !yield(item) {
				return
			}
		}
	}
}

func (w *introspector) textOrNull(s string) {
	if s == "" {
		w.null()
		return
	}
	w.text(s)
}

// text writes a JSON string.
func (w *introspector) text(s string) { w.out = coercion.AppendQuoted(w.out, s) }
