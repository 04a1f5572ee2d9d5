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
// where it stood first, with the value it had last, as in JavaScript. A nil *Given
// is empty.
type Given struct {
	members []member
	places  map[string]int // in members; nil while there are few
}

type member struct {
	name  string
	value any
}

// few is how many members are looked through one by one.
const few = 16

// Get looks a member up.
func (g *Given) Get(name string) (any, bool) {
	if i := g.place(name); i >= 0 {
		return g.members[i].value, true
	}
	return nil, false
}

// All gives the members in their order.
func (g *Given) All() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for i := range g.len() {
			if !yield(g.members[i].name, g.members[i].value) {
				return
			}
		}
	}
}

func (g *Given) len() int {
	if g == nil {
		return 0
	}
	return len(g.members)
}

func (g *Given) place(name string) int {
	if g.len() == 0 {
		return -1
	}
	if g.places != nil {
		if i, ok := g.places[name]; ok {
			return i
		}
		return -1
	}
	return slices.IndexFunc(g.members, func(m member) bool { return m.name == name })
}

func (g *Given) set(name string, v any) {
	if i := g.place(name); i >= 0 {
		g.members[i].value = v
		return
	}
	g.members = append(g.members, member{name, v})
	switch n := len(g.members); {
	case g.places != nil:
		g.places[name] = n - 1
	case n > few:
		g.places = make(map[string]int, 2*n)
		for i := range g.members {
			g.places[g.members[i].name] = i
		}
	}
}

// sorted gives the members in an order that does not depend on the client.
func (g *Given) sorted() []member {
	byName := func(a, b member) int { return strings.Compare(a.name, b.name) }
	if slices.IsSortedFunc(g.members, byName) {
		return g.members
	}
	return slices.SortedFunc(slices.Values(g.members), byName)
}

// Lenient makes a decoder read what JavaScript reads: a name may be twice in an
// object, and half a surrogate pair, which no text can hold, becomes U+FFFD.
var Lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// ReadVariables reads variables that are written as a text; nil when it holds
// another JSON value than an object.
func ReadVariables(text string) (*Given, error) {
	d := jsontext.NewDecoder(strings.NewReader(text), Lenient)
	v, err := Read(d)
	if err != nil {
		return nil, err
	}
	if _, err = d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	given, _ := v.(*Given)
	return given, nil
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
		object := &Given{}
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
