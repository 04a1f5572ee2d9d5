package compiledschema

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"icehouse/dataplane/coercion"
	"icehouse/dataplane/datamodel"
	"icehouse/deploy/testbed/oracle"
)

// What the contract prints of the sample's Relay API (data-api §11.3) comes out
// exactly.
func TestRelaySampleIsTheContracts(t *testing.T) {
	got := map[string]outlined{}
	for _, d := range outline(t, sample(t).For(Relay).SDL()) {
		got[d.Name] = d
	}
	for _, want := range outline(t, readFile(t, "testdata/sample.relay.graphql")) {
		if diff := cmp.Diff(want, got[want.Name]); diff != "" {
			t.Errorf("-contract +SDL\n%s", diff)
		}
	}
	for _, not := range []string{"Subscription", queryMetaName, mutationKindName, "BookPreviousValues", "BookSubscriptionFilter", "CreateUserInput"} {
		if _, ok := got[not]; ok {
			t.Errorf("the Relay API has the type %s", not)
		}
	}
}

func everyFormRelay(t testing.TB) *Schema { return everyFormSchema(t).For(Relay) }

func TestTwoViewsOfOneProject(t *testing.T) {
	s := everyFormSchema(t)
	relay := s.For(Relay)
	if s.API() != Simple || relay.API() != Relay || s.For(Relay) != relay || relay.For(Simple) != s {
		t.Error("the views are not one pair")
	}
	if s.Model() != relay.Model() || s.Layout() != relay.Layout() {
		t.Error("the views do not share the project")
	}
	if Simple.String() != "simple" || Relay.String() != "relay" {
		t.Error("the APIs have other names than their addresses")
	}
}

func TestMeaningOfRelayNames(t *testing.T) {
	s := everyFormRelay(t)
	for name, want := range map[string]RootKind{"viewer": RootViewer, "node": RootNode} {
		if root, ok := s.QueryRoot(name); !ok || root.Kind != want {
			t.Errorf("%s is %+v, %v", name, root, ok)
		}
	}
	for name, want := range map[string]RootKind{"allUsers": RootAll, "User": RootOne, "user": RootUser, "hello": RootResolver, "id": RootViewerID} {
		if root, ok := s.ViewerRoot(name); !ok || root.Kind != want {
			t.Errorf("%s is %+v, %v", name, root, ok)
		}
		if root, ok := s.QueryRoot(name); ok {
			t.Errorf("%s on Query is %+v", name, root)
		}
		if root, ok := s.For(Simple).ViewerRoot(name); ok {
			t.Errorf("%s in the Simple API is %+v", name, root)
		}
	}
	for _, name := range []string{"_allUsersMeta", "viewer", "node", ""} {
		if root, ok := s.ViewerRoot(name); ok {
			t.Errorf("%s on Viewer is %+v", name, root)
		}
	}
	if _, ok := s.SubscriptionRoot("Post"); ok {
		t.Error("the Relay API has subscriptions")
	}
	for name, want := range map[string]string{
		"createPost": "CreatePostPayload", "createUser": "CreateUserPayload!", "updateUser": "UpdateUserPayload",
		"setMarriage": "SetMarriagePayload", "signup": "[SignupPayload!]",
	} {
		root, _ := s.MutationRoot(name)
		if got := s.RootType(root).String(); got != want {
			t.Errorf("%s gives %s, want %s", name, got, want)
		}
	}
	post := s.ModelType("Post")
	if s.ConnectionName(post) != "PostConnection" || s.EdgeName(post) != "PostEdge" {
		t.Errorf("lists of Post are %s of %s", s.ConnectionName(post), s.EdgeName(post))
	}
	if n := testing.AllocsPerRun(100, func() { s.ViewerRoot("allUsers"); s.MutationRoot("removeFromLiked"); s.QueryRoot("viewer") }); n > 0 {
		t.Errorf("a look-up costs %v allocations", n)
	}
}

func TestMeaningOfPayloads(t *testing.T) {
	s := everyFormRelay(t)
	post := s.ModelType("Post")
	for mutation, fields := range map[string]map[string]PayloadField{
		"deletePost": {
			"viewer": {Kind: PayloadViewer}, "clientMutationId": {Kind: PayloadMutationID}, "post": {Kind: PayloadNode}, "edge": {Kind: PayloadEdge},
			"author": {Kind: PayloadRelated, Field: post.Field("author")}, "deletedId": {Kind: PayloadDeletedID},
		},
		"createUser": {"user": {Kind: PayloadNode}, "viewer": {Kind: PayloadViewer}},
		"addToWritten": {
			"authorUser": {Kind: PayloadNode, Side: datamodel.SideA}, "writtenPost": {Kind: PayloadNode, Side: datamodel.SideB},
			"authorUserEdge": {Kind: PayloadEdge, Side: datamodel.SideA}, "writtenPostEdge": {Kind: PayloadEdge, Side: datamodel.SideB},
		},
	} {
		root, _ := s.MutationRoot(mutation)
		for name, want := range fields {
			if got, ok := s.PayloadField(root, name); !ok || got != want {
				t.Errorf("%s.%s is %+v, %v", mutation, name, got, ok)
			}
		}
		for _, no := range []string{"nope", "replies", "likedBy", "__typename"} {
			if got, ok := s.PayloadField(root, no); ok {
				t.Errorf("%s.%s is %+v", mutation, no, got)
			}
		}
	}
	create, _ := s.MutationRoot("createPost")
	if _, ok := s.PayloadField(create, "deletedId"); ok {
		t.Error("createPost deletes")
	}
	signup, _ := s.MutationRoot("createUser")
	if _, ok := s.PayloadField(signup, "edge"); ok {
		t.Error("createUser has an edge")
	}
}

// Names that only the Relay API would have twice are refused too, but for payload
// types of resolvers, which get another name there.
func TestRelayCollisions(t *testing.T) {
	withID := handmade("Post")
	addField(withID.Types[0], &datamodel.Field{Name: "clientMutationId", Scalar: datamodel.String})
	ends := handmade("Bar", "Edge")
	relate(ends, "R", addField(ends.Types[0], &datamodel.Field{Name: "fooBar"}), addField(ends.Types[1], &datamodel.Field{Name: "foo"}))
	twins := handmade("YZ", "Z")
	relate(twins, "R", addField(twins.Types[1], &datamodel.Field{Name: "x"}), addField(twins.Types[0], &datamodel.Field{Name: "xY"}))
	for want, model := range map[string]*datamodel.DataModel{
		"Viewer": handmade("Viewer"), "PageInfo": handmade("PageInfo"), "PostEdge": handmade("Post", "PostEdge"),
		"PostConnection": handmade("PostConnection", "Post"), "DeletePostInput": handmade("Post", "DeletePostInput"),
		"SignupUserInput": handmade("User", "SignupUserInput"), "UpdateOrCreatePostPayload": handmade("UpdateOrCreatePostPayload", "Post"),
		"UpdatePostInput.clientMutationId": withID, "SetRPayload.fooBarEdge": ends, "SetRPayload.xYZ": twins,
	} {
		_, err := Compile(Input{Model: model})
		if conflict, ok := errors.AsType[*Conflict](err); !ok || conflict.Name != want {
			t.Errorf("got %v, want a conflict about %s", err, want)
		}
	}
	_, err := Compile(Input{Model: handmade("Post"), Resolvers: []*Resolver{resolver(t, "fn", "type P { a: Int } extend type Query { id: P }")}})
	if conflict, ok := errors.AsType[*Conflict](err); !ok || conflict.Name != "Viewer.id" || conflict.Resolver != "fn" {
		t.Errorf("a resolver takes Viewer.id: %v", err)
	}
	s := compile(t, meeting, resolver(t, "fn", "type CreateAuthorPayload { a: Int } extend type Query { f: CreateAuthorPayload! }"),
		resolver(t, "gn", "type CreateAuthorPayload_ { a: Int } extend type Query { g: [CreateAuthorPayload_!] }"))
	for api, want := range map[API][]string{
		Simple: {"f: CreateAuthorPayload!", "g: [CreateAuthorPayload_!]", "type CreateAuthorPayload {", "type CreateAuthorPayload_ {"},
		Relay:  {"f: CreateAuthorPayload_!", "g: [CreateAuthorPayload__!]", "type CreateAuthorPayload_ {\n  a: Int", "type CreateAuthorPayload__ {"},
	} {
		for _, line := range want {
			if !strings.Contains(s.For(api).SDL(), line) {
				t.Errorf("the %s API lacks %q", api, line)
			}
		}
	}
}

// relayDocuments are valid for the schema "every form".
var relayDocuments = []string{
	`{ viewer { id allUsers(filter: {AND: [{email_contains: "a"}], written_some: {title_not: null}}, orderBy: createdAt_DESC, first: 10, after: "x") { count pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor node { id friends(last: 2) { count edges { node { id } } } spouse(filter: {age: 1}) { id } } } } user { id } User(email: "x") { id } hello(name: "x") { message } } }`,
	`query Q($first: Int, $filter: UserFilter, $id: ID!) { viewer { ...V } node(id: $id) { id __typename ... on Viewer { allPosts { count } } ... on User { email } ...V } } fragment V on Viewer { allUsers(first: $first, filter: $filter) { edges { ...E } } } fragment E on UserEdge { node { ... on Node { id } } }`,
	`mutation M($input: CreatePostInput!, $u: SignupUserInput!) { createPost(input: $input) { clientMutationId post { id } edge { cursor node { title } } author { email } viewer { id } } createUser(input: $u) { user { id } clientMutationId viewer { id } } }`,
	`mutation { updatePost(input: {id: "1", title: "x", parentId: "2", clientMutationId: "a"}) { post { id } } updateOrCreatePost(input: {update: {id: "1"}, create: {title: "x"}, clientMutationId: ""}) { edge { node { id } } } updateOrCreateCounter(input: {update: {id: "1"}, clientMutationId: "x"}) { counter { id } } deletePost(input: {id: 3, clientMutationId: "x"}) { deletedId post { id } } createCounter(input: {clientMutationId: "x"}) { counter { id } } }`,
	`mutation S($a: AddToMarriageUserInput!, $b: AddToLikedUserInput!, $c: UnsetPostBarePostInput!) { setMarriage(input: $a) { spouse1User { id } spouse2UserEdge { cursor } } addToLiked(input: $b) { likedPost { id } likedByUserEdge { node { id } } viewer { id } } unsetPostBare(input: $c) { bareBare { id } clientMutationId } signup(email: "a", secret: "b") { id token } }`,
	`{ __schema { types { name } } __type(name: "UserConnection") { fields { name } } viewer { __typename id } }`,
}

var relayEdges = []string{
	`{ viewer }`, `{ viewer { } }`, `{ viewer(id: 1) { id } }`, `{ allUsers { id } }`, `{ user { id } }`, `{ viewer { node(id: 1) { id } } }`, `{ viewer { viewer { id } } }`,
	`{ viewer { _allUsersMeta { count } } }`, `{ viewer { allUsers { id } } }`, `{ viewer { allUsers { edges } } }`, `{ viewer { allUsers { edges { id } } } }`, `{ viewer { allUsers { pageInfo } } }`,
	`{ viewer { allUsers { count { x } } } }`, `{ viewer { allUsers { edges { node { _friendsMeta { count } } } } } }`,
	`{ node(id: 1) { ... on PostConnection { count } } }`, `{ node(id: 1) { ... on PostEdge { cursor } } }`, `{ node(id: 1) { ... on Viewer { x: id } ... on Post { x: title } } }`, `{ node(id: 1) { ... on Viewer { x: id } ... on Post { x: id } } }`,
	`{ viewer { ... on Node { id } } }`, `{ viewer { ... on Post { id } } }`, `mutation { createPost(title: "x") { post { id } } }`, `mutation { createPost { post { id } } }`, `mutation { createPost(input: {title: "x"}) { post { id } } }`,
	`mutation { createPost(input: {title: "x", clientMutationId: null}) { post { id } } }`, `mutation { createPost(input: {title: "x", clientMutationId: 1}) { post { id } } }`, `mutation { createPost(input: null) { post { id } } }`,
	`mutation ($i: CreatePostInput) { createPost(input: $i) { post { id } } }`, `mutation ($i: CreatePost!) { createPost(input: $i) { post { id } } }`, `mutation ($i: CreateUserInput!) { createUser(input: $i) { user { id } } }`,
	`mutation { createPost(input: {title: "x", clientMutationId: "1"}) { id } }`, `mutation { createPost(input: {title: "x", clientMutationId: "1"}) { post } }`, `mutation { createPost(input: {title: "x", clientMutationId: "1"}) { author(filter: {}) { id } } }`,
	`mutation { createUser(input: {clientMutationId: "1"}) { edge { cursor } } }`, `mutation { createPost(input: {title: "x", clientMutationId: "1"}) { deletedId } }`, `mutation ($i: SetMarriageUserInput!) { setMarriage(input: $i) { clientMutationId } }`,
	`mutation { signup(input: {email: "a", secret: "b"}) { id } }`, `mutation { deletePost(input: {id: "1", id: "2", clientMutationId: "x"}) { deletedId } }`, `mutation { updateOrCreateCounter(input: {update: {id: "1"}, create: {}, clientMutationId: "x"}) { counter { id } } }`,
}

var relayWords = strings.Fields(`id email title User Post Node Query Viewer viewer edges node cursor pageInfo count hasNextPage input clientMutationId edge post PageInfo
	UserConnection UserEdge CreatePostInput CreatePostPayload SignupUserInput allUsers createPost first filter $input $first $none null 1 "text" {} {id:1} [1] ...V ...E __typename on fragment query ( ) { } [ ]`)

func TestRelayVerdicts(t *testing.T) {
	o := oracle.Start(t)
	s := everyFormRelay(t)
	build(t, o, "relay verdicts", s)
	if valid := sameVerdicts(t, o, s, "relay verdicts", relayDocuments); valid != len(relayDocuments) {
		t.Errorf("only %d of %d documents are valid: %q", valid, len(relayDocuments), o.Validate(t, "relay verdicts", relayDocuments))
	}
	sameVerdicts(t, o, s, "relay verdicts", relayEdges)
	r := rand.New(rand.NewPCG(11, 12))
	changed := make([]string, 3000)
	for i := range changed {
		changed[i] = mutate(r, relayDocuments[i%len(relayDocuments)], relayWords)
		doc, err := parser.ParseQuery(&ast.Source{Input: changed[i]})
		if err != nil {
			continue
		}
		small, full := apply(s.materialize(doc, false), doc, 1), apply(s.materialize(doc, true), doc, 1)
		if (len(small) == 0) != (len(full) == 0) {
			t.Errorf("%s\nsmall: %v\nfull: %v", changed[i], small, full)
		}
	}
	t.Logf("%d of %d changed documents are valid", sameVerdicts(t, o, s, "relay verdicts", changed), len(changed))
	for _, service := range corpus(t) {
		var queries []string
		for _, op := range service.operations {
			if op.API == "relay" && !op.Foreign {
				queries = append(queries, op.text)
			}
		}
		if len(queries) > 0 {
			build(t, o, service.id+" relay", service.schema.For(Relay))
			sameVerdicts(t, o, service.schema.For(Relay), service.id+" relay", queries)
		}
	}
}

func TestRelayCoercion(t *testing.T) {
	s := everyFormRelay(t)
	whole := coercion.FromSchema(gqlparser.MustLoadSchema(&ast.Source{Input: s.SDL()}))
	sameVariables(t, s, whole, map[string][]string{
		"CreatePostInput!":            {`{}`, `null`, `{"title":"x","clientMutationId":"1"}`, `{"title":"x"}`, `{"title":"x","clientMutationId":null}`, `{"title":"x","clientMutationId":1}`, `{"title":"x","clientMutationId":"","replies":{"title":"y","author":{"email":"x"}}}`},
		"SignupUserInput":             {`{"email":"a","password":"b","admin":true,"settings":{},"moods":"GOOD","clientMutationId":"1"}`, `{"clientMutationId":"1"}`},
		"UpdateOrCreatePostInput!":    {`{"update":{"id":"1"},"create":{"title":"x"},"clientMutationId":"1"}`, `{"update":{},"clientMutationId":"1"}`},
		"UpdateOrCreateCounterInput!": {`{"update":{"id":"1"},"clientMutationId":"1"}`, `{"update":{"id":"1"},"create":{},"clientMutationId":"1"}`},
		"DeletePostInput":             {`{"id":1,"clientMutationId":"1"}`, `{"id":"1"}`, `{"id":"1","clientMutationId":"1","title":"x"}`},
		"AddToMarriageUserInput":      {`{"spouse1UserId":"1","spouse2UserId":"2","clientMutationId":"1"}`, `{"spouse1UserId":"1","clientMutationId":"1"}`},
		"CreateUserInput":             {`{}`}, "SetMarriageUserInput": {`{}`}, "PostSubscriptionFilter": {`{}`}, "Viewer": {`{}`},
	})
}
