package compiledschema

import (
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// moved says by how much a service moved on after its schema was saved: fields
// that differ for that reason, and why.
var moved = map[string]struct {
	fields int
	why    string
}{
	"markphillips7--go-team-graphcool":                    {51, "teamSeasonsAsParents was renamed, relations were added"},
	"bilkoh--boutique-manager":                            {9, "Frame.brand and Frame.model became optional"},
	"iki--expenses-app-react-ts-gql":                      {43, "the fields transaction were renamed"},
	"andreicalazans--hackernews-react-relay":              {16, "a schema of early 2017, with longer nested names and fewer null marks; the relations' sides were swapped"},
	"renancostanascimento--taskapp":                       {1, "emailConfirmationToken was unique"},
	"dobleuber--planning-poker":                           {28, "Project.project was renamed, a relation's sides were swapped"},
	"rromanovsky--react-native-relay-graphcool-messenger": {29, "Channel.title was removed, Channel.image became required"},
}

// otherProducts are services beside which lies the schema of a server that they
// used before.
var otherProducts = map[string]bool{"bibleexchange--be-front-end": true}

// consoleLogin are the types of the optional login of console projects (data-api
// §7.6), and the fields by which they are reached.
var consoleLogin = map[string]bool{
	"SigninPayload": true, "SigninUserInput": true, "AuthProviderSignupData": true, "AUTH_PROVIDER_EMAIL": true,
	"SignupUserInput.authProvider": true, "Mutation.signinUser": true,
}

// isForeign says that something of a saved schema is none of the API that its
// service has here: invokeFunction of the hosted service, the console's login, and
// what clients put into a schema of the Relay API by hand from that of the Simple
// API, so that one file had subscriptions too.
func isForeign(api, name string) bool {
	byHand := api == "relay" && (strings.Contains(name, "Subscription") || strings.HasSuffix(name, "PreviousValues") ||
		strings.HasSuffix(name, "Meta"))
	return consoleLogin[name] || byHand || strings.HasPrefix(name, "InvokeFunction") || name == "Mutation.invokeFunction"
}

var apis = map[string]API{"simple": Simple, "relay": Relay}

// Schemas that the original platform generated agree with ours in the types and
// fields that both have, down to arguments, their order and null marks. The index
// counts fields by name and type alone.
func TestGeneratedSchemasOfTheOriginal(t *testing.T) {
	for _, s := range corpus(t) {
		for _, g := range s.goldens {
			if otherProducts[s.id] {
				continue
			}
			theirs, err := parser.ParseSchema(&ast.Source{Input: g.text})
			if err != nil {
				t.Errorf("%s: %v", s.id, err)
				continue
			}
			ours, err := parser.ParseSchema(&ast.Source{Input: s.schema.For(apis[g.API]).SDL()})
			if err != nil {
				t.Fatal(err)
			}
			exact, loose, differ := 0, 0, []string(nil)
			for _, their := range theirs.Definitions {
				our := ours.Definitions.ForName(their.Name)
				if isForeign(g.API, their.Name) {
					loose += len(their.Fields)
					continue
				}
				if our == nil || strings.HasPrefix(their.Name, "__") {
					continue
				}
				for _, f := range their.Fields {
					found := our.Fields.ForName(f.Name)
					switch {
					case isForeign(g.API, their.Name+"."+f.Name):
						loose++
						continue
					case found == nil:
						differ = append(differ, their.Name+"."+fieldLine(f)+" is not ours")
						continue
					case fieldLine(found) == fieldLine(f):
						exact++
					default:
						differ = append(differ, their.Name+"."+fieldLine(f)+" is ours as "+fieldLine(found))
					}
					if found.Type.Name() == f.Type.Name() {
						loose++
					}
				}
			}
			t.Logf("%s: %d fields exactly the same, %d by name and type (index: %d), %d moved", s.id, exact, loose, g.Compare.Fields.Same, len(differ))
			if loose < g.Compare.Fields.Same || len(differ) != moved[s.id].fields {
				t.Errorf("%s: more differs than the service's own history explains (%s)", s.id, moved[s.id].why)
				for _, line := range differ {
					t.Log("  ", line)
				}
			}
		}
	}
}
