package compiledschema

import (
	"iter"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"icehouse/dataplane/coercion"
	"icehouse/dataplane/datamodel"
)

// inputs is a list of input values: the arguments of a field or the fields of an
// input object. Both are the same lists, since createPost takes as arguments what
// CreatePost has as fields (data-api §2.7).
type inputs struct {
	form     inputForm
	model    *model
	relation *datamodel.Relation // inputsRelation; inputsCreate: to-one fields over it are left out
	resolver *Resolver
	static   ast.ArgumentDefinitionList
	name     string // inputsInput: the type of the one argument
	wrapped  bool   // the fields of a Relay input: clientMutationId comes last
}

type inputForm uint8

const (
	inputsNone inputForm = iota
	inputsID
	inputsList
	inputsToOne
	inputsUnique
	inputsCreate
	inputsUpdate
	inputsUpdateOrCreate
	inputsRelation
	inputsInput
	inputsSubscription
	inputsFilter
	inputsSubscriptionFilter
	inputsSubscriptionFilterNode
	inputsResolver
	inputsStatic
)

// input is one argument or input field.
type input struct {
	name        string
	typ         coercion.Ref
	def         *ast.Value // the default; nil: none
	description string
}

func listInputs(m *model) inputs   { return inputs{form: inputsList, model: m} }
func createInputs(m *model) inputs { return inputs{form: inputsCreate, model: m} }

// nestedInputs are the fields of the nested create type over a relation field.
func (s *Schema) nestedInputs(f *datamodel.Field) inputs {
	return inputs{form: inputsCreate, model: s.modelOf(f.Target()), relation: f.Relation}
}

// inputsOf are the fields of an input object type.
func (s *Schema) inputsOf(d definition) inputs {
	switch d.form {
	case formCreate:
		return createInputs(d.model)
	case formUpdate:
		return inputs{form: inputsUpdate, model: d.model}
	case formCreateInput:
		return wrapped(createInputs(d.model))
	case formUpdateInput:
		return wrapped(inputs{form: inputsUpdate, model: d.model})
	case formUpdateOrCreateInput:
		return wrapped(inputs{form: inputsUpdateOrCreate, model: d.model})
	case formDeleteInput:
		return wrapped(inputs{form: inputsID})
	case formRelationInput:
		return wrapped(inputs{form: inputsRelation, relation: d.relation})
	case formNested:
		return s.nestedInputs(d.field)
	case formFilter:
		return inputs{form: inputsFilter, model: d.model}
	case formSubscriptionFilter:
		return inputs{form: inputsSubscriptionFilter, model: d.model}
	case formSubscriptionFilterNode:
		return inputs{form: inputsSubscriptionFilterNode, model: d.model}
	}
	return inputs{}
}

// wrapped makes the arguments of a mutation the fields of its Relay input.
func wrapped(in inputs) inputs {
	in.wrapped = true
	return in
}

// mutationID is what every Relay input has (data-api §3.3).
var mutationID = input{name: MutationIDField, typ: coercion.Ref{Name: "String", Wrap: coercion.Required}}

// inputs lists the values in order.
func (s *Schema) inputs(in inputs) iter.Seq[input] {
	if !in.wrapped {
		return s.ownInputs(in)
	}
	return func(yield func(input) bool) {
		for one := range s.ownInputs(in) {
			if !yield(one) {
				return
			}
		}
		yield(mutationID)
	}
}

func (s *Schema) ownInputs(in inputs) iter.Seq[input] {
	return func(yield func(input) bool) {
		switch in.form {
		case inputsCreate, inputsUpdate:
			for key := range s.inputKeys(in) {
				if !yield(s.keyInput(in, key, key.name())) {
					return
				}
			}
		case inputsFilter, inputsSubscriptionFilterNode:
			self := in.model.filter
			if in.form == inputsFilter {
				for _, kind := range []FilterKind{FilterAnd, FilterOr} {
					key := FilterKey{Kind: kind}
					if !yield(input{name: key.name(), typ: s.filterType(self, key)}) {
						return
					}
				}
			}
			for key := range in.model.filterKeys() {
				if !yield(input{name: key.name(), typ: s.filterType(self, key)}) {
					return
				}
			}
		case inputsUnique:
			for f := range in.model.unique() {
				if !yield(input{name: f.Name, typ: coercion.Ref{Name: ValueName(f)}}) {
					return
				}
			}
		case inputsResolver:
			for _, arg := range in.resolver.Field.Args {
				if !yield(input{name: arg.Name, typ: arg.Type, def: arg.Default}) {
					return
				}
			}
		case inputsStatic:
			for _, arg := range in.static {
				if !yield(input{name: arg.Name, typ: coercion.RefOf(arg.Type), def: arg.DefaultValue, description: arg.Description}) {
					return
				}
			}
		default:
			var few [7]input
			for _, one := range s.fewInputs(in, few[:0]) {
				if !yield(one) {
					return
				}
			}
		}
	}
}

// fewInputs are the lists that always have the same few values.
func (s *Schema) fewInputs(in inputs, dst []input) []input {
	add := func(name, typ string, wrap coercion.Wrap) {
		dst = append(dst, input{name: name, typ: coercion.Ref{Name: typ, Wrap: wrap}})
	}
	switch in.form {
	case inputsID:
		add("id", "ID", coercion.Required)
	case inputsInput: // data-api §3.3
		add("input", in.name, coercion.Required)
	case inputsToOne: // data-api §2.2
		add("filter", in.model.filter, coercion.Nullable)
	case inputsList: // data-api §2.4
		add("filter", in.model.filter, coercion.Nullable)
		add("orderBy", typeName(formOrderBy, in.model), coercion.Nullable)
		add("skip", "Int", coercion.Nullable)
		add("after", "String", coercion.Nullable)
		add("before", "String", coercion.Nullable)
		add("first", "Int", coercion.Nullable)
		add("last", "Int", coercion.Nullable)
	case inputsUpdateOrCreate: // data-api §2.7
		add("update", typeName(formUpdate, in.model), coercion.Required)
		if s.has(formCreate, in.model) {
			add("create", typeName(formCreate, in.model), coercion.Required)
		}
	case inputsRelation: // data-api §2.9
		aName, bName := s.RelationNames(in.relation)
		add(aName+idSuffix, "ID", coercion.Required)
		add(bName+idSuffix, "ID", coercion.Required)
	case inputsSubscription: // data-api §4.1
		add("filter", typeName(formSubscriptionFilter, in.model), coercion.Nullable)
	case inputsSubscriptionFilter:
		self := typeName(formSubscriptionFilter, in.model)
		add("AND", self, coercion.ListOf)
		add("OR", self, coercion.ListOf)
		add("mutation_in", mutationKindName, coercion.ListOf)
		add("updatedFields_contains", "String", coercion.Nullable)
		add("updatedFields_contains_every", "String", coercion.ListOf)
		add("updatedFields_contains_some", "String", coercion.ListOf)
		add("node", typeName(formSubscriptionFilterNode, in.model), coercion.Nullable)
	}
	return dst
}

// input looks one value up.
func (s *Schema) input(in inputs, name string) (input, bool) {
	if in.wrapped && name == MutationIDField {
		return mutationID, true
	}
	switch in.form {
	case inputsNone:
		return input{}, false
	case inputsCreate, inputsUpdate:
		key, ok := s.inputKey(in, name)
		if !ok {
			return input{}, false
		}
		return s.keyInput(in, key, name), true
	case inputsFilter, inputsSubscriptionFilterNode:
		key, ok := s.FilterKey(in.model.Type, name)
		if !ok || in.form == inputsSubscriptionFilterNode && key.Field == nil {
			return input{}, false
		}
		return input{name: name, typ: s.filterType(in.model.filter, key)}, true
	}
	for one := range s.inputs(in) {
		if one.name == name {
			return one, true
		}
	}
	return input{}, false
}

// isEmpty says that a list has no values.
func (s *Schema) isEmpty(in inputs) bool {
	for range s.inputKeys(in) {
		return false
	}
	return true
}

// InputKind is what a key of a create, update or nested input does (data-api §2.7,
// §2.10).
type InputKind uint8

// The kinds.
const (
	InputScalar      InputKind = iota // a scalar, an enum value or a list of them
	InputID                           // the id of the node to update
	InputConnect                      // authorId: connect to an existing node
	InputConnectMany                  // booksIds
	InputCreate                       // author: create a node and connect to it
	InputCreateMany                   // books
)

// InputKey is the meaning of one key of a create, update or nested input.
type InputKey struct {
	Kind  InputKind
	Field *datamodel.Field
}

const (
	idSuffix  = "Id"
	idsSuffix = "Ids"
)

// InputKey looks a key up that some input of the type has: create, update or
// nested. Which keys one of them leaves out, validation has checked.
func (s *Schema) InputKey(t *datamodel.Type, key string) (InputKey, bool) {
	return s.inputKey(inputs{form: inputsUpdate, model: s.modelOf(t)}, key)
}

func (s *Schema) inputKey(in inputs, name string) (InputKey, bool) {
	t := in.model.Type
	if f := t.Field(name); f != nil {
		key := InputKey{Kind: directKind(f), Field: f}
		return key, s.hasKey(in, key)
	}
	for _, connect := range []struct {
		suffix string
		kind   InputKind
	}{{idsSuffix, InputConnectMany}, {idSuffix, InputConnect}} {
		if base, ok := strings.CutSuffix(name, connect.suffix); ok {
			if f := t.Field(base); f != nil && f.IsRelation() && f.List == (connect.kind == InputConnectMany) {
				key := InputKey{Kind: connect.kind, Field: f}
				return key, s.hasKey(in, key)
			}
		}
	}
	return InputKey{}, false
}

// directKind is the kind of the key that has the field's own name.
func directKind(f *datamodel.Field) InputKind {
	switch {
	case f.IsRelation() && f.List:
		return InputCreateMany
	case f.IsRelation():
		return InputCreate
	case f.Name == "id":
		return InputID
	default:
		return InputScalar
	}
}

// hasKey says whether an input has a key (data-api §2.7).
func (s *Schema) hasKey(in inputs, key InputKey) bool {
	switch key.Kind {
	case InputID:
		return in.form == inputsUpdate
	case InputScalar:
		return !key.Field.IsSystem()
	}
	if !key.Field.List && key.Field.Relation == in.relation {
		return false // the way back
	}
	connects := key.Kind == InputConnect || key.Kind == InputConnectMany
	return connects || s.hasNested(key.Field)
}

// inputKeys are the keys of an input in order: scalars, to-one fields, to-many
// fields (data-api §2.7).
func (s *Schema) inputKeys(in inputs) iter.Seq[InputKey] {
	return func(yield func(InputKey) bool) {
		for _, f := range in.model.fields {
			key := InputKey{Kind: directKind(f), Field: f}
			if !f.IsRelation() && s.hasKey(in, key) && !yield(key) {
				return
			}
		}
		for _, connect := range []InputKind{InputConnect, InputConnectMany} {
			for _, f := range in.model.fields {
				if !f.IsRelation() || f.List != (connect == InputConnectMany) {
					continue
				}
				for _, kind := range []InputKind{connect, directKind(f)} {
					key := InputKey{Kind: kind, Field: f}
					if s.hasKey(in, key) && !yield(key) {
						return
					}
				}
			}
		}
	}
}

// name is the key in the input type.
func (k InputKey) name() string {
	switch k.Kind {
	case InputConnect:
		return k.Field.Name + idSuffix
	case InputConnectMany:
		return k.Field.Name + idsSuffix
	default:
		return k.Field.Name
	}
}

// keyInput is the argument or input field of a key.
func (s *Schema) keyInput(in inputs, key InputKey, name string) input {
	f := key.Field
	one := input{name: name}
	switch key.Kind {
	case InputID:
		one.typ = coercion.Ref{Name: "ID", Wrap: coercion.Required}
	case InputConnect:
		one.typ = coercion.Ref{Name: "ID"}
	case InputConnectMany:
		one.typ = coercion.Ref{Name: "ID", Wrap: coercion.ListOf}
	case InputCreate:
		one.typ = coercion.Ref{Name: nestedName(f)}
	case InputCreateMany:
		one.typ = coercion.Ref{Name: nestedName(f), Wrap: coercion.ListOf}
	default:
		one.typ = coercion.Ref{Name: ValueName(f), Wrap: wrapOf(f)}
		if in.form == inputsUpdate || f.Default != nil { // may be left out
			one.typ.Wrap = coercion.Nullable
			if f.List {
				one.typ.Wrap = coercion.ListOf
			}
		}
	}
	return one
}
