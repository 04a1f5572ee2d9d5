package compiledschema

import "github.com/vektah/gqlparser/v2/ast"

// Materialize builds the part of the schema that a document names: its types,
// fields, arguments, input fields and enum values, and what is required beside
// them. Names that the API does not have are not there, so that the validation
// rules find them missing. The work grows with the document, not with the model.
func (s *Schema) Materialize(doc *ast.QueryDocument) *ast.Schema {
	return s.materialize(doc, false)
}

// materialize with full set gives every named type all its fields and values, so
// that messages can suggest names; the verdicts are the same.
func (s *Schema) materialize(doc *ast.QueryDocument, full bool) *ast.Schema {
	m := materializer{
		schema: s,
		full:   full,
		types:  make(map[string]*made, 16),
		out: &ast.Schema{
			Types:         make(map[string]*ast.Definition, 24),
			Directives:    directivesByName,
			PossibleTypes: map[string][]*ast.Definition{},
		},
	}
	m.typ("Boolean") // for @skip and @include
	m.typ("String")  // for __typename
	m.out.Query = m.typ(queryName).def
	for _, op := range doc.Operations {
		root := queryName
		switch op.Operation {
		case ast.Mutation:
			root = mutationName
		case ast.Subscription:
			root = subscriptionName
		}
		parent := m.typ(root)
		if parent != nil {
			switch op.Operation {
			case ast.Mutation:
				m.out.Mutation = parent.def
			case ast.Subscription:
				m.out.Subscription = parent.def
			}
		}
		for _, v := range op.VariableDefinitions {
			m.typ(v.Type.Name())
			if v.DefaultValue != nil {
				m.value(v.Type.Name(), v.DefaultValue)
			}
		}
		m.selections(parent, op.SelectionSet)
	}
	for _, f := range doc.Fragments {
		m.selections(m.typ(f.TypeCondition), f.SelectionSet)
	}
	return m.out
}

// materializer collects the types of one document.
type materializer struct {
	schema *Schema
	out    *ast.Schema
	types  map[string]*made
	full   bool
}

// made is a type that the document names, with what was built of it so far.
type made struct {
	definition
	def      *ast.Definition
	complete bool // nothing can be added
}

// typ is the type of a name; nil when the API has none.
func (m *materializer) typ(name string) *made {
	if t, ok := m.types[name]; ok {
		return t
	}
	d, ok := m.schema.definition(name)
	if !ok {
		m.types[name] = nil
		return nil
	}
	t := &made{definition: d, def: d.static, complete: d.static != nil}
	m.types[name] = t
	if t.def == nil {
		t.def = &ast.Definition{Kind: d.kind, Name: d.name}
	}
	m.out.Types[name] = t.def
	switch {
	case d.form == formIntrospection:
		for _, def := range introspectionOrder {
			m.out.Types[def.Name] = def
		}
		m.possible(name, t.def)
	case d.kind == ast.Object:
		if d.isNode() {
			t.def.Interfaces = nodeInterfaces
			m.possible(nodeName, t.def)
		}
		m.possible(name, t.def)
	case d.kind == ast.Interface:
		m.possible(name, t.def) // so that the interface meets itself, also without types
	}
	if m.full && !t.complete {
		m.fill(t)
	}
	return t
}

var nodeInterfaces = []string{nodeName}

func (m *materializer) possible(name string, def *ast.Definition) {
	m.out.PossibleTypes[name] = append(m.out.PossibleTypes[name], def)
}

// fill adds everything that a type has.
func (m *materializer) fill(t *made) {
	t.complete = true
	switch t.kind {
	case ast.Enum:
		for v := range m.schema.values(t.definition) {
			t.def.EnumValues = append(t.def.EnumValues, &ast.EnumValueDefinition{Name: v.name})
		}
	case ast.InputObject:
		for in := range m.schema.inputs(m.schema.inputsOf(t.definition)) {
			t.def.Fields = append(t.def.Fields, inputField(in))
		}
	case ast.Object, ast.Interface:
		for f := range m.schema.fields(t.definition) {
			t.def.Fields = append(t.def.Fields, m.fullField(f))
		}
		if t.form == formQuery {
			for _, name := range []string{"__schema", "__type"} {
				t.def.Fields = append(t.def.Fields, m.fullField(metaFields[name]))
			}
		}
	}
}

func (m *materializer) fullField(f field) *ast.FieldDefinition {
	def := &ast.FieldDefinition{Name: f.name, Type: f.typ.Type()}
	for in := range m.schema.inputs(f.args) {
		def.Arguments = append(def.Arguments, argument(in))
	}
	return def
}

func inputField(in input) *ast.FieldDefinition {
	return &ast.FieldDefinition{Name: in.name, Type: in.typ.Type(), DefaultValue: in.def}
}

func argument(in input) *ast.ArgumentDefinition {
	return &ast.ArgumentDefinition{Name: in.name, Type: in.typ.Type(), DefaultValue: in.def}
}

func (m *materializer) selections(parent *made, set ast.SelectionSet) {
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			m.field(parent, selection)
		case *ast.InlineFragment:
			inner := parent
			if selection.TypeCondition != "" {
				inner = m.typ(selection.TypeCondition)
			}
			m.selections(inner, selection.SelectionSet)
		}
	}
}

func (m *materializer) field(parent *made, node *ast.Field) {
	if parent == nil || node.Name == "__typename" || !isComposite(parent.kind) {
		m.selections(nil, node.SelectionSet)
		return
	}
	f, ok := m.schema.field(parent.definition, node.Name)
	if !ok {
		m.selections(nil, node.SelectionSet)
		return
	}
	def := parent.def.Fields.ForName(node.Name)
	if def == nil {
		def = &ast.FieldDefinition{Name: f.name, Type: f.typ.Type()}
		m.requiredArguments(def, f.args)
		parent.def.Fields = append(parent.def.Fields, def)
	}
	for _, arg := range node.Arguments {
		in, ok := m.schema.input(f.args, arg.Name)
		if !ok {
			continue
		}
		if def.Arguments.ForName(arg.Name) == nil {
			def.Arguments = append(def.Arguments, argument(in))
		}
		m.value(in.typ.Name, arg.Value)
	}
	m.selections(m.typ(f.typ.Name), node.SelectionSet)
}

func isComposite(kind ast.DefinitionKind) bool { return kind == ast.Object || kind == ast.Interface }

// requiredArguments adds the arguments whose absence a rule reports.
func (m *materializer) requiredArguments(def *ast.FieldDefinition, args inputs) {
	for in := range m.schema.expected(args) {
		def.Arguments = append(def.Arguments, argument(in))
	}
}

// value adds what a literal of the named type names.
func (m *materializer) value(typ string, v *ast.Value) {
	t := m.typ(typ)
	if t == nil {
		return
	}
	switch v.Kind {
	case ast.ListValue:
		for _, child := range v.Children {
			m.value(typ, child.Value)
		}
	case ast.EnumValue:
		if t.kind == ast.Enum && !t.complete && t.def.EnumValues.ForName(v.Raw) == nil && m.schema.hasValue(t.definition, v.Raw) {
			t.def.EnumValues = append(t.def.EnumValues, &ast.EnumValueDefinition{Name: v.Raw})
		}
	case ast.ObjectValue:
		if t.kind != ast.InputObject {
			return
		}
		in := m.schema.inputsOf(t.definition)
		if len(t.def.Fields) == 0 && !t.complete {
			for one := range m.schema.expected(in) {
				t.def.Fields = append(t.def.Fields, inputField(one))
			}
		}
		for _, child := range v.Children {
			one, ok := m.schema.input(in, child.Name)
			if !ok {
				continue
			}
			if !t.complete && t.def.Fields.ForName(child.Name) == nil {
				t.def.Fields = append(t.def.Fields, inputField(one))
			}
			m.value(one.typ.Name, child.Value)
		}
	}
}
