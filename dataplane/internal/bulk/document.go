package bulk

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"icehouse/dataplane/coercion"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/internal/fault"
)

// document is the body of an import (data-api §9.1). Its values, and everything
// that is read of them, are parts of the body's memory.
type document struct {
	valueType string
	values    jsontext.Value // an array
}

// lenient lets a name stand twice in an object: what is inside a Json value is
// kept as it was written. Elsewhere members refuses it.
var lenient = jsontext.AllowDuplicateNames(true)

func decoder(text []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewBuffer(text), lenient)
}

// unparsable is the refusal of a body that is JSON, but no NDF (LQ-D70).
func unparsable(text []byte, why string, args ...any) *fault.Fault {
	return fault.New(fault.InputUnparsable, "input could not be parsed: '%s'. %s", shown(text), fmt.Sprintf(why, args...))
}

// shown shortens what a message repeats.
func shown(text []byte) string { return coercion.Short(string(bytes.TrimSpace(text)), 200) }

// readObject reads a body that is one object.
func readObject(body []byte, do func(name string, value jsontext.Value) error) error {
	d := decoder(body)
	whole, err := d.ReadValue()
	if err != nil {
		return fault.ErrNotJSON
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return fault.ErrNotJSON
	}
	if whole.Kind() != '{' {
		return unparsable(body, "The body must be an object.")
	}
	err = members(whole, do)
	var twice twiceError
	if errors.As(err, &twice) {
		return unparsable(body, "%v", err)
	}
	return err
}

func readDocument(body []byte) (document, error) {
	var doc document
	err := readObject(body, func(name string, value jsontext.Value) error {
		switch name {
		case "valueType":
			doc.valueType, _ = text(value)
		case "values":
			doc.values = value
		}
		return nil
	})
	switch {
	case err != nil:
	case doc.values.Kind() != '[':
		err = unparsable(body, `"values" must be a list.`)
	case doc.valueType != "nodes" && doc.valueType != "lists" && doc.valueType != "relations":
		err = unparsable(body, `"valueType" must be "nodes", "lists" or "relations".`)
	}
	return doc, err
}

// twiceError is a name that stands twice in an object.
type twiceError string

func (e twiceError) Error() string { return fmt.Sprintf("%q is given twice.", string(e)) }

// members walks an object that is known to be valid. The value is a part of it.
func members(object jsontext.Value, do func(name string, value jsontext.Value) error) error {
	d := decoder(object)
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	var names []string
	for d.PeekKind() != '}' {
		token, err := d.ReadToken()
		if err != nil {
			return err
		}
		name := token.String()
		for _, other := range names {
			if name == other {
				return twiceError(name)
			}
		}
		names = append(names, name)
		value, err := d.ReadValue()
		if err != nil {
			return err
		}
		if err := do(name, value); err != nil {
			return err
		}
	}
	return nil
}

// items walks an array that is known to be valid. The item is a part of it.
func items(array jsontext.Value, do func(index int, item jsontext.Value) error) error {
	d := decoder(array)
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for i := 0; d.PeekKind() != ']'; i++ {
		item, err := d.ReadValue()
		if err != nil {
			return err
		}
		if err := do(i, item); err != nil {
			return err
		}
	}
	return nil
}

// text reads a JSON string; ok is false for every other value.
func text(value jsontext.Value) (s string, ok bool) {
	if value.Kind() != '"' {
		return "", false
	}
	out, err := jsontext.AppendUnquote(nil, value)
	return string(out), err == nil
}

// reference is how an element says which node it is about.
type reference struct {
	typ *datamodel.Type
	id  string
}

// names of an element that are not fields.
const (
	typeName  = "_typeName"
	idName    = "id"
	fieldName = "fieldName"
)

// refer reads the reference of an element and hands its other members to do. The
// error is what is wrong with the whole request: keys that are missing (1001), or
// a type that is not there (4012).
func refer(m *datamodel.DataModel, element jsontext.Value, do func(name string, value jsontext.Value) error) (reference, error) {
	var of reference
	if element.Kind() != '{' {
		return of, unparsable(element, "An element must be an object.")
	}
	var typ string
	var hasType, hasID bool
	err := members(element, func(name string, value jsontext.Value) error {
		switch name {
		case typeName:
			typ, hasType = text(value)
		case idName:
			of.id, hasID = text(value)
		default:
			return do(name, value)
		}
		return nil
	})
	var twice twiceError
	switch {
	case errors.As(err, &twice):
		return of, unparsable(element, "%v", err)
	case err != nil:
		return of, err
	case !hasType:
		return of, unparsable(element, "The element needs a text %q.", typeName)
	case !hasID:
		return of, unparsable(element, "The element needs a text %q.", idName)
	}
	if of.typ = m.Type(typ); of.typ == nil {
		return of, fault.New(fault.UnknownModel, "Please supply a valid model. Reason: there is no type '%s'.", typ)
	}
	return of, nil
}

func ignore(string, jsontext.Value) error { return nil }
