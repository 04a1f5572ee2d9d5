package compiledschema

import (
	"reflect"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"icehouse/dataplane/coercion"
)

func TestMeaningOfRoots(t *testing.T) {
	s := everyFormSchema(t)
	for name, want := range map[string]RootKind{
		"allUsers": RootAll, "_allUsersMeta": RootMeta, "User": RootOne, "node": RootNode, "user": RootUser, "hello": RootResolver,
	} {
		if root, ok := s.QueryRoot(name); !ok || root.Kind != want {
			t.Errorf("%s is %+v, %v", name, root, ok)
		}
	}
	for name, want := range map[string]RootKind{
		"createUser": RootCreate, "updateUser": RootUpdate, "updateOrCreateUser": RootUpdateOrCreate, "deleteUser": RootDelete,
		"setMarriage": RootSet, "unsetMarriage": RootUnset, "setUserProfile": RootSet, "addToLiked": RootAddTo, "removeFromLiked": RootRemoveFrom,
		"addToWritten": RootAddTo, "signup": RootResolver,
	} {
		if root, ok := s.MutationRoot(name); !ok || root.Kind != want {
			t.Errorf("%s is %+v, %v", name, root, ok)
		}
	}
	// Required on one end: nothing takes the edge away (data-api §2.9).
	for _, name := range []string{"unsetUserProfile", "removeFromWritten", "addToMarriage", "setLiked", "hello", "createNothing"} {
		if root, ok := s.MutationRoot(name); ok {
			t.Errorf("%s is %+v", name, root)
		}
	}
	for name, want := range map[string]string{"createUser": "User", "removeFromLiked": "RemoveFromLikedPayload", "signup": "[SignupPayload!]"} {
		root, _ := s.MutationRoot(name)
		if got := s.RootType(root).String(); got != want {
			t.Errorf("%s gives %s, want %s", name, got, want)
		}
	}
	if root, ok := s.SubscriptionRoot("Post"); !ok || root.Kind != RootSubscription || root.Type.Name != "Post" {
		t.Errorf("the subscription is %+v, %v", root, ok)
	}
	if n := testing.AllocsPerRun(100, func() { s.QueryRoot("_allUsersMeta"); s.MutationRoot("removeFromLiked") }); n > 0 {
		t.Errorf("a look-up costs %v allocations", n)
	}
}

func TestMeaningOfMembersAndKeys(t *testing.T) {
	s := everyFormSchema(t)
	user := s.ModelType("User")
	for name, want := range map[string]MemberKind{
		"email": MemberScalar, "moods": MemberScalar, "spouse": MemberToOne, "written": MemberToMany, "_writtenMeta": MemberMeta,
	} {
		if m, ok := s.Member(user, name); !ok || m.Kind != want {
			t.Errorf("%s is %+v, %v", name, m, ok)
		}
	}
	for _, name := range []string{"_spouseMeta", "_emailMeta", "_Meta", "__typename", "nope"} {
		if m, ok := s.Member(user, name); ok {
			t.Errorf("%s is %+v", name, m)
		}
	}
	for key, want := range map[string]FilterKey{
		"AND": {Kind: FilterAnd}, "OR": {Kind: FilterOr},
		"email": {FilterScalar, user.Field("email"), Is}, "email_not_ends_with": {FilterScalar, user.Field("email"), NotEndsWith},
		"age_gte": {FilterScalar, user.Field("age"), Gte}, "mood_not_in": {FilterScalar, user.Field("mood"), NotIn},
		"spouse": {Kind: FilterToOne, Field: user.Field("spouse")}, "written_none": {Kind: FilterNone, Field: user.Field("written")},
	} {
		if got, ok := s.FilterKey(user, key); !ok || got != want {
			t.Errorf("%s is %+v, %v", key, got, ok)
		}
	}
	for _, key := range []string{"password", "settings", "tags", "admin_in", "mood_lt", "age_contains", "written", "spouse_some", "NOT", "email_is_null", "moods_in"} {
		if got, ok := s.FilterKey(user, key); ok {
			t.Errorf("%s is %+v", key, got)
		}
	}
	for key, want := range map[string]InputKind{
		"id": InputID, "email": InputScalar, "spouseId": InputConnect, "spouse": InputCreate, "writtenIds": InputConnectMany, "written": InputCreateMany,
	} {
		if got, ok := s.InputKey(user, key); !ok || got.Kind != want {
			t.Errorf("%s is %+v, %v", key, got, ok)
		}
	}
	for _, key := range []string{"createdAt", "writtenId", "spouseIds", "emailId"} {
		if got, ok := s.InputKey(user, key); ok {
			t.Errorf("%s is %+v", key, got)
		}
	}
	if f, desc, ok := s.OrderBy(user, "settings_DESC"); !ok || !desc || f.Name != "settings" {
		t.Errorf("settings_DESC is %v %v %v", f, desc, ok)
	}
	for _, value := range []string{"tags_ASC", "written_ASC", "email", "_ASC", "email_asc"} {
		if _, _, ok := s.OrderBy(user, value); ok {
			t.Errorf("%s is an order", value)
		}
	}
	var unique []string
	for _, f := range s.UniqueFields(user) {
		unique = append(unique, f.Name)
	}
	if got := strings.Join(unique, " "); got != "age email id" {
		t.Errorf("unique are %s", got)
	}
	if n := testing.AllocsPerRun(100, func() {
		s.FilterKey(user, "email_not_ends_with")
		s.InputKey(user, "writtenIds")
		s.Member(user, "_writtenMeta")
		s.OrderBy(user, "email_DESC")
	}); n > 0 {
		t.Errorf("a look-up costs %v allocations", n)
	}
}

func TestRelationNames(t *testing.T) {
	s := everyFormSchema(t)
	for relation, want := range map[string]string{
		"Friends": "friends1User friends2User", "Marriage": "spouse1User spouse2User", "Written": "writtenPost authorUser",
		"Thread": "parentPost repliesPost", "UserProfile": "profileProfile userUser",
	} {
		a, b := s.RelationNames(s.Model().Relation(relation))
		if got := a + " " + b; got != want {
			t.Errorf("%s is %s, want %s", relation, got, want)
		}
	}
}

// Types with special inputs (data-api §2.7, §13 points 3 and 5).
func TestSpecialInputs(t *testing.T) {
	sdl := everyFormSchema(t).SDL()
	for _, want := range []string{
		"updateOrCreateCounter(update: UpdateCounter!): Counter\n", // nothing to create with
		"createCounter: Counter\n",                                 //
		"bareId: ID, labelId: ID, label: PostlabelLabel,",          // Bare has nothing but the way back
		"input PostlabelLabel {\n  postsIds: [ID!]\n",              // a list that leads back is something
		"parentId: ID, parent: PostrepliesPost,",                   // a self relation has one nested type, named by side B
		"nextId: ID, next: PostnextPost, parentId",                 //
		"previousId: ID, previous: PostnextPost,",                  //
		"moods: [Mood!]!,",                                         // required and without default
		"mood: Mood,",                                              // required, but with default
		"tags: [String!],",                                         //
		"createUser(admin: Boolean!,",                              //
		"\"\"\"hello-fn\"\"\"\n  hello(name: String!, times: [Int!]! = [1, 2], greeting: String = \"Hi \\\"you\\\"\"): HelloPayload!\n  user: User\n  node(id: ID!): Node\n}",
	} {
		if !strings.Contains(sdl, want) {
			t.Errorf("the schema lacks %q", want)
		}
	}
	for _, not := range []string{"input CreateCounter", "input PostbareBare", "PostparentPost", "PostpreviousPost", "enum Unused", "NOTHING"} {
		if strings.Contains(sdl, not) {
			t.Errorf("the schema has %q", not)
		}
	}
	empty := compile(t, "").SDL()
	for _, not := range []string{"mutation", "subscription", queryMetaName, mutationKindName} {
		if strings.Contains(empty, not) {
			t.Errorf("the schema of a project without types has %s", not)
		}
	}
}

// Coercion sees the same types through a Schema as through the printed schema.
func TestCoercionOverTheVirtualSchema(t *testing.T) {
	s := everyFormSchema(t)
	whole := coercion.FromSchema(gqlparser.MustLoadSchema(&ast.Source{Input: s.SDL()}))
	sameVariables(t, s, whole, map[string][]string{
		"UserFilter": {`{}`, `null`, `{"AND":[{"email_in":["a"]},{"age":null}],"written_some":{"title":"x","author":{"admin":true}}}`,
			`{"AND":{"email":"x"}}`, `{"password":"x"}`, `{"email_in":[null]}`, `{"mood":"GOOD"}`, `{"mood":"NO"}`, `{"NOT":{}}`, `{"written":{}}`},
		"CreateUser!": {`{}`, `{"email":"a","password":"b","admin":true,"settings":{"a":[1]},"moods":"GOOD"}`, `{"email":"a","password":"b","admin":null,"settings":{},"moods":[]}`,
			`{"email":"a","password":"b","admin":true,"settings":{},"moods":[],"written":{"title":"x","likedByIds":"1"}}`,
			`{"email":"a","password":"b","admin":true,"settings":{},"moods":[],"written":{"title":"x","author":{}}}`, `{"id":"1"}`},
		"UpdatePost":                  {`{}`, `{"id":1}`, `{"id":"1","title":null,"replies":[{"title":"a","author":{"email":"x"}}]}`},
		"[PostSubscriptionFilter!]":   {`{"mutation_in":"CREATED","node":{"title_contains":"x"}}`, `[{"node":{"AND":[]}}]`, `{"updatedFields_contains_some":["a"]}`},
		"PostOrderBy":                 {`"title_ASC"`, `"author_ASC"`, `1`},
		"PostSubscriptionFilterNode!": {`null`, `{"author":{"email":"x"}}`},
		"PostrepliesPost":             {`{"title":"x"}`, `{"title":"x","parentId":"1"}`, `{"title":"x","repliesIds":["1"]}`},
		"User":                        {`{}`},
		"Nothing":                     {`{}`},
		"[[Mood]]":                    {`"GOOD"`, `[["BAD",null],null]`},
	})
}

func TestArgumentsForCoercion(t *testing.T) {
	s := everyFormSchema(t)
	root, _ := s.QueryRoot("hello")
	if arg, ok := s.Argument(root, "times"); !ok || arg.Type.String() != "[Int!]!" || arg.Default == nil {
		t.Errorf("times is %+v, %v", arg, ok)
	}
	member, _ := s.Member(s.ModelType("User"), "written")
	if arg, ok := s.MemberArgument(member, "orderBy"); !ok || arg.Type.String() != "PostOrderBy" {
		t.Errorf("orderBy is %+v, %v", arg, ok)
	}
	if _, ok := s.MemberArgument(member, "times"); ok {
		t.Error("a field has another's argument")
	}
}

// sameVariables compares what the virtual schema and the whole one make of values.
func sameVariables(t *testing.T, virtual, whole coercion.Types, values map[string][]string) {
	t.Helper()
	for typ, values := range values {
		op := parseQuery(t, "query($v: "+typ+") { a }").Operations[0]
		for _, value := range values {
			vars, err := coercion.ReadVariables(`{"v":` + value + `}`)
			if err != nil {
				t.Fatal(err)
			}
			got, gotErrs := coercion.Variables(virtual, op, vars)
			want, wantErrs := coercion.Variables(whole, op, vars)
			if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(gotErrs, wantErrs) {
				t.Errorf("%s %s\nvirtual: %v %v\nwhole: %v %v", typ, value, got, gotErrs, want, wantErrs)
			}
		}
	}
}
