package compiledschema

import (
	"iter"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"icehouse/dataplane/datamodel"
)

// form is what a generated type is for.
type form uint8

const (
	formQuery form = iota
	formMutation
	formSubscription
	formNode
	formScalar
	formEnum
	formMutationKind
	formQueryMeta
	formModel
	formResolverPayload
	formRelationPayload
	formCreate
	formUpdate
	formNested
	formFilter
	formOrderBy
	formPreviousValues
	formSubscriptionPayload
	formSubscriptionFilter
	formSubscriptionFilterNode
	formIntrospection

	formViewer
	formPageInfo
	formConnection
	formEdge
	formCreatePayload
	formUpdatePayload
	formUpdateOrCreatePayload
	formDeletePayload
	formCreateInput
	formUpdateInput
	formUpdateOrCreateInput
	formDeleteInput
	formRelationInput
)

// The names that do not depend on a model.
const (
	queryName        = "Query"
	mutationName     = "Mutation"
	subscriptionName = "Subscription"
	nodeName         = "Node"
	mutationKindName = "_ModelMutationType"
	queryMetaName    = "_QueryMeta"
	viewerName       = "Viewer"
	pageInfoName     = "PageInfo"
)

// definition is one type of the API: what a type name means. Only what its form
// needs is set.
type definition struct {
	form     form
	kind     ast.DefinitionKind
	name     string
	model    *model              // the type that it belongs to
	field    *datamodel.Field    // formNested: the relation field over which nodes are created
	relation *datamodel.Relation // formRelationPayload, formRelationInput
	enum     *datamodel.Enum     // formEnum
	resolver *Resolver           // formResolverPayload
	static   *ast.Definition     // formScalar, formIntrospection: the same for every project
}

// modelForm names the types that exist once a model: prefix, type name, suffix.
type modelForm struct {
	form           form
	kind           ast.DefinitionKind
	prefix, suffix string
}

// modelForms are, by API, in the order of the printed schema (data-api §11.2,
// §11.3).
var modelForms = [...][]modelForm{
	Simple: {
		{formModel, ast.Object, "", ""},
		{formCreate, ast.InputObject, "Create", ""},
		{formUpdate, ast.InputObject, "Update", ""},
		{formFilter, ast.InputObject, "", filterSuffix},
		{formOrderBy, ast.Enum, "", "OrderBy"},
		{formPreviousValues, ast.Object, "", "PreviousValues"},
		{formSubscriptionPayload, ast.Object, "", "SubscriptionPayload"},
		{formSubscriptionFilter, ast.InputObject, "", "SubscriptionFilter"},
		{formSubscriptionFilterNode, ast.InputObject, "", "SubscriptionFilterNode"},
	},
	Relay: {
		{formModel, ast.Object, "", ""},
		{formConnection, ast.Object, "", "Connection"},
		{formEdge, ast.Object, "", "Edge"},
		{formCreatePayload, ast.Object, "Create", payloadSuffix},
		{formUpdatePayload, ast.Object, "Update", payloadSuffix},
		{formUpdateOrCreatePayload, ast.Object, "UpdateOrCreate", payloadSuffix},
		{formDeletePayload, ast.Object, "Delete", payloadSuffix},
		{formCreateInput, ast.InputObject, "Create", inputSuffix},
		{formUpdateInput, ast.InputObject, "Update", inputSuffix},
		{formUpdateOrCreateInput, ast.InputObject, "UpdateOrCreate", inputSuffix},
		{formDeleteInput, ast.InputObject, "Delete", inputSuffix},
		{formCreate, ast.InputObject, "Create", ""},
		{formUpdate, ast.InputObject, "Update", ""},
		{formFilter, ast.InputObject, "", filterSuffix},
		{formOrderBy, ast.Enum, "", "OrderBy"},
	},
	Existential: {
		{formFilter, ast.InputObject, "", filterSuffix},
		{formOrderBy, ast.Enum, "", "OrderBy"},
	},
}

const (
	filterSuffix  = "Filter"
	payloadSuffix = "Payload"
	inputSuffix   = "Input"
)

// signupName is the input of createUser in the Relay API (data-api §3.3): it was a
// signup of its own once.
const signupName = "Signup" + userType + inputSuffix

func (f modelForm) name(m *model) string {
	switch {
	case f.form == formFilter:
		return m.filter
	case f.form == formCreateInput && m.Name == userType:
		return signupName
	}
	return f.prefix + m.Name + f.suffix
}

func (f modelForm) of(m *model) definition {
	return definition{form: f.form, kind: f.kind, name: f.name(m), model: m}
}

// find is the model of whose type this is the name.
func (f modelForm) find(s *Schema, name string) *model {
	if f.form == formCreateInput && s.user != nil {
		switch name {
		case signupName:
			return s.user
		case f.prefix + userType + f.suffix:
			return nil
		}
	}
	return s.modelBetween(name, f.prefix, f.suffix)
}

// has says whether the form exists for the model: an input type without fields
// does not (data-api §2.7).
func (s *Schema) has(f form, m *model) bool {
	return f != formCreate || !s.isEmpty(createInputs(m))
}

// typeName is the name of a model's type of the given form.
func typeName(f form, m *model) string {
	for _, forms := range modelForms {
		for _, candidate := range forms {
			if candidate.form == f {
				return candidate.name(m)
			}
		}
	}
	panic("compiledschema: not a form of models")
}

// nestedName is the name of the input type that creates nodes over a relation
// field: <ParentType><parentFieldName><ChildType>. A self relation with two
// fields uses the field of side B for both (data-api §2.7).
func nestedName(f *datamodel.Field) string {
	parent := f.Type.Name
	if f.Relation.A().Type == f.Relation.B().Type {
		f = f.Relation.B()
	}
	return parent + f.Name + f.Target().Name
}

// hasNested says whether nodes can be created over a relation field: not when
// the created node would have nothing to write (data-api §2.7).
func (s *Schema) hasNested(f *datamodel.Field) bool {
	return !s.isEmpty(s.nestedInputs(f))
}

// payloadName is the name of a relation mutation's payload type (data-api §2.9).
func payloadName(kind RootKind, r *datamodel.Relation) string {
	return strings.ToUpper(rootPrefix(kind)[:1]) + rootPrefix(kind)[1:] + r.Name + payloadSuffix
}

// relationInputName is the name of a relation mutation's input type in the Relay
// API. That of set begins like that of addTo: the name is in the artifacts of all
// clients (LQ-D39).
func relationInputName(kind RootKind, r *datamodel.Relation) string {
	if kind == RootSet {
		kind = RootAddTo
	}
	return strings.ToUpper(rootPrefix(kind)[:1]) + rootPrefix(kind)[1:] + r.Name + r.A().Type.Name + inputSuffix
}

// definitions are all types of the API in the order of the printed schema
// (data-api §11.2), without the types that GraphQL itself defines.
func (s *Schema) definitions() iter.Seq[definition] {
	return func(yield func(definition) bool) {
		for _, name := range []string{queryName, mutationName, subscriptionName, nodeName, viewerName, pageInfoName} {
			if d, ok := s.fixed(name); ok && !yield(d) {
				return
			}
		}
		for _, name := range customScalars {
			if d, ok := s.scalar(name); ok && !yield(d) {
				return
			}
		}
		for _, e := range s.enums {
			if !yield(enumDefinition(e)) {
				return
			}
		}
		for _, name := range []string{mutationKindName, queryMetaName} {
			if d, ok := s.fixed(name); ok && !yield(d) {
				return
			}
		}
		for _, f := range modelForms[s.api] {
			for _, m := range s.models {
				if s.has(f.form, m) && !yield(f.of(m)) {
					return
				}
			}
			switch f.form {
			case formModel: // these payloads stand behind the models
				for _, r := range s.resolvers {
					if !yield(s.resolverDefinition(r)) {
						return
					}
				}
				for root := range s.relationRoots() {
					if !yield(relationDefinition(root)) {
						return
					}
				}
			case formDeleteInput:
				for root := range s.relationRoots() {
					if !yield(relationInputDefinition(root)) {
						return
					}
				}
			case formUpdate:
				for d := range s.nestedDefinitions() {
					if !yield(d) {
						return
					}
				}
			}
		}
	}
}

// nestedDefinitions are the nested create types, by type, to-one fields first.
// The two fields of a self relation share one.
func (s *Schema) nestedDefinitions() iter.Seq[definition] {
	return func(yield func(definition) bool) {
		for _, m := range s.models {
			for _, list := range []bool{false, true} {
				for _, f := range m.fields {
					if !f.IsRelation() || f.List != list || !s.hasNested(f) || s.isTwin(f) {
						continue
					}
					if !yield(nestedDefinition(m, f)) {
						return
					}
				}
			}
		}
	}
}

// isTwin says that the other field of a self relation already gave the nested
// type that this one uses.
func (s *Schema) isTwin(f *datamodel.Field) bool {
	r := f.Relation
	return r.A().Type == r.B().Type && !r.SameField() && f.Side == datamodel.SideA
}

func nestedDefinition(m *model, f *datamodel.Field) definition {
	return definition{form: formNested, kind: ast.InputObject, name: nestedName(f), model: m, field: f}
}

func enumDefinition(e *datamodel.Enum) definition {
	return definition{form: formEnum, kind: ast.Enum, name: e.Name, enum: e}
}

func (s *Schema) resolverDefinition(r *Resolver) definition {
	return definition{form: formResolverPayload, kind: ast.Object, name: s.PayloadName(r), resolver: r}
}

func relationDefinition(root Root) definition {
	return definition{form: formRelationPayload, kind: ast.Object, name: payloadName(root.Kind, root.Relation), relation: root.Relation}
}

func relationInputDefinition(root Root) definition {
	return definition{form: formRelationInput, kind: ast.InputObject, name: relationInputName(root.Kind, root.Relation), relation: root.Relation}
}

// fixed looks up the types whose names do not depend on a model.
func (s *Schema) fixed(name string) (definition, bool) {
	if s.api == Existential {
		return definition{form: formQuery, kind: ast.Object, name: name}, name == queryName
	}
	hasModels, simple := len(s.models) > 0, s.api == Simple
	switch name {
	case queryName:
		return definition{form: formQuery, kind: ast.Object, name: name}, true
	case mutationName:
		return definition{form: formMutation, kind: ast.Object, name: name}, hasModels || s.hasResolver(true)
	case subscriptionName:
		return definition{form: formSubscription, kind: ast.Object, name: name}, simple && hasModels
	case nodeName:
		return definition{form: formNode, kind: ast.Interface, name: name}, true
	case mutationKindName:
		return definition{form: formMutationKind, kind: ast.Enum, name: name}, simple && hasModels
	case queryMetaName:
		return definition{form: formQueryMeta, kind: ast.Object, name: name}, simple && hasModels
	case viewerName:
		return definition{form: formViewer, kind: ast.Object, name: name}, !simple
	case pageInfoName:
		return definition{form: formPageInfo, kind: ast.Object, name: name}, !simple && hasModels
	}
	return definition{}, false
}

// definition parses a type name back to what it means.
func (s *Schema) definition(name string) (definition, bool) {
	if strings.HasPrefix(name, "__") {
		if static := introspectionTypes[name]; static != nil {
			return definition{form: formIntrospection, kind: static.Kind, name: name, static: static}, true
		}
		return definition{}, false
	}
	if d, ok := s.fixed(name); ok {
		return d, true
	}
	if d, ok := s.scalar(name); ok {
		return d, true
	}
	for _, f := range modelForms[s.api] {
		if m := f.find(s, name); m != nil && s.has(f.form, m) {
			return f.of(m), true
		}
	}
	if e := s.enum(name); e != nil {
		return enumDefinition(e), true
	}
	if s.api == Existential {
		return definition{}, false
	}
	for _, r := range s.resolvers {
		if s.PayloadName(r) == name {
			return s.resolverDefinition(r), true
		}
	}
	if d, ok := s.relationPayload(name); ok {
		return d, true
	}
	if d, ok := s.relationInput(name); ok {
		return d, true
	}
	return s.nested(name)
}

// isNode says that a type implements Node. Viewer does, so that clients can fetch
// it again by its id (LQ-D37).
func (d definition) isNode() bool { return d.form == formModel || d.form == formViewer }

// modelBetween finds the model whose name stands between prefix and suffix.
func (s *Schema) modelBetween(name, prefix, suffix string) *model {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return nil
	}
	if rest, ok = strings.CutSuffix(rest, suffix); !ok {
		return nil
	}
	return s.modelNamed(rest)
}

func (s *Schema) relationPayload(name string) (definition, bool) {
	rest, ok := strings.CutSuffix(name, payloadSuffix)
	if !ok || rest == "" {
		return definition{}, false
	}
	rest = strings.ToLower(rest[:1]) + rest[1:] // the mutation's name
	root, ok := s.MutationRoot(rest)
	if !ok || root.Relation == nil {
		return definition{}, false
	}
	d := relationDefinition(root)
	return d, d.name == name
}

// relationInput finds the relation whose input type has the name, by trying the
// relations whose mutations the name can begin with.
func (s *Schema) relationInput(name string) (definition, bool) {
	if s.api != Relay || !strings.HasSuffix(name, inputSuffix) {
		return definition{}, false
	}
	for root := range s.relationRoots() {
		if strings.HasSuffix(name[:len(name)-len(inputSuffix)], root.Relation.A().Type.Name) && relationInputName(root.Kind, root.Relation) == name {
			return relationInputDefinition(root), true
		}
	}
	return definition{}, false
}

// nested finds the relation field that a nested create type is for, by trying
// every type name that the name can begin with.
func (s *Schema) nested(name string) (definition, bool) {
	for end := 1; end < len(name); end++ {
		m := s.modelNamed(name[:end])
		if m == nil {
			continue
		}
		for _, f := range m.fields {
			if f.IsRelation() && !s.isTwin(f) && nestedFits(f, name[end:]) && s.hasNested(f) {
				return nestedDefinition(m, f), true
			}
		}
	}
	return definition{}, false
}

// nestedFits says that nestedName(f) is its type's name and rest, without
// building the name.
func nestedFits(f *datamodel.Field, rest string) bool {
	rest, ok := strings.CutPrefix(rest, f.Name)
	return ok && rest == f.Target().Name
}

// enumValue is one value of an enum type.
type enumValue struct{ name, description string }

// values are the values of an enum type in order.
func (s *Schema) values(d definition) iter.Seq[enumValue] {
	return func(yield func(enumValue) bool) {
		switch d.form {
		case formEnum:
			for _, v := range d.enum.Values {
				if !yield(enumValue{name: v}) {
					return
				}
			}
		case formMutationKind:
			for _, v := range mutationKinds {
				if !yield(enumValue{name: v}) {
					return
				}
			}
		case formOrderBy:
			for _, f := range d.model.fields {
				if isSortable(f) && (!yield(enumValue{name: f.Name + ascending}) || !yield(enumValue{name: f.Name + descending})) {
					return
				}
			}
		case formIntrospection:
			for _, v := range d.static.EnumValues {
				if !yield(enumValue{name: v.Name, description: v.Description}) {
					return
				}
			}
		}
	}
}

// hasValue says whether an enum type has a value.
func (s *Schema) hasValue(d definition, value string) bool {
	if d.form == formOrderBy {
		_, _, ok := s.OrderBy(d.model.Type, value)
		return ok
	}
	for v := range s.values(d) {
		if v.name == value {
			return true
		}
	}
	return false
}

// mutationKinds are the values of _ModelMutationType (data-api §4.1).
var mutationKinds = []string{"CREATED", "UPDATED", "DELETED"}

// customScalars are the scalars that the SDL declares, in its order.
var customScalars = []string{"DateTime", "Json", "Password"}

// builtInScalars are the scalars of GraphQL itself.
var builtInScalars = []string{"Boolean", "Float", "ID", "Int", "String"}

// scalar looks up a scalar that the API uses.
func (s *Schema) scalar(name string) (definition, bool) {
	if scalar := datamodel.ScalarNamed(name); scalar == datamodel.NotScalar || !s.scalars.has(scalar) {
		return definition{}, false
	}
	return definition{form: formScalar, kind: ast.Scalar, name: name, static: scalarTypes[name]}, true
}

// scalarSet is a set of the data model's scalars.
type scalarSet uint16

func (set scalarSet) has(s datamodel.Scalar) bool { return set&(1<<s) != 0 }
func (set *scalarSet) add(s datamodel.Scalar)     { *set |= 1 << s }
