package compiledschema

import (
	"cmp"
	"fmt"
	"slices"

	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/relational"
)

// Input is what a schema is compiled from.
type Input struct {
	Model       *datamodel.DataModel
	Layout      *relational.Layout
	Resolvers   []*Resolver
	Functions   []Function
	Permissions Permissions
}

// Schema is one API of a release. It is immutable and safe for any number of
// readers. The APIs of a release are views of the same project, so that a further
// one costs two words.
type Schema struct {
	*project
	api API
}

// API is one of the forms in which a project's data is offered.
type API uint8

// The APIs.
const (
	Simple      API = iota // data-api §2, §4
	Relay                  // data-api §3
	Existential            // what permission queries ask: Some<Type>Exists (data-api §6.6)
)

// String is the API's name in addresses and request ids.
func (a API) String() string {
	return [...]string{Simple: "simple", Relay: "relay", Existential: "permissions"}[a]
}

// project is what is kept of a release, whatever API asks.
type project struct {
	apis        [3]Schema // by API
	model       *datamodel.DataModel
	layout      *relational.Layout
	permissions Permissions
	grants      []grant // the permission records, by target and verb

	models    []*model              // by name
	plurals   []*model              // by plural
	positions []*model              // by datamodel.Type.Index
	relations []*datamodel.Relation // by name
	enums     []*datamodel.Enum     // by name; only those that a field uses
	resolvers []*Resolver           // by field name
	functions []Function
	renamed   map[*Resolver]string // payload types whose name the Relay API has otherwise; nil as a rule
	scalars   scalarSet            // those that the API names
	user      *model               // the type User, if there is one
}

// model is what is kept of a type beside the type.
type model struct {
	*datamodel.Type
	plural string
	filter string             // the name of its filter type, which every relation to it names
	fields []*datamodel.Field // by name
}

// Compile makes the Simple API's schema of a release; For gives the other. It
// refuses a model whose generated names meet each other in one of them (data-api
// LQ-D08) and resolvers that take a name which is in use (platform §2.9); the
// error is a *Conflict.
func Compile(in Input) (*Schema, error) {
	s := &project{model: in.Model, layout: in.Layout, functions: in.Functions, permissions: in.Permissions}
	for api := range s.apis {
		s.apis[api] = Schema{project: s, api: API(api)} //nolint:gosec // three
	}
	slab := make([]model, len(in.Model.Types))
	s.positions = make([]*model, len(slab))
	for i, t := range in.Model.Types {
		m := &slab[i]
		*m = model{Type: t, plural: datamodel.Plural(t.Name), filter: t.Name + "Filter", fields: slices.Clone(t.Fields)}
		slices.SortFunc(m.fields, func(a, b *datamodel.Field) int { return cmp.Compare(a.Name, b.Name) })
		s.positions[i] = m
	}
	s.models = sorted(s.positions, func(m *model) string { return m.Name })
	s.plurals = sorted(s.positions, func(m *model) string { return m.plural })
	s.relations = sorted(in.Model.Relations, func(r *datamodel.Relation) string { return r.Name })
	s.resolvers = sorted(in.Resolvers, func(r *Resolver) string { return r.Field.Name })
	s.user = s.modelNamed(userType)
	s.collectLeaves()
	s.collectGrants()
	for _, api := range []API{Simple, Relay} { // Existential has no name that Simple does not have
		if err := s.apis[api].checkNames(); err != nil {
			return nil, err
		}
	}
	return &s.apis[Simple], nil
}

// For is the schema of one API of the same release. It is always the same
// pointer, so that it can stand for the schema in the keys of caches.
func (s *Schema) For(api API) *Schema { return &s.apis[api] }

// API says which of the APIs this schema is.
func (s *Schema) API() API { return s.api }

func sorted[T any](list []T, name func(T) string) []T {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b T) int { return cmp.Compare(name(a), name(b)) })
	return list
}

// collectLeaves finds the enums and scalars that the API names.
func (s *project) collectLeaves() {
	s.scalars.add(datamodel.ID)      // node(id:)
	s.scalars.add(datamodel.String)  // introspection
	s.scalars.add(datamodel.Boolean) // introspection, directives
	if len(s.models) > 0 {
		s.scalars.add(datamodel.Int) // first, count
	}
	used := map[*datamodel.Enum]bool{}
	for _, t := range s.model.Types {
		for _, f := range t.Fields {
			switch {
			case f.Enum != nil:
				used[f.Enum] = true
			case !f.IsRelation():
				s.scalars.add(f.Scalar)
			}
		}
	}
	for _, r := range s.resolvers {
		for _, values := range [][]ResolverValue{r.Field.Args, r.Payload.Fields} {
			for _, v := range values {
				if scalar := datamodel.ScalarNamed(v.Type.Name); scalar != datamodel.NotScalar {
					s.scalars.add(scalar)
				}
			}
		}
	}
	for _, e := range sorted(s.model.Enums, func(e *datamodel.Enum) string { return e.Name }) {
		if used[e] {
			s.enums = append(s.enums, e)
		}
	}
	s.enums = slices.Clip(s.enums)
}

// Conflict says that two parts of a project ask for the same name.
type Conflict struct {
	Name     string // the generated name: a type, or type.field, or type.field(argument)
	Resolver string // the resolver function that takes part; "" when it is the model alone
	Payload  bool   // the resolver's payload type takes the name, not its field
}

// Error says which name is asked for twice.
func (c *Conflict) Error() string {
	switch {
	case c.Resolver != "" && c.Payload:
		return fmt.Sprintf("the payload type %s of the resolver function %q has a name that is already taken in the API of this project", c.Name, c.Resolver)
	case c.Resolver != "":
		return fmt.Sprintf("the field %s of the resolver function %q has a name that is already taken in the API of this project", c.Name, c.Resolver)
	default:
		return fmt.Sprintf("the API of this project would have the name %s twice: rename the type, field or relation that it is made from", c.Name)
	}
}

// checkNames refuses names that the API would have twice. Where a resolver takes
// part, it is the one to blame.
func (s *Schema) checkNames() error {
	taken := make(names, 16*len(s.models)+16)
	own := []string{subscriptionName, mutationKindName, queryMetaName}
	if s.api == Relay {
		own = []string{viewerName, pageInfoName}
	}
	for _, reserved := range [][]string{customScalars, builtInScalars, {queryName, mutationName}, own} {
		for _, name := range reserved { // also where this project does not use them
			taken.add(name)
		}
	}
	for d := range s.definitions() {
		switch d.form {
		case formQuery, formMutation, formSubscription, formViewer, formPageInfo, formScalar, formMutationKind, formQueryMeta, formResolverPayload:
			continue // reserved above, or judged below
		}
		if !taken.add(d.name) {
			return &Conflict{Name: d.name}
		}
	}
	if err := s.checkPayloads(taken); err != nil {
		return err
	}
	for _, root := range []struct {
		form form
		name string
	}{{s.readForm(), s.readName()}, {formMutation, mutationName}} {
		clear(taken)
		for name, meaning := range s.roots(root.form) {
			if meaning.Kind != RootResolver && !taken.add(name) {
				return &Conflict{Name: root.name + "." + name}
			}
		}
		for _, r := range s.resolvers {
			if r.Mutation == (root.form == formMutation) && !taken.add(r.Field.Name) {
				return &Conflict{Name: root.name + "." + r.Field.Name, Resolver: r.Function}
			}
		}
	}
	for root := range s.relationRoots() {
		clear(taken)
		d := relationDefinition(root)
		for f := range s.fields(d) {
			if !taken.add(f.name) {
				return &Conflict{Name: d.name + "." + f.name}
			}
		}
	}
	for _, m := range s.models {
		if s.api == Relay && m.Field(MutationIDField) != nil {
			return &Conflict{Name: typeName(formUpdateInput, m) + "." + MutationIDField}
		}
		for key := range s.inputKeys(inputs{form: inputsUpdate, model: m}) {
			if key.Kind != InputConnect && key.Kind != InputConnectMany {
				continue
			}
			if name := key.name(); m.Field(name) != nil {
				return &Conflict{Name: typeName(formUpdate, m) + "." + name}
			}
		}
	}
	return nil
}

// checkPayloads judges the names of the resolvers' payload types. A name that is
// free in the Simple API is one that a service may use, and services do use
// CreatePostPayload: where the Relay API has it for itself, the resolver's gets an
// underscore there, as fields of payloads do (data-api §3.3).
func (s *Schema) checkPayloads(taken names) error {
	for _, r := range s.resolvers {
		name := r.Payload.Name
		for !taken.add(name) {
			if s.api == Simple {
				return &Conflict{Name: name, Resolver: r.Function, Payload: true}
			}
			name += "_"
		}
		if name != r.Payload.Name {
			if s.renamed == nil {
				s.renamed = map[*Resolver]string{}
			}
			s.renamed[r] = name
		}
	}
	return nil
}

// PayloadName is the name of a resolver's payload type in this API.
func (s *Schema) PayloadName(r *Resolver) string {
	if s.api == Relay {
		if name, ok := s.renamed[r]; ok {
			return name
		}
	}
	return r.Payload.Name
}

// names is a set of names.
type names map[string]struct{}

// add says whether the name was free.
func (n names) add(name string) bool {
	if _, taken := n[name]; taken {
		return false
	}
	n[name] = struct{}{}
	return true
}

// Model is the data model.
func (s *Schema) Model() *datamodel.DataModel { return s.model }

// Layout is where the nodes are stored.
func (s *Schema) Layout() *relational.Layout { return s.layout }

// Open says that everything is allowed to everyone.
func (s *Schema) Open() bool { return s.permissions.Open }

// modelOf is what is kept of a type.
func (s *project) modelOf(t *datamodel.Type) *model { return s.positions[t.Index] }

func (s *project) modelNamed(name string) *model {
	return find(s.models, name, func(m *model) string { return m.Name })
}

func (s *project) modelOfPlural(name string) *model {
	return find(s.plurals, name, func(m *model) string { return m.plural })
}

func (s *project) relationNamed(name string) *datamodel.Relation {
	return find(s.relations, name, func(r *datamodel.Relation) string { return r.Name })
}

func (s *project) enum(name string) *datamodel.Enum {
	return find(s.enums, name, func(e *datamodel.Enum) string { return e.Name })
}

// find searches a list that is sorted by name.
func find[T any](list []*T, name string, nameOf func(*T) string) *T {
	i, ok := slices.BinarySearchFunc(list, name, func(item *T, name string) int { return cmp.Compare(nameOf(item), name) })
	if !ok {
		return nil
	}
	return list[i]
}

func (s *project) hasResolver(mutation bool) bool {
	return slices.ContainsFunc(s.resolvers, func(r *Resolver) bool { return r.Mutation == mutation })
}

// Types are the model types in the order of the API.
func (s *Schema) Types() []*datamodel.Type {
	types := make([]*datamodel.Type, len(s.models))
	for i, m := range s.models {
		types[i] = m.Type
	}
	return types
}

// ModelType looks a model type up by its name: the type condition of a fragment.
func (s *Schema) ModelType(name string) *datamodel.Type {
	if m := s.modelNamed(name); m != nil {
		return m.Type
	}
	return nil
}
