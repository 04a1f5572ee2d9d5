package servicedef

import (
	"testing"

	"icehouse/dataplane/datamodel"
)

func TestLocate(t *testing.T) {
	d := Definition{types: []typesFile{
		{"one.graphql", "# Orders.\ntype Order @model {\n  id: ID! @isUnique\n  total: Int\n}"},
		{"two.graphql", "\nenum Colour { RED }\ntype Item @model {\n  id: ID! @isUnique\n\tcolour: Color\n}\n"},
	}}
	_, found := datamodel.Parse(d.types[0].text + "\n" + d.types[1].text)
	if len(found) != 1 {
		t.Fatal(found)
	}
	for name, c := range map[string]struct {
		typeName, field, message string
		want                     string
	}{
		"what we find ourselves": {found[0].Type, found[0].Field, found[0].Description, "two.graphql:5:"},
		"a field":                {"Order", "total", "It has data.", "one.graphql:4:3: It has data."},
		"a field of file two":    {"Item", "id", "It has data.", "two.graphql:4:3: It has data."},
		"a type":                 {"Order", "", "It has data.", "one.graphql:2:"},
		"a field that is gone":   {"Item", "gone", "It has data.", "two.graphql:3:"},
		"an enum":                {"Colour", "", "It is used.", "two.graphql:2:"},
		"a type that is gone":    {"Gone", "", "It has data.", ""},
		"all":                    {"Global", "", "It is destructive.", ""},
	} {
		p, ok := d.Locate(c.typeName, c.field, c.message)
		if ok != (c.want != "") || ok && (len(p.String()) < len(c.want) || p.String()[:len(c.want)] != c.want || p.Excerpt == "") {
			t.Errorf("%s: %v %s\n%s", name, ok, p, p.Excerpt)
		}
	}
	broken := Definition{types: []typesFile{{"a.graphql", "type A @model {"}}}
	_, found = datamodel.Parse(broken.types[0].text)
	if p, ok := broken.Locate(found[0].Type, found[0].Field, found[0].Description); !ok || p.File != "a.graphql" || p.At.Line != 1 {
		t.Errorf("%v %s", ok, p)
	}
	if p, ok := broken.Locate("A", "", "x"); ok {
		t.Errorf("a place in what can't be read: %s", p)
	}
}
