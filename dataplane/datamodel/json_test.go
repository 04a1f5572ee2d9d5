package datamodel

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestUnmarshalRefuses reads models whose parts do not fit together.
func TestUnmarshalRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`[]`:                                    "cannot unmarshal",
		`{"types":[{"name":""}]}`:               "type name",
		`{"types":[{"name":"A"},{"name":"A"}]}`: "type name",
		`{"types":[{"name":"A"}],"enums":[{"name":"A"}]}`:                                                                      "type name",
		`{"enums":[{"name":"A"},{"name":"A"}]}`:                                                                                "enum name",
		`{"enums":[{"name":"Int"}]}`:                                                                                           "enum name",
		`{"types":[{"name":"A","fields":[{"name":"x","type":"Foo"}]}]}`:                                                        "unknown type",
		`{"types":[{"name":"A","fields":[{"name":"","type":"Int"}]}]}`:                                                         "field name",
		`{"types":[{"name":"A","fields":[{"name":"x","type":"Int"},{"name":"x","type":"Int"}]}]}`:                              "field name",
		`{"types":[{"name":"A","fields":[{"name":"x","type":"A"}]}]}`:                                                          "no relation leads",
		`{"relations":[{"name":"R","a":["A","x"],"b":["A","x"]}]}`:                                                             "there is no field A.x",
		`{"relations":[{"name":""}]}`:                                                                                          "name is empty",
		`{"types":[{"name":"A","fields":[{"name":"x","type":"Int"}]}],"relations":[{"name":"R","a":["A","x"],"b":["A","x"]}]}`: "no relation field",
		`{"types":[{"name":"A","fields":[{"name":"x","type":"A"},{"name":"y","type":"A"}]}],"relations":[{"name":"R","a":["A","x"],"b":["A","y"]},{"name":"S","a":["A","x"],"b":["A","y"]}]}`: "another relation",
		`{"types":[{"name":"A","fields":[{"name":"x","type":"A"}]}],"relations":[{"name":"R","a":["A","x"],"b":["A","x"]},{"name":"R","a":["A","x"],"b":["A","x"]}]}`:                         "name is empty or taken",
		`{"types":[{"name":"A","fields":[{"name":"x","type":"B"}]},{"name":"B","fields":[{"name":"y","type":"B"}]}],"relations":[{"name":"R","a":["A","x"],"b":["B","y"]}]}`:                  "no relation leads from the field B.y",
		`{"types":[{"name":"A","fields":[{"name":"x","type":"A","list":true,"required":true}]}],"relations":[{"name":"R","a":["A","x"],"b":["A","x"]}]}`:                                      "cannot be required",
	} {
		m := &DataModel{Enums: []*Enum{{Name: "Kept"}}}
		err := json.Unmarshal([]byte(text), m)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n\tgives %v, want %q", text, err, want)
		}
		if len(m.Enums) != 1 || m.Types != nil {
			t.Errorf("%s\n\tchanged the model although it was refused", text)
		}
	}
}

func TestMarshalIsCompact(t *testing.T) {
	m := mustParse(t, `
		type Post @model { id: ID! @isUnique mood: Mood @defaultValue(value: GOOD) next: Post @relation(name: "Next") }
		enum Mood { GOOD }`).Model
	const want = `{"types":[{"name":"Post","fields":[{"name":"id","type":"ID","required":true,"unique":true},` +
		`{"name":"mood","type":"Mood","default":{"text":"GOOD","json":"\"GOOD\""}},{"name":"next","type":"Post"}]}],` +
		`"enums":[{"name":"Mood","values":["GOOD"]}],` +
		`"relations":[{"name":"Next","a":["Post","next"],"b":["Post","next"]}]}`
	got, err := json.Marshal(m)
	if err != nil || string(got) != want {
		t.Errorf("got %s (%v)\nwant %s", got, err, want)
	}
	if got, err := json.Marshal(&DataModel{}); err != nil || string(got) != "{}" {
		t.Errorf("an empty model is %s (%v)", got, err)
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte(`{"types":[{"name":"A","fields":[{"name":"x","type":"A"},{"name":"y","type":"E","default":{"null":true,"text":"null"}}]}],"enums":[{"name":"E","values":["V"]}],"relations":[{"name":"R","a":["A","x"],"b":["A","x"]}]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := &DataModel{}
		if json.Unmarshal(data, m) != nil {
			return
		}
		if err := checkLinks(m); err != nil {
			t.Error(err)
		}
		again, err := throughJSON(m)
		if err != nil {
			t.Fatal(err)
		}
		if diff := diffModels(m, again); diff != "" {
			t.Error(diff)
		}
	})
}
