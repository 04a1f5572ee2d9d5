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
