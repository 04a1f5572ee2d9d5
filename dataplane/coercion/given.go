package coercion

import (
	stdjson "encoding/json"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Given is a JSON object as a client wrote it. A name that is there twice stands
// where it stood first, with the value it had last, as in JavaScript.
type Given struct {
	names  []string
	values map[string]any
}

// Get looks a member up.
func (g *Given) Get(name string) (any, bool) {
	v, ok := g.values[name]
	return v, ok
}

// Map gives the members without their order.
func (g *Given) Map() map[string]any { return g.values }

func (g *Given) set(name string, v any) {
	if _, again := g.values[name]; !again {
		g.names = append(g.names, name)
	}
	g.values[name] = v
}

// sorted gives the members in an order that does not depend on the client.
func (g *Given) sorted() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for _, name := range slices.Sorted(slices.Values(g.names)) {
			if !yield(name, g.values[name]) {
				return
			}
		}
	}
}

// Lenient makes a decoder read what JavaScript reads: a name may be twice in an
// object, and half a surrogate pair, which no text can hold, becomes U+FFFD.
var Lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// ReadVariables reads variables that are written as a text; nil when it holds
// another JSON value than an object.
func ReadVariables(text string) (map[string]any, error) {
	d := jsontext.NewDecoder(strings.NewReader(text), Lenient)
	v, err := Read(d)
	if err != nil {
		return nil, err
	}
	if _, err = d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	if given, ok := v.(*Given); ok {
		return given.values, nil
	}
	return nil, nil
}

// Read reads one JSON value: nil, bool, string, json.Number with the number's own
// text, []any or *Given.
func Read(d *jsontext.Decoder) (any, error) {
	t, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	switch t.Kind() {
	case 't':
		return true, nil
	case 'f':
		return false, nil
	case '"':
		return t.String(), nil
	case '0':
		return stdjson.Number(t.String()), nil
	case '[':
		list := []any{}
		for d.PeekKind() != ']' {
			v, err := Read(d)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.ReadToken()
		return list, err
	case '{':
		object := &Given{values: map[string]any{}}
		for d.PeekKind() != '}' {
			key, err := d.ReadToken()
			if err != nil {
				return nil, err
			}
			name := key.String()
			v, err := Read(d)
			if err != nil {
				return nil, err
			}
			object.set(name, v)
		}
		_, err := d.ReadToken()
		return object, err
	default: // null
		return nil, nil
	}
}
