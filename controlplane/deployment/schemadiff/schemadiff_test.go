package schemadiff_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"icehouse/controlplane/deployment/schemadiff"
	"icehouse/dataplane/datamodel"
)

func parse(t *testing.T, sdl string) *datamodel.Parsed {
	t.Helper()
	p, errs := datamodel.Parse(sdl)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return p
}

func changes(t *testing.T, before, after string) (names []string, d *schemadiff.Diff) {
	t.Helper()
	prev, next := parse(t, before), parse(t, after)
	next.Model.KeepSides(prev.Model, next.Hints)
	d = schemadiff.Compare(prev.Model, next.Model, next.Hints)
	for _, c := range d.Changes {
		names = append(names, strings.TrimPrefix(fmt.Sprintf("%T", c), "schemadiff."))
	}
	return names, d
}

const base = `
type A @model { id: ID! @isUnique x: Int b: B @relation(name: "R") e: E }
type B @model { id: ID! @isUnique a: A @relation(name: "R") }
enum E { V W }
`

func TestCompare(t *testing.T) {
	swap := func(old, new string) string { return strings.Replace(base, old, new, 1) }
	for _, c := range []struct {
		name, after string
		want        string
		destructive bool
	}{
		{"nothing", base, "", false},
		{"field to relation", strings.Replace(swap("x: Int", `x: B @relation(name: "S")`), `a: A`, `s: A @relation(name: "S") a: A`, 1), "AddField RemoveField AddField CreateRelation", true},
		{"another target under the same name", `
type A @model { id: ID! @isUnique x: Int b: C @relation(name: "R") e: E }
type B @model { id: ID! @isUnique }
type C @model { id: ID! @isUnique a: A @relation(name: "R") }
enum E { V W }`, "CreateType AddField RemoveField RemoveField RemoveRelation CreateRelation", true},
		{"relation renamed by its fields", strings.ReplaceAll(base, `"R"`, `"S"`), "RenameRelation", false},
		{"cardinality", swap("b: B @", "b: [B!]! @"), "ChangeField", false},
		{"enum values", swap("V W", "W X"), "AddEnumValues RemoveEnumValues", false},
		{"order of enum values", swap("V W", "W V"), "", false},
		{"type renamed", strings.NewReplacer("type A @model", `type Z @model @rename(oldName: "A")`, "a: A", "a: Z").Replace(base), "RenameType", false},
		{"field renamed", swap("x: Int", `y: Int @rename(oldName: "x")`), "RenameField", false},
		{"hidden field shown", swap("x: Int", "x: Int createdAt: DateTime!"), "ShowField", false},
		{"default", swap("x: Int", "x: Int @defaultValue(value: 1)"), "ChangeDefault", false},
		{"type with a default", swap("x: Int", `x: String @defaultValue(value: "1")`), "ChangeField", false},
		{"enum replaced", strings.NewReplacer("e: E", "e: F", "enum E", "enum F").Replace(base), "CreateEnum ChangeField RemoveEnum", true},
		{"all gone", "type Q @model { id: ID! @isUnique }", "RemoveType RemoveType CreateType RemoveEnum RemoveRelation", true},
	} {
		got, d := changes(t, base, c.after)
		if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		if d.Destructive() != c.destructive {
			t.Errorf("%s: destructive %v", c.name, d.Destructive())
		}
	}
	// Hiding is the way back from showing, and loses nothing (LQ-55).
	got, d := changes(t, swap("x: Int", "x: Int createdAt: DateTime!"), base)
	if strings.Join(got, " ") != "HideField" || d.Destructive() {
		t.Error(got)
	}
}

func TestFirstRelease(t *testing.T) {
	next := parse(t, base)
	d := schemadiff.Compare(nil, next.Model, next.Hints)
	if len(d.Changes) != 4 || d.Destructive() {
		t.Fatal(d.Changes)
	}
	for _, typ := range next.Model.Types {
		if d.OldType(typ) != nil {
			t.Fatal(typ.Name)
		}
	}
}
