package dataplanetest

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestSizes takes values that are as large as they may be, and refuses larger ones with
// 3007, in creates and updates (platform §10).
func TestSizes(t *testing.T) {
	const most = 262_144
	const sdl = `
type Note @model {
  id: ID! @isUnique
  text: String
  json: Json
  texts: [String!]
  number: Float
  key: String @isUnique
}
`
	wide := func(n int) string { return strings.Repeat("ä", n) } // characters count, not bytes
	for _, c := range contexts(t) {
		p := Deploy(t, c, sdl)
		created := func() string {
			_, answer := p.Do(t, Request{Query: `mutation { createNote { id } }`})
			return strings.Split(answer, `"`)[7]
		}
		for _, value := range []struct {
			name, field, typ string
			value            any
			fits             bool
		}{
			{"text", "text", "String", wide(most), true},
			{"longer text", "text", "String", wide(most + 1), false},
			{"JSON", "json", "Json", json.RawMessage(`{"a":"` + strings.Repeat("x", most-len(`{"a":""}`)) + `"}`), true},
			{"longer JSON", "json", "Json", json.RawMessage(`{"a":"` + strings.Repeat("x", most-len(`{"a":""}`)+1) + `"}`), false},
			{"list", "texts", "[String!]", []string{strings.Repeat("x", most-len(`[""]`))}, true},
			{"longer list", "texts", "[String!]", []string{strings.Repeat("x", most/2), strings.Repeat("y", most/2)}, false},
			{"number", "number", "Float", json.RawMessage("0." + strings.Repeat("0", 32) + "1"), true},
			{"longer number", "number", "Float", json.RawMessage("0." + strings.Repeat("0", 33) + "1"), false},
			{"longer key", "key", "String", longUnique + wide(most), false},
		} {
			t.Run(c.Name+"/"+value.name, func(t *testing.T) {
				text, err := json.Marshal(map[string]any{"v": value.value})
				if err != nil {
					t.Fatal(err)
				}
				requests := []Request{
					{Query: `mutation ($v: ` + value.typ + `) { createNote(` + value.field + `: $v) { id } }`, Variables: text},
					{Query: `mutation ($v: ` + value.typ + `) { updateNote(id: "` + created() + `", ` + value.field + `: $v) { id } }`, Variables: text},
				}
				for _, r := range requests {
					status, answer := p.Do(t, r)
					refused := strings.Contains(answer, `"code":3007`) && strings.Contains(answer, "too long")
					if status != 200 || refused == value.fits || value.fits && strings.Contains(answer, "errors") {
						t.Errorf("%.60s: %d %.300s", r.Query, status, answer)
					}
				}
			})
		}
	}
}
