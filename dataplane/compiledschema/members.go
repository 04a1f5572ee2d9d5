package compiledschema

import (
	"iter"
	"strings"

	"icehouse/dataplane/coercion"
	"icehouse/dataplane/datamodel"
)

// field is one output field: its type, its arguments and, where the planner asks
// for it, its meaning.
type field struct {
	name        string
	typ         coercion.Ref
	args        inputs
	description string
}

// MemberKind is what a field of a model type gives (data-api §2.2).
type MemberKind uint8

// The kinds.
const (
	MemberScalar MemberKind = iota // a scalar, an enum value or a list of them
	MemberToOne
	MemberToMany
	MemberMeta // _postsMeta: the count of a to-many field
)

// Member is the meaning of a field of a model type.
type Member struct {
	Kind  MemberKind
	Field *datamodel.Field // for MemberMeta the to-many field
}

// metaPrefix and metaSuffix stand around a to-many field's name.
const (
	metaPrefix = "_"
	metaSuffix = "Meta"
)

// Member looks an output field of a model type up.
func (s *Schema) Member(t *datamodel.Type, name string) (Member, bool) {
	if f := t.Field(name); f != nil {
		return Member{Kind: memberKind(f), Field: f}, true
	}
	if s.api == Relay { // counts are part of connections
		return Member{}, false
	}
	if !strings.HasPrefix(name, metaPrefix) || !strings.HasSuffix(name, metaSuffix) || len(name) <= len(metaPrefix)+len(metaSuffix) {
		return Member{}, false
	}
	f := t.Field(name[len(metaPrefix) : len(name)-len(metaSuffix)])
	if f == nil || !f.IsRelation() || !f.List {
		return Member{}, false
	}
	return Member{Kind: MemberMeta, Field: f}, true
}

func memberKind(f *datamodel.Field) MemberKind {
	switch {
	case !f.IsRelation():
		return MemberScalar
	case f.List:
		return MemberToMany
	default:
		return MemberToOne
	}
}

// members are the fields of a model type in order: those of the type, then, in
// the Simple API, the counts of its to-many fields (data-api §2.2).
func (s *Schema) members(m *model) iter.Seq[Member] {
	return func(yield func(Member) bool) {
		for _, f := range m.fields {
			if !yield(Member{Kind: memberKind(f), Field: f}) {
				return
			}
		}
		if s.api == Relay {
			return
		}
		for _, f := range m.fields {
			if f.IsRelation() && f.List && !yield(Member{Kind: MemberMeta, Field: f}) {
				return
			}
		}
	}
}

// memberField is the type and the arguments of a model type's field.
func (s *Schema) memberField(member Member) field {
	f := member.Field
	switch member.Kind {
	case MemberToOne:
		target := s.modelOf(f.Target())
		return field{name: f.Name, typ: coercion.Ref{Name: target.Name, Wrap: wrapOf(f)}, args: inputs{form: inputsToOne, model: target}}
	case MemberToMany:
		target := s.modelOf(f.Target())
		typ := coercion.Ref{Name: target.Name, Wrap: coercion.ListOf}
		if s.api == Relay {
			typ = coercion.Ref{Name: typeName(formConnection, target)}
		}
		return field{name: f.Name, typ: typ, args: listInputs(target)}
	case MemberMeta:
		return field{
			name: metaPrefix + f.Name + metaSuffix,
			typ:  coercion.Ref{Name: queryMetaName, Wrap: coercion.Required},
			args: listInputs(s.modelOf(f.Target())),
		}
	default:
		return field{name: f.Name, typ: coercion.Ref{Name: ValueName(f), Wrap: wrapOf(f)}}
	}
}

// ValueName is the type name of a scalar or enum field's values.
func ValueName(f *datamodel.Field) string {
	if f.Enum != nil {
		return f.Enum.Name
	}
	return f.Scalar.String()
}

// wrapOf is the wrapping that the field has in the data model.
func wrapOf(f *datamodel.Field) coercion.Wrap {
	switch {
	case f.List && f.Required:
		return coercion.RequiredListOf
	case f.List:
		return coercion.ListOf
	case f.Required:
		return coercion.Required
	default:
		return coercion.Nullable
	}
}

// RelationNames are the names of a relation's two ends in its mutations: argument
// <name>Id and payload field <name> stand for the node found in that field
// (data-api §2.9).
func (s *Schema) RelationNames(r *datamodel.Relation) (aName, bName string) {
	a, b := r.A(), r.B()
	if r.SameField() {
		return a.Name + "1" + a.Type.Name, a.Name + "2" + a.Type.Name
	}
	return a.Name + b.Type.Name, b.Name + a.Type.Name
}

// fields are the fields of an object or interface type in order.
func (s *Schema) fields(d definition) iter.Seq[field] {
	return func(yield func(field) bool) {
		switch d.form {
		case formQuery, formMutation, formSubscription, formViewer:
			for name, root := range s.roots(d.form) {
				if !yield(s.rootField(name, root)) {
					return
				}
			}
		case formModel:
			for member := range s.members(d.model) {
				if !yield(s.memberField(member)) {
					return
				}
			}
		case formPreviousValues:
			for _, f := range d.model.fields {
				if !f.IsRelation() && !yield(s.memberField(Member{Field: f})) {
					return
				}
			}
		case formResolverPayload:
			for _, f := range d.resolver.Payload.Fields {
				if !yield(field{name: f.Name, typ: f.Type}) {
					return
				}
			}
		case formIntrospection:
			for _, f := range d.static.Fields {
				if !yield(staticField(f)) {
					return
				}
			}
		case formCreatePayload, formUpdatePayload, formUpdateOrCreatePayload, formDeletePayload, formRelationPayload:
			for p := range s.payloadFields(d) {
				if !yield(s.payloadField(d, p)) {
					return
				}
			}
		default:
			for _, f := range s.fixedFields(d) {
				if !yield(f) {
					return
				}
			}
		}
	}
}

// fixedFields are the fields of the types that always have the same few.
func (s *Schema) fixedFields(d definition) []field {
	named := func(name, typ string, wrap coercion.Wrap) field {
		return field{name: name, typ: coercion.Ref{Name: typ, Wrap: wrap}}
	}
	switch d.form {
	case formNode:
		return []field{named("id", "ID", coercion.Required)}
	case formQueryMeta:
		return []field{named("count", "Int", coercion.Required)}
	case formSubscriptionPayload: // data-api §4.1
		return []field{
			named("mutation", mutationKindName, coercion.Required),
			named("node", d.model.Name, coercion.Nullable),
			named("updatedFields", "String", coercion.ListOf),
			named("previousValues", typeName(formPreviousValues, d.model), coercion.Nullable),
		}
	case formPageInfo: // data-api §3.2
		return []field{
			named("hasNextPage", "Boolean", coercion.Required),
			named("hasPreviousPage", "Boolean", coercion.Required),
			named("startCursor", "String", coercion.Nullable),
			named("endCursor", "String", coercion.Nullable),
		}
	case formConnection:
		return []field{
			named("pageInfo", pageInfoName, coercion.Required),
			named("edges", typeName(formEdge, d.model), coercion.NullableItemsOf),
			named("count", "Int", coercion.Required),
		}
	case formEdge:
		return []field{named("node", d.model.Name, coercion.Required), named("cursor", "String", coercion.Required)}
	}
	return nil
}

// field looks a field of an object or interface type up.
func (s *Schema) field(d definition, name string) (field, bool) {
	switch d.form {
	case formQuery, formMutation, formSubscription, formViewer:
		if d.form == formQuery {
			if f, ok := metaFields[name]; ok {
				return f, true
			}
		}
		root, ok := s.root(d.form, name)
		if !ok {
			return field{}, false
		}
		return s.rootField(name, root), true
	case formModel:
		member, ok := s.Member(d.model.Type, name)
		if !ok {
			return field{}, false
		}
		return s.memberField(member), true
	}
	for f := range s.fields(d) {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

// isSortable says that a field can be ordered by (data-api §2.11).
func isSortable(f *datamodel.Field) bool { return !f.IsRelation() && !f.List }

const (
	ascending  = "_ASC"
	descending = "_DESC"
)

// OrderBy is the meaning of a value of <Type>OrderBy.
func (s *Schema) OrderBy(t *datamodel.Type, value string) (f *datamodel.Field, desc bool, ok bool) {
	name, asc := strings.CutSuffix(value, ascending)
	if !asc {
		if name, desc = strings.CutSuffix(value, descending); !desc {
			return nil, false, false
		}
	}
	if f = t.Field(name); f == nil || !isSortable(f) {
		return nil, false, false
	}
	return f, desc, true
}

// UniqueFields are the fields by which one node can be asked for, in the order of
// the arguments (data-api §2.5).
func (s *Schema) UniqueFields(t *datamodel.Type) []*datamodel.Field {
	var unique []*datamodel.Field
	for f := range s.modelOf(t).unique() {
		unique = append(unique, f)
	}
	return unique
}

func (m *model) unique() iter.Seq[*datamodel.Field] {
	return func(yield func(*datamodel.Field) bool) {
		for _, f := range m.fields {
			if isUnique(f) && !yield(f) {
				return
			}
		}
	}
}

func isUnique(f *datamodel.Field) bool { return f.Unique && !f.List && !f.IsRelation() }
