package compiledschema

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
)

// documents are valid for the schema "every form"; tests change them in small
// ways to meet every rule from both sides.
var documents = []string{
	`{ allUsers(filter: {AND: [{email_contains: "a", mood_in: [GOOD]}, {OR: {age_gt: 3}}], written_some: {title_not: null, author: {admin: true}}}, orderBy: createdAt_DESC, first: 10, skip: 2, after: "x") { id email mood moods friends(last: 2) { id } _friendsMeta { count } spouse(filter: {age: 1}) { id } profile { user { id } } } }`,
	`query Q($first: Int, $filter: UserFilter, $id: ID!, $order: PostOrderBy = title_ASC) { allUsers(first: $first, filter: $filter) { ...U } Post(id: $id) { ...P } posts: allPosts(orderBy: $order) { ...P } _allPostsMeta(filter: {id: $id}) { count } } fragment U on User { id email written { ...P } } fragment P on Post { id title author { id } }`,
	`query($yes: Boolean!) { user @include(if: $yes) { id ... on User { email } ... @skip(if: $yes) { age } } node(id: "a") { id ... on User { email } ... on Post { title } ... on Node { id } __typename } }`,
	`mutation { createUser(email: "a", password: "b", admin: true, settings: "{}", tags: ["x"], moods: [GOOD], spouse: {email: "c", password: "d", admin: false, settings: "{}", moods: []}, writtenIds: ["1"], written: [{title: "t", replies: [{title: "r", author: {email: "e", password: "p", admin: true, settings: "{}", moods: GOOD}}]}]) { id } updatePost(id: "1", title: "x", parentId: "2", nextId: null) { id } deletePost(id: 3) { id author { id } } }`,
	`mutation M($u: UpdatePost!, $c: CreatePost!, $a: ID!, $b: ID!) { updateOrCreatePost(update: $u, create: $c) { id } updateOrCreateCounter(update: {id: $a}) { id } addToLiked(likedPostId: $a, likedByUserId: $b) { likedByUser { id } } setMarriage(spouse1UserId: $a, spouse2UserId: $b) { spouse1User { id } spouse2User { id } } }`,
	`mutation { addToFriends(friends1UserId: 1, friends2UserId: "2") { friends1User { id } friends2User { id } } unsetPostBare(bareBareId: "1", postPostId: "2") { bareBare { id } } signup(email: "a", secret: "b") { id token } }`,
	`subscription S($f: PostSubscriptionFilter) { Post(filter: $f) { mutation node { id title } updatedFields previousValues { id title } } }`,
	`subscription { User(filter: {mutation_in: [CREATED, UPDATED], updatedFields_contains: "age", node: {email: "x", friends_none: {id: "1"}}}) { mutation } }`,
	`{ hello(name: "x", times: 3) { message counts when raw } __schema { types { name fields { name } } } __type(name: "User") { kind ofType { name } } }`,
	`query A { allPosts { id a: title a: title author { id } author { email } } } query B { allBares { id post { id } } } `,
	`{ node(id: "1") { ... on User { x: email y: id } ... on Post { x: title y: id author { z: id } } ... on Profile { user { z: id } } } }`,
	`query($e: String!, $t: [String!]!, $m: Mood, $n: Int!) { User(email: $e) { id } allUsers(filter: {email_in: $t, mood: $m, age_in: [$n, 2]}) { id } }`,
	`fragment F on Query { allUsers { ...G } } fragment G on User { id friends { id } } query { ...F ...F allUsers { email ...G } }`,
	`query Names { allCounters(filter: {createdAt_gt: "2017", id_not_in: ["a"]}) { id createdAt } allLabels { posts(filter: {}) { id } _postsMeta(first: 1) { count } } Counter(id: null) { id } }`,
}

// words are names and literals that mutations put in.
var words = strings.Fields(`id email title User Post Node Query Mutation UserFilter PostOrderBy Mood String Int ID Boolean
	GOOD title_ASC allUsers createPost first filter orderBy after age_in author written friends Liked __typename __schema
	x $first $id $yes $none null true 1 -1 2147483648 99999999999999999999 1.5 1e3 "text" """block""" [] {} [1] {id:1} {title:"x"} [[1]] $u
	User! [User] ...U ...G ...F ...None @include(if:true) @skip(if:$yes) @deprecated @none on fragment query subscription ! : ( ) { } [ ] =`)

var comment = regexp.MustCompile(`(?m)^\s*#.*$`)

var token = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|\.\.\.|[$@]?\w+|[^\s\w]`)

// mutate changes a document in one to three places.
func mutate(r *rand.Rand, document string, words []string) string {
	tokens := token.FindAllString(comment.ReplaceAllString(document, ""), -1)
	for range 1 + r.IntN(3) {
		i := r.IntN(len(tokens))
		word := words[r.IntN(len(words))]
		if r.IntN(2) == 0 {
			word = tokens[r.IntN(len(tokens))]
		}
		switch r.IntN(6) {
		case 0:
			tokens = append(tokens[:i:i], tokens[i+1:]...)
		case 1:
			tokens = append(tokens[:i+1:i+1], tokens[i:]...)
		case 2:
			tokens = append(tokens[:i:i], append([]string{word}, tokens[i:]...)...)
		case 3: // an alias
			if isName(tokens[i]) {
				tokens[i] = fmt.Sprintf("%s: %s", word, tokens[i])
			}
		default:
			if isName(tokens[i]) != isName(word) && r.IntN(2) == 0 {
				continue
			}
			tokens = append([]string(nil), tokens...)
			tokens[i] = word
		}
		if len(tokens) == 0 {
			return ""
		}
	}
	return strings.Join(tokens, " ")
}

func isName(s string) bool {
	return s != "" && (s[0] == '_' || s[0]|32 >= 'a' && s[0]|32 <= 'z')
}

// edges are documents at the edge of a rule, valid or not.
var edges = []string{
	`subscription { Post @include(if: true) { mutation } User @skip(if: true) { mutation } }`,
	`subscription($a: Boolean!) { Post @include(if: $a) { mutation } User { mutation } }`, `subscription($a: Boolean!) { Post @skip(if: $a) { mutation } User { mutation } }`,
	`subscription { Post @skip(if: true) { mutation } }`,
	`subscription { ...F @skip(if: true) User { mutation } } fragment F on Subscription { Post { mutation } }`, `subscription { ... @include(if: false) { Post { mutation } } User { mutation } }`,
	`subscription { a: Post { mutation } b: Post { mutation } }`,
	`subscription { a: Post { mutation } a: Post { node { id } } }`,
	`subscription { __typename }`, `subscription { Post { mutation } ...F } fragment F on Subscription { User { mutation } }`,
	`subscription { ... on Query { allUsers { id } } }`, `subscription { ...F } fragment F on Subscription { Post { mutation } ...F }`,
	`{ __typename }`, `mutation { __typename }`, `mutation { __schema { types { name } } }`, `{ allUsers { __schema { types { name } } } }`,
	`query($a: [[[[[[[[[[[[[[[[[Int]]]]]]]]]]]]]]]]]) { allUsers(first: $a) { id } }`,
	`query($a: Int = null) { allUsers(first: $a) { id } }`, `query($a: Int! = null) { allUsers(first: $a) { id } }`,
	`query($a: ID = null) { node(id: $a) { id } }`, `query($a: ID = "x") { node(id: $a) { id } }`, `query($a: String!) { node(id: $a) { id } }`,
	`query($a: Int) { hello(name: "x", times: $a) { message } }`, `query($a: [Int!]) { hello(name: "x", times: $a) { message } }`,
	`query($a: [Int]) { hello(name: "x", times: $a) { message } }`, `query($a: Int!) { hello(name: "x", times: [$a]) { message } }`,
	`query($a: Int) { hello(name: "x", times: [$a]) { message } }`, `query($a: Boolean) { user @skip(if: $a) { id } }`, `query($a: Boolean = true) { user @skip(if: $a) { id } }`,
	`query($a: Int = $b, $b: Int) { allUsers(first: $a, last: $b) { id } }`, `query($a: User) { allUsers(first: $a) { id } }`,
	`query($a: Int @skip(if: true)) { allUsers(first: $a) { id } }`, `query($a: Int, $a: Int) { allUsers(first: $a) { id } }`,
	`query($a: UserFilter = {email: 1}) { allUsers(filter: $a) { id } }`, `query($a: UserOrderBy = nope) { allUsers(orderBy: $a) { id } }`,
	`query($a: Mood) { allUsers(filter: {mood: $a, mood_in: [$a]}) { id } }`, `query($a: [UserFilter!]) { allUsers(filter: {AND: $a}) { id } }`,
	`{ allUsers(first: 2147483647) { id } }`, `{ allUsers(first: 2147483648) { id } }`, `{ node(id: 99999999999999999999999) { id } }`,
	`{ allUsers(filter: {weight: 1, weight_gt: 1e400}) { id } }`, `{ allUsers(filter: {email: {}}) { id } }`, `{ allUsers(filter: {email: []}) { id } }`,
	`{ allUsers(filter: {born: {a: 1}, born_gt: 5, born_in: [RED, "x", [1]]}) { id } }`, `{ allUsers(filter: [{email: "x"}]) { id } }`,
	`{ allUsers(filter: "x") { id } }`, `{ allUsers(filter: {AND: [[{}]]}) { id } }`, `{ allUsers(filter: {email: "a", email: "b"}) { id } }`,
	`{ allUsers(filter: null, first: null) { id } }`, `{ node(id: null) { id } }`, `{ node { id } }`, `{ allUsers(first: 1, first: 2) { id } }`,
	`{ allUsers { id { x } } }`, `{ allUsers }`, `{ allUsers { } }`, `{ user { spouse } }`, `{ allUsers { ...F } } fragment F on String { x }`,
	`{ allUsers { ... on Post { id } } }`, `{ node(id: 1) { ... on Query { user { id } } } }`, `{ ... on Node { id } }`, `{ allUsers { ... on Node { id ... on User { email } ... on Post { title } } } }`,
	`{ allUsers { ... on UserFilter { id } } }`, `{ allUsers { ... on Nope { id } } }`, `{ ... @include(if: true) { allUsers { id } } }`,
	`{ user { id @include(if: true) @include(if: false) } }`, `{ user { id @include } }`, `{ user { id @include(if: null) } }`, `{ user { id @include(if: "x") } }`,
	`{ user { id @deprecated } }`, `{ user { id @specifiedBy(url: "x") } }`, `query @include(if: true) { user { id } }`, `query Q { user { id } } query Q { user { id } }`,
	`query { user { id } } query Q { user { id } }`, `fragment F on User { id } fragment F on User { id } { user { ...F } }`, `fragment F on User { id }`, `{ user { ...F } }`,
	`{ a: user { x: id } a: user { x: email } }`, `{ node(id: 1) { ... on User { x: email } ... on Post { x: parent { id } } } }`,
	`{ node(id: 1) { ... on User { x: age } ... on Post { x: title } } }`, `{ node(id: 1) { ... on User { x: friends { id } } ... on Post { x: parent { id } } } }`,
	`{ node(id: 1) { ... on User { x: spouse { y: id } } ... on Post { x: parent { y: title } } } }`, `{ node(id: 1) { ... on User { x: spouse { y: age } } ... on Post { x: parent { y: title } } } }`,
	`{ node(id: 1) { x: id ... on User { x: email } } }`, `{ allUsers(filter: {email: "a", age: 1}) { id } allUsers(filter: {age: 1, email: "a"}) { id } }`,
	`{ allUsers(filter: {age: 1}) { id } allUsers(filter: {age: 2}) { id } }`, `{ allUsers(first: 1, last: 2) { id } allUsers(last: 2, first: 1) { id } }`,
	`{ a: __typename user { a: id __typename __typename: id } }`, `{ user { ...F ...F friends { id } } } fragment F on User { friends { email: id } }`,
	`{ user { ...F friends { email } } } fragment F on User { friends { email: id } }`,
	`{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }`, `{ __schema { types { fields { type { fields { name } } } } } }`,
	`{ __schema { nope } }`, `{ __type { name } }`, `{ __type(name: 1) { name } }`, `{ __type(name: "x", nope: 1) { name } }`, `{ __schema { directives(includeDeprecated: true) { name } } }`,
	`{ x: __type(name: "User") { ... on __Type { name } ...F } } fragment F on __Type { kind }`, `query($a: __TypeKind) { user { id } allUsers(first: $a) { id } }`, `query($a: __TypeKind) { __type(name: $a) { name } }`,
	`{ hello(name: """block "quoted" \""" text""") { message } }`, `{ hello(name: "\u0041 é \"x\"") { message } }`, `{ hello(name: "unterminated) { message } }`, "{ hello(name: \"line\nbreak\") { message } }",
	`mutation { createUser(email: "a", password: "b", admin: true, settings: {a: 1}, moods: [GOOD]) { id } }`, `mutation { createUser(email: "a") { id } }`,
	`mutation { createUser(email: "a", password: "b", admin: true, settings: "{}", moods: [GOOD], createdAt: "2017") { id } }`, `mutation { createCounter { id } }`, `mutation { createCounter() { id } }`,
	`mutation { updateUser(id: "1", moods: null, email: null) { id } }`, `mutation { createPost(title: "x", bare: {id: 1}) { id } }`, `mutation { createPost(title: null) { id } }`,
	`extend type Query { x: Int } { user { id } }`, `type X { y: Int }`, `{ user { id } } type X { y: Int }`, ``, `# nothing`, `{`, `query`, `{ user { id } } trailing`, `{ user { on } }`, `{ on: user { id } }`, `{ user { ...on } } fragment on on User { id }`,
	`{ allUsers(first: 01) { id } }`, `{ allUsers(first: 1.) { id } }`, `{ allUsers(filter: {weight: 1x}) { id } }`, `{ allUsers(first: -0) { id } }`, `{ allUsers(first: +1) { id } }`, `{,,user,,{,,id,,},,}`, "\ufeff{ user { id } }",
	`query Q($a: Int) { user { ...F } } query R { user { ...F } } fragment F on User { friends(first: $a) { id } }`, `query Q($a: Int) { user { ...F } } fragment F on User { friends(first: $a) { id } }`,
	`query Q($a: String) { user { ...F } } fragment F on User { friends(first: $a) { id } }`, `query Q($a: Int) { user { ...F } } fragment F on User { ...G } fragment G on User { friends(first: $a) { id } }`,
}

// lenient are documents that graphql-js refuses and we accept. Its rule for the one
// field of a subscription can't look at directives whose condition is a variable.
var lenient = []string{
	`subscription($a: Boolean!) { Post @include(if: $a) { mutation } }`,
	`subscription($a: Boolean = true) { Post @skip(if: $a) { mutation } }`,
}
