package compiledschema

import (
	"iter"
	"strings"

	"icehouse/dataplane/coercion"
	"icehouse/dataplane/datamodel"
)

// MutationIDField is what a client gives with a mutation of the Relay API and gets
// back with its payload.
const MutationIDField = "clientMutationId"

// PayloadKind is what a field of a mutation's payload gives.
type PayloadKind uint8

// The kinds. The Simple API has PayloadNode alone, in relation mutations.
const (
	PayloadViewer     PayloadKind = iota // viewer
	PayloadMutationID                    // clientMutationId
	PayloadNode                          // post, booksBook
	PayloadEdge                          // edge, booksBookEdge
	PayloadRelated                       // author: the node of a to-one field
	PayloadDeletedID                     // deletedId
)

// PayloadField is the meaning of a field of a mutation's payload (data-api §2.9,
// §3.3).
type PayloadField struct {
	Kind PayloadKind
	// Side is whose node PayloadNode and PayloadEdge of a relation mutation give:
	// the one that has the field of that side.
	Side  datamodel.Side
	Field *datamodel.Field // PayloadRelated
}

// PayloadField looks a field of a mutation's payload type up.
func (s *Schema) PayloadField(root Root, name string) (PayloadField, bool) {
	d := s.payloadOf(root)
	for p := range s.payloadFields(d) {
		if s.payloadField(d, p).name == name {
			return p, true
		}
	}
	return PayloadField{}, false
}

// ConnectionName is the type of a list of nodes in the Relay API.
func (s *Schema) ConnectionName(t *datamodel.Type) string {
	return typeName(formConnection, s.modelOf(t))
}

// EdgeName is the type of an entry of such a list.
func (s *Schema) EdgeName(t *datamodel.Type) string { return typeName(formEdge, s.modelOf(t)) }

// The types of the Relay API that every project has.
const (
	ViewerName   = viewerName
	PageInfoName = pageInfoName
)

// payloadForms and inputForms are the types of a mutation of one type of nodes.
var (
	payloadForms = map[RootKind]form{
		RootCreate: formCreatePayload, RootUpdate: formUpdatePayload,
		RootUpdateOrCreate: formUpdateOrCreatePayload, RootDelete: formDeletePayload,
	}
	inputForms = map[RootKind]form{
		RootCreate: formCreateInput, RootUpdate: formUpdateInput,
		RootUpdateOrCreate: formUpdateOrCreateInput, RootDelete: formDeleteInput,
	}
)

// payloadOf is the payload type of a mutation.
func (s *Schema) payloadOf(root Root) definition {
	if root.Relation != nil {
		return relationDefinition(root)
	}
	m := s.modelOf(root.Type)
	f := payloadForms[root.Kind]
	return definition{form: f, name: typeName(f, m), model: m}
}

// payloadType is the type of a mutation in the Relay API.
func (s *Schema) payloadType(root Root) coercion.Ref {
	ref := coercion.Ref{Name: s.payloadOf(root).name}
	if s.isSignup(root.Kind == RootCreate, root.Type) {
		ref.Wrap = coercion.Required
	}
	return ref
}

// isSignup says that a mutation is createUser, which has rules of its own.
func (s *Schema) isSignup(creates bool, t *datamodel.Type) bool {
	return creates && s.user != nil && s.user.Type == t
}

// inputName is the type of a mutation's one argument.
func (s *Schema) inputName(root Root) string {
	if root.Relation != nil {
		return relationInputName(root.Kind, root.Relation)
	}
	return typeName(inputForms[root.Kind], s.modelOf(root.Type))
}

// payloadFields are the fields of a payload in order (data-api §2.9, §3.3).
func (s *Schema) payloadFields(d definition) iter.Seq[PayloadField] {
	return func(yield func(PayloadField) bool) {
		each := func(fields ...PayloadField) bool {
			for _, f := range fields {
				if !yield(f) {
					return false
				}
			}
			return true
		}
		if d.form == formRelationPayload {
			nodes := []PayloadField{{Kind: PayloadNode, Side: datamodel.SideA}, {Kind: PayloadNode, Side: datamodel.SideB}}
			if s.api == Simple {
				each(nodes...)
				return
			}
			_ = each(PayloadField{Kind: PayloadViewer}, PayloadField{Kind: PayloadMutationID}) && each(nodes...) &&
				each(PayloadField{Kind: PayloadEdge, Side: datamodel.SideA}, PayloadField{Kind: PayloadEdge, Side: datamodel.SideB})
			return
		}
		if s.isSignup(d.form == formCreatePayload, d.model.Type) {
			each(PayloadField{Kind: PayloadNode}, PayloadField{Kind: PayloadMutationID}, PayloadField{Kind: PayloadViewer})
			return
		}
		if !each(PayloadField{Kind: PayloadViewer}, PayloadField{Kind: PayloadMutationID}, PayloadField{Kind: PayloadNode}, PayloadField{Kind: PayloadEdge}) {
			return
		}
		for _, f := range d.model.fields {
			if f.IsRelation() && !f.List && !yield(PayloadField{Kind: PayloadRelated, Field: f}) {
				return
			}
		}
		if d.form == formDeletePayload {
			yield(PayloadField{Kind: PayloadDeletedID})
		}
	}
}

const (
	edgeField      = "edge"
	edgeSuffix     = "Edge"
	deletedIDField = "deletedId"
)

// payloadField is the name and the type of a payload's field.
func (s *Schema) payloadField(d definition, p PayloadField) field {
	named := func(name, typ string, wrap coercion.Wrap) field {
		return field{name: name, typ: coercion.Ref{Name: typ, Wrap: wrap}}
	}
	switch p.Kind {
	case PayloadViewer:
		return named(viewerField, viewerName, coercion.Required)
	case PayloadMutationID:
		wrap := coercion.Required
		if d.model != nil && s.isSignup(d.form == formCreatePayload, d.model.Type) {
			wrap = coercion.Nullable
		}
		return named(MutationIDField, "String", wrap)
	case PayloadDeletedID:
		return named(deletedIDField, "ID", coercion.Nullable)
	case PayloadRelated:
		name := p.Field.Name
		for name == payloadNode(d.model) || isPayloadName(name) {
			name += "_"
		}
		return named(name, p.Field.Target().Name, coercion.Nullable)
	}
	if d.relation == nil {
		if p.Kind == PayloadEdge {
			return named(edgeField, typeName(formEdge, d.model), coercion.Nullable)
		}
		return named(payloadNode(d.model), d.model.Name, coercion.Nullable)
	}
	// The name of an end is that of the field in which the node is found: the
	// other side's.
	name, nameOfA := s.RelationNames(d.relation)
	if p.Side == datamodel.SideA {
		name = nameOfA
	}
	of := s.modelOf(d.relation.Ends[p.Side].Type)
	if p.Kind == PayloadEdge {
		return named(name+edgeSuffix, typeName(formEdge, of), coercion.Nullable)
	}
	return named(name, of.Name, coercion.Nullable)
}

// payloadNode is the name of a payload's node: the type's, beginning small. What a
// payload always has keeps its name.
func payloadNode(m *model) string {
	name := strings.ToLower(m.Name[:1]) + m.Name[1:]
	for isPayloadName(name) {
		name += "_"
	}
	return name
}

func isPayloadName(name string) bool {
	return name == viewerField || name == MutationIDField || name == edgeField || name == deletedIDField
}
