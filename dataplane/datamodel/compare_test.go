package datamodel

import (
	"encoding/json"
	"fmt"

	"github.com/google/go-cmp/cmp"
)

// The flat form of a model: what a field points at becomes a name. go-cmp takes
// minutes to walk the same thing along its pointers.
type (
	flatModel struct {
		Types     []flatType
		Enums     []Enum
		Relations []flatRelation
	}
	flatType struct {
		Name   string
		Index  int
		Fields []flatField
	}
	flatField struct {
		Name           string
		Index          int
		Scalar         Scalar
		Enum, Relation string
		Side           Side
		List, Required bool
		Unique         bool
		Default        *Value
	}
	flatRelation struct{ Name, A, B string }
)

func flatten(m *DataModel) flatModel {
	var out flatModel
	for _, t := range m.Types {
		ft := flatType{Name: t.Name, Index: t.Index}
		for _, f := range t.Fields {
			ff := flatField{f.Name, f.Index, f.Scalar, "", "", f.Side, f.List, f.Required, f.Unique, f.Default}
			if f.Enum != nil {
				ff.Enum = f.Enum.Name
			}
			if f.Relation != nil {
				ff.Relation = f.Relation.Name
			}
			ft.Fields = append(ft.Fields, ff)
		}
		out.Types = append(out.Types, ft)
	}
	for _, e := range m.Enums {
		out.Enums = append(out.Enums, *e)
	}
	for _, r := range m.Relations {
		out.Relations = append(out.Relations, flatRelation{
			r.Name,
			FieldKey(r.A().Type.Name, r.A().Name), FieldKey(r.B().Type.Name, r.B().Name),
		})
	}
	return out
}

// diffModels compares two models; it is empty when they are equal.
func diffModels(a, b *DataModel) string { return cmp.Diff(flatten(a), flatten(b)) }

// checkLinks says that every pointer of a model leads where its name says.
func checkLinks(m *DataModel) error {
	for i, t := range m.Types {
		if t.Index != i || m.Type(t.Name) != t {
			return fmt.Errorf("type %s is out of place", t.Name)
		}
		for j, f := range t.Fields {
			key := FieldKey(t.Name, f.Name)
			if f.Type != t || f.Index != j || t.Field(f.Name) != f {
				return fmt.Errorf("field %s is out of place", key)
			}
			kinds := 0
			if f.Scalar != NotScalar {
				kinds++
			}
			if f.Enum != nil {
				kinds++
				if m.Enum(f.Enum.Name) != f.Enum {
					return fmt.Errorf("the enum of %s is a copy", key)
				}
			}
			if r := f.Relation; r != nil {
				kinds++
				if m.Relation(r.Name) != r || r.Ends[f.Side] != f {
					return fmt.Errorf("%s is not the end of its relation", key)
				}
				if f.List && f.Required {
					return fmt.Errorf("%s is to-many and required", key)
				}
				if m.Type(f.Target().Name) != f.Target() || f.Reverse().Reverse() != f {
					return fmt.Errorf("%s leads nowhere", key)
				}
			}
			if kinds != 1 {
				return fmt.Errorf("%s has %d kinds of type", key, kinds)
			}
		}
	}
	return nil
}

// throughJSON writes a model and reads it again.
func throughJSON(m *DataModel) (*DataModel, error) {
	data, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	out := &DataModel{}
	return out, json.Unmarshal(data, out)
}
