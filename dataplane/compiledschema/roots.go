package compiledschema

import (
	"iter"
	"strings"

	"icehouse/dataplane/coercion"
	"icehouse/dataplane/datamodel"
)

// RootKind is what a field of Query, Mutation, Subscription or, in the Relay API,
// Viewer does (data-api §2.1, §3.1).
type RootKind uint8

// The kinds, with the fields that have them.
const (
	RootAll            RootKind = iota // allPosts
	RootMeta                           // _allPostsMeta
	RootOne                            // Post, on Query
	RootNode                           // node
	RootUser                           // user
	RootResolver                       // a resolver function
	RootCreate                         // createPost
	RootUpdate                         // updatePost
	RootUpdateOrCreate                 // updateOrCreatePost
	RootDelete                         // deletePost
	RootSet                            // setPostAuthor
	RootUnset                          // unsetPostAuthor
	RootAddTo                          // addToPostAuthor
	RootRemoveFrom                     // removeFromPostAuthor
	RootSubscription                   // Post, on Subscription
	RootViewer                         // viewer, on Query of the Relay API
	RootViewerID                       // id, on Viewer
	RootExists                         // SomePostExists, on Query of the permission queries' API
)

// ViewerID is the id of the one Viewer.
const ViewerID = "viewer-fixed"

// Root is the meaning of a root field. Type is set for fields of a type, Relation
// for relation mutations, Resolver for resolver functions.
type Root struct {
	Kind     RootKind
	Type     *datamodel.Type
	Relation *datamodel.Relation
	Resolver *Resolver
}

// rootForm names the fields that exist once a type or a relation: prefix, name of
// the type, its plural or the relation, suffix.
type rootForm struct {
	kind           RootKind
	prefix, suffix string
	plural         bool
}

// The forms in field order (data-api §2.1, §3.1). In the Relay API user stands
// between those of Viewer.
var (
	queryForms = []rootForm{
		{kind: RootAll, prefix: "all", plural: true},
		{kind: RootMeta, prefix: "_all", suffix: "Meta", plural: true},
		{kind: RootOne},
	}
	viewerForms       = []rootForm{queryForms[0], queryForms[2]}
	typeMutationForms = []rootForm{
		{kind: RootCreate, prefix: "create"},
		{kind: RootUpdate, prefix: "update"},
		{kind: RootUpdateOrCreate, prefix: "updateOrCreate"},
		{kind: RootDelete, prefix: "delete"},
	}
	relationForms = []rootForm{
		{kind: RootSet, prefix: "set"},
		{kind: RootUnset, prefix: "unset"},
		{kind: RootAddTo, prefix: "addTo"},
		{kind: RootRemoveFrom, prefix: "removeFrom"},
	}
	subscriptionForms = []rootForm{{kind: RootSubscription}}
	existsForms       = []rootForm{{kind: RootExists, prefix: "Some", suffix: "Exists"}}
)

const (
	nodeField   = "node"
	userField   = "user"
	userType    = "User"
	viewerField = "viewer"
	idField     = "id"
)

// readForm and readName are the type whose fields read the project's data: Query,
// in the Relay API Viewer.
func (s *Schema) readForm() form {
	if s.api == Relay {
		return formViewer
	}
	return formQuery
}

func (s *Schema) readName() string {
	if s.api == Relay {
		return viewerName
	}
	return queryName
}

// rootPrefix is how the fields of a relation mutation begin.
func rootPrefix(kind RootKind) string {
	for _, f := range relationForms {
		if f.kind == kind {
			return f.prefix
		}
	}
	panic("compiledschema: not a relation mutation")
}

// QueryRoot looks a field of Query up.
func (s *Schema) QueryRoot(name string) (Root, bool) {
	switch {
	case s.api == Existential:
		return s.typeRoot(existsForms, name)
	case name == nodeField:
		return Root{Kind: RootNode}, true
	case s.api == Relay:
		return Root{Kind: RootViewer}, name == viewerField
	case name == userField && s.user != nil:
		return Root{Kind: RootUser, Type: s.user.Type}, true
	}
	if root, ok := s.typeRoot(queryForms, name); ok {
		return root, true
	}
	return s.resolverRoot(false, name)
}

// ViewerRoot looks a field of Viewer up.
func (s *Schema) ViewerRoot(name string) (Root, bool) {
	switch {
	case s.api != Relay:
		return Root{}, false
	case name == idField:
		return Root{Kind: RootViewerID}, true
	case name == userField && s.user != nil:
		return Root{Kind: RootUser, Type: s.user.Type}, true
	}
	if root, ok := s.typeRoot(viewerForms, name); ok {
		return root, true
	}
	return s.resolverRoot(false, name)
}

// MutationRoot looks a field of Mutation up.
func (s *Schema) MutationRoot(name string) (Root, bool) {
	if s.api == Existential {
		return Root{}, false
	}
	if root, ok := s.typeRoot(typeMutationForms, name); ok {
		return root, true
	}
	for _, f := range relationForms {
		if rest, ok := strings.CutPrefix(name, f.prefix); ok {
			if r := s.relationNamed(rest); r != nil && hasRelationRoot(f.kind, r) {
				return Root{Kind: f.kind, Relation: r}, true
			}
		}
	}
	return s.resolverRoot(true, name)
}

// SubscriptionRoot looks a field of Subscription up.
func (s *Schema) SubscriptionRoot(name string) (Root, bool) {
	if s.api != Simple {
		return Root{}, false
	}
	return s.typeRoot(subscriptionForms, name)
}

func (s *Schema) typeRoot(forms []rootForm, name string) (Root, bool) {
	for _, f := range forms {
		if !strings.HasPrefix(name, f.prefix) || len(name) <= len(f.prefix)+len(f.suffix) || !strings.HasSuffix(name, f.suffix) {
			continue
		}
		base := name[len(f.prefix) : len(name)-len(f.suffix)]
		var m *model
		if f.plural {
			m = s.modelOfPlural(base)
		} else {
			m = s.modelNamed(base)
		}
		if m != nil {
			return Root{Kind: f.kind, Type: m.Type}, true
		}
	}
	return Root{}, false
}

func (s *Schema) resolverRoot(mutation bool, name string) (Root, bool) {
	for _, r := range s.resolvers {
		if r.Mutation == mutation && r.Field.Name == name {
			return Root{Kind: RootResolver, Resolver: r}, true
		}
	}
	return Root{}, false
}

// hasRelationRoot says whether a relation has a mutation (data-api §2.9).
func hasRelationRoot(kind RootKind, r *datamodel.Relation) bool {
	oneToOne := !r.A().List && !r.B().List
	required := r.A().Required || r.B().Required
	switch kind {
	case RootSet:
		return oneToOne
	case RootUnset:
		return oneToOne && !required
	case RootAddTo:
		return !oneToOne
	default:
		return !oneToOne && !required
	}
}

// relationRoots are the relation mutations in field order.
func (s *Schema) relationRoots() iter.Seq[Root] {
	return func(yield func(Root) bool) {
		for _, f := range relationForms {
			for _, r := range s.relations {
				if hasRelationRoot(f.kind, r) && !yield(Root{Kind: f.kind, Relation: r}) {
					return
				}
			}
		}
	}
}

// roots are the fields of a root type with their names, in field order.
func (s *Schema) roots(f form) iter.Seq2[string, Root] {
	return func(yield func(string, Root) bool) {
		typeRoots := func(forms []rootForm, postpone bool) bool {
			for _, f := range forms {
				for _, m := range s.models {
					if postpone && f.kind == RootCreate && m == s.user {
						continue
					}
					base := m.Name
					if f.plural {
						base = m.plural
					}
					if !yield(f.prefix+base+f.suffix, Root{Kind: f.kind, Type: m.Type}) {
						return false
					}
				}
			}
			return true
		}
		resolverRoots := func(mutation bool) bool {
			for _, r := range s.resolvers {
				if r.Mutation == mutation && !yield(r.Field.Name, Root{Kind: RootResolver, Resolver: r}) {
					return false
				}
			}
			return true
		}
		switch f {
		case formQuery:
			if s.api == Existential {
				typeRoots(existsForms, false)
				return
			}
			if s.api == Relay {
				_ = yield(viewerField, Root{Kind: RootViewer}) && yield(nodeField, Root{Kind: RootNode})
				return
			}
			if !typeRoots(queryForms, false) || !resolverRoots(false) {
				return
			}
			if s.user != nil && !yield(userField, Root{Kind: RootUser, Type: s.user.Type}) {
				return
			}
			yield(nodeField, Root{Kind: RootNode})
		case formViewer:
			if !typeRoots(viewerForms[:1], false) ||
				s.user != nil && !yield(userField, Root{Kind: RootUser, Type: s.user.Type}) ||
				!typeRoots(viewerForms[1:], false) || !resolverRoots(false) {
				return
			}
			yield(idField, Root{Kind: RootViewerID})
		case formMutation:
			if !typeRoots(typeMutationForms, true) {
				return
			}
			for root := range s.relationRoots() {
				if !yield(rootPrefix(root.Kind)+root.Relation.Name, root) {
					return
				}
			}
			// createUser comes last: it was a signup of its own once (data-api §1.12).
			if s.user != nil && !yield(typeMutationForms[0].prefix+s.user.Name, Root{Kind: RootCreate, Type: s.user.Type}) {
				return
			}
			resolverRoots(true)
		case formSubscription:
			typeRoots(subscriptionForms, false)
		}
	}
}

// root looks a field of a root type up.
func (s *Schema) root(f form, name string) (Root, bool) {
	switch f {
	case formQuery:
		return s.QueryRoot(name)
	case formViewer:
		return s.ViewerRoot(name)
	case formMutation:
		return s.MutationRoot(name)
	default:
		return s.SubscriptionRoot(name)
	}
}

// RootType is the type of a root field's value, as __typename and the SDL name it.
func (s *Schema) RootType(root Root) coercion.Ref { return s.rootField("", root).typ }

// rootField is the type and the arguments of a root field (data-api §2.1, §3.1,
// §3.3).
func (s *Schema) rootField(name string, root Root) field {
	f := field{name: name}
	var m *model
	if root.Type != nil {
		m = s.modelOf(root.Type)
		f.typ.Name = m.Name
	}
	switch root.Kind {
	case RootAll:
		f.typ.Wrap, f.args = coercion.RequiredListOf, listInputs(m)
		if s.api == Relay {
			f.typ = coercion.Ref{Name: typeName(formConnection, m), Wrap: coercion.Required}
		}
	case RootExists:
		f.typ, f.args = coercion.Ref{Name: "Boolean", Wrap: coercion.Required}, listInputs(m)
	case RootMeta:
		f.typ, f.args = coercion.Ref{Name: queryMetaName, Wrap: coercion.Required}, listInputs(m)
	case RootOne:
		f.args = inputs{form: inputsUnique, model: m}
	case RootNode:
		f.typ.Name, f.args = nodeName, inputs{form: inputsID}
	case RootUser:
	case RootViewer:
		f.typ = coercion.Ref{Name: viewerName, Wrap: coercion.Required}
	case RootViewerID:
		f.typ = coercion.Ref{Name: "ID", Wrap: coercion.Required}
	case RootResolver:
		r := root.Resolver
		f.typ, f.args, f.description = r.Field.Type, inputs{form: inputsResolver, resolver: r}, r.Function
		f.typ.Name = s.PayloadName(r)
	case RootSubscription:
		f.typ.Name, f.args = typeName(formSubscriptionPayload, m), inputs{form: inputsSubscription, model: m}
	default:
		if s.api == Relay {
			f.typ, f.args = s.payloadType(root), inputs{form: inputsInput, name: s.inputName(root)}
			break
		}
		if root.Relation != nil {
			f.typ.Name = payloadName(root.Kind, root.Relation)
		}
		f.args = s.mutationInputs(root)
	}
	return f
}

// mutationInputs are what a mutation is told: its arguments, in the Relay API the
// fields of its input.
func (s *Schema) mutationInputs(root Root) inputs {
	switch root.Kind {
	case RootCreate:
		return createInputs(s.modelOf(root.Type))
	case RootUpdate:
		return inputs{form: inputsUpdate, model: s.modelOf(root.Type)}
	case RootUpdateOrCreate:
		return inputs{form: inputsUpdateOrCreate, model: s.modelOf(root.Type)}
	case RootDelete:
		return inputs{form: inputsID}
	default:
		return inputs{form: inputsRelation, relation: root.Relation}
	}
}
