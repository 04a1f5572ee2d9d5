package datamodel

import (
	"encoding/json"
	"errors"
	"fmt"
)

// The JSON form of a model: names instead of pointers. A relation lists its
// ends, side A first, as type and field; the fields themselves do not repeat it.
type (
	jsonModel struct {
		Types     []jsonType     `json:"types,omitempty"`
		Enums     []jsonEnum     `json:"enums,omitempty"`
		Relations []jsonRelation `json:"relations,omitempty"`
	}

	jsonType struct {
		Name   string      `json:"name"`
		Fields []jsonField `json:"fields,omitempty"`
	}

	jsonField struct {
		Name     string     `json:"name"`
		Type     string     `json:"type"` // scalar, enum or target type
		List     bool       `json:"list,omitempty"`
		Required bool       `json:"required,omitempty"`
		Unique   bool       `json:"unique,omitempty"`
		Default  *jsonValue `json:"default,omitempty"`
	}

	jsonValue struct {
		Null bool   `json:"null,omitempty"`
		Text string `json:"text"`
		JSON string `json:"json,omitempty"`
	}

	jsonEnum struct {
		Name   string   `json:"name"`
		Values []string `json:"values"`
	}

	jsonRelation struct {
		Name string    `json:"name"`
		A    [2]string `json:"a"`
		B    [2]string `json:"b"`
	}
)

// MarshalJSON writes the model in a stable form: equal models give equal bytes.
func (m *DataModel) MarshalJSON() ([]byte, error) {
	var out jsonModel
	for _, t := range m.Types {
		jt := jsonType{Name: t.Name, Fields: make([]jsonField, len(t.Fields))}
		for i, f := range t.Fields {
			jt.Fields[i] = jsonField{
				Name: f.Name, Type: f.TypeName(), List: f.List, Required: f.Required, Unique: f.Unique,
				Default: (*jsonValue)(f.Default),
			}
		}
		out.Types = append(out.Types, jt)
	}
	for _, e := range m.Enums {
		out.Enums = append(out.Enums, jsonEnum{e.Name, e.Values})
	}
	for _, r := range m.Relations {
		out.Relations = append(out.Relations, jsonRelation{
			Name: r.Name,
			A:    [2]string{r.A().Type.Name, r.A().Name},
			B:    [2]string{r.B().Type.Name, r.B().Name},
		})
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote and links the parts. It refuses a
// model whose references do not fit together, and leaves m alone then.
func (m *DataModel) UnmarshalJSON(data []byte) error {
	var in jsonModel
	if err := json.Unmarshal(data, &in); err != nil {
		return fmt.Errorf("data model: %w", err)
	}
	l := linker{
		model: &DataModel{}, names: interner{},
		enums: map[string]*Enum{}, types: map[string]*Type{}, fields: map[fieldName]*Field{}, relations: map[string]*Relation{},
	}
	if err := l.link(in); err != nil {
		return fmt.Errorf("data model: %w", err)
	}
	*m = *l.model
	return nil
}

type linker struct {
	model     *DataModel
	names     interner
	enums     map[string]*Enum
	types     map[string]*Type
	fields    map[fieldName]*Field
	relations map[string]*Relation
}

func (l *linker) link(in jsonModel) error {
	for _, je := range in.Enums {
		if err := l.enum(je); err != nil {
			return err
		}
	}
	for _, jt := range in.Types {
		if jt.Name == "" || l.types[jt.Name] != nil || l.enums[jt.Name] != nil {
			return fmt.Errorf("the type name %q is empty or taken", jt.Name)
		}
		t := &Type{Name: l.names.intern(jt.Name), Index: len(l.model.Types)}
		l.types[t.Name] = t
		l.model.Types = append(l.model.Types, t)
	}
	for i, jt := range in.Types {
		if err := l.typeFields(l.model.Types[i], jt); err != nil {
			return err
		}
	}
	for _, jr := range in.Relations {
		if err := l.relation(jr); err != nil {
			return fmt.Errorf("relation %q: %w", jr.Name, err)
		}
	}
	return l.complete(in)
}

func (l *linker) enum(je jsonEnum) error {
	if je.Name == "" || l.enums[je.Name] != nil || ScalarNamed(je.Name) != NotScalar {
		return fmt.Errorf("the enum name %q is empty or taken", je.Name)
	}
	e := &Enum{Name: l.names.intern(je.Name), Values: make([]string, len(je.Values))}
	for i, v := range je.Values {
		e.Values[i] = l.names.intern(v)
	}
	l.enums[e.Name] = e
	l.model.Enums = append(l.model.Enums, e)
	return nil
}

func (l *linker) typeFields(t *Type, jt jsonType) error {
	if len(jt.Fields) == 0 {
		return nil
	}
	slab := make([]Field, len(jt.Fields)) // one allocation for all fields of a type
	t.Fields = make([]*Field, len(jt.Fields))
	for i, jf := range jt.Fields {
		f := &slab[i]
		t.Fields[i] = f
		*f = Field{
			Name: l.names.intern(jf.Name), Type: t, Index: i,
			List: jf.List, Required: jf.Required, Unique: jf.Unique, Default: (*Value)(jf.Default),
		}
		name := nameOf(f)
		if jf.Name == "" || l.fields[name] != nil {
			return fmt.Errorf("the field name %q of type %q is empty or taken", jf.Name, t.Name)
		}
		l.fields[name] = f
		f.Scalar, f.Enum = ScalarNamed(jf.Type), l.enums[jf.Type]
		if f.Scalar == NotScalar && f.Enum == nil && l.types[jf.Type] == nil {
			return fmt.Errorf("the field %s.%s has the unknown type %q", t.Name, f.Name, jf.Type)
		}
	}
	return nil
}

func (l *linker) relation(jr jsonRelation) error {
	if jr.Name == "" || l.relations[jr.Name] != nil {
		return errors.New("the name is empty or taken")
	}
	r := &Relation{Name: l.names.intern(jr.Name)}
	l.relations[r.Name] = r
	for i, end := range [2][2]string{jr.A, jr.B} {
		f := l.fields[fieldName{end[0], end[1]}]
		switch {
		case f == nil:
			return fmt.Errorf("there is no field %s.%s", end[0], end[1])
		case f.Scalar != NotScalar || f.Enum != nil:
			return fmt.Errorf("the field %s.%s is no relation field", end[0], end[1])
		case f.Relation != nil && f.Relation != r:
			return fmt.Errorf("the field %s.%s belongs to another relation", end[0], end[1])
		case f.Relation == nil:
			f.Relation, f.Side = r, Side(i)
		}
		r.Ends[i] = f
	}
	l.model.Relations = append(l.model.Relations, r)
	return nil
}

// complete checks what only the whole model can show: every relation field has
// its relation, and leads to the type it names.
func (l *linker) complete(in jsonModel) error {
	for i, t := range l.model.Types {
		for j, f := range t.Fields {
			if f.Scalar != NotScalar || f.Enum != nil {
				continue
			}
			if want := in.Types[i].Fields[j].Type; f.Relation == nil || f.Target().Name != want {
				return fmt.Errorf("no relation leads from the field %s.%s to the type %q", t.Name, f.Name, want)
			}
			if f.List && f.Required {
				return fmt.Errorf("the to-many field %s.%s cannot be required", t.Name, f.Name)
			}
		}
	}
	return nil
}
