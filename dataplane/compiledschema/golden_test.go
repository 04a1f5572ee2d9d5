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
	"markphillips7--go-team-graphcool": {51, "teamSeasonsAsParents was renamed, relations were added"},
	"bilkoh--boutique-manager":         {9, "Frame.brand and Frame.model became optional"},
	"iki--expenses-app-react-ts-gql":   {43, "the fields transaction were renamed"},
}

// Schemas that the original platform generated agree with ours in the types and
// fields that both have, down to arguments, their order and null marks. Beside
// what moved, the hosted service had invokeFunction, which is not needed
// (data-api §2.1). The index counts fields by name and type alone.
func TestGeneratedSchemasOfTheOriginal(t *testing.T) {
	for _, s := range corpus(t) {
		for _, g := range s.goldens {
			if g.API != "simple" {
				continue
			}
			theirs, err := parser.ParseSchema(&ast.Source{Input: g.text})
			if err != nil {
				t.Errorf("%s: %v", s.id, err)
				continue
			}
			ours, err := parser.ParseSchema(&ast.Source{Input: s.schema.SDL()})
			if err != nil {
				t.Fatal(err)
			}
			exact, loose, differ := 0, 0, []string(nil)
			for _, their := range theirs.Definitions {
				our := ours.Definitions.ForName(their.Name)
				if strings.HasPrefix(their.Name, "InvokeFunction") {
					loose += len(their.Fields)
					continue
				}
				if our == nil || strings.HasPrefix(their.Name, "__") {
					continue
				}
				for _, f := range their.Fields {
					found := our.Fields.ForName(f.Name)
					switch {
					case their.Name == mutationName && f.Name == "invokeFunction":
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
