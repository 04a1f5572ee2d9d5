// Package yamldoc reads YAML files that people write, and changes single
// entries of them without touching the rest.
//
// In: the text of a file. Out: a tree whose nodes know their line and column,
// so that a complaint can point at them; or a new text that differs from the
// old one in the entry that was set or removed. Callers: servicedef reads
// graphcool.yml, graphcoolrc reads and changes .graphcoolrc.
package yamldoc

import (
	"errors"
	"fmt"
	"math"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Kind is what a Node is.
type Kind uint8

// The kinds.
const (
	Scalar Kind = iota
	Mapping
	Sequence
)

func (k Kind) String() string { return [...]string{"a single value", "a mapping", "a list"}[k] }

// Position is where something stands in its file, counted from 1.
type Position struct{ Line, Column int }

// Node is one value of a document.
type Node struct {
	Kind    Kind
	Value   any     // of a Scalar: string, bool, int64, uint64, float64 or nil
	Entries []Entry // of a Mapping, in the order of the text
	Items   []*Node // of a Sequence
	At      Position
	// flow: written in brackets, so that it has no lines of its own.
	flow bool
	// aliased: of a document's root, aliases stand in it somewhere.
	aliased bool
}

// Entry is one key of a mapping with its value.
type Entry struct {
	Key   string
	At    Position
	Value *Node
}

// Error is a text that is no YAML.
type Error struct {
	At      Position
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("%d:%d: %s", e.At.Line, e.At.Column, e.Message) }

// Parse reads a file that holds one document. An empty file is an empty
// mapping.
func Parse(text []byte) (*Node, error) {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, describe(err)
	}
	var body ast.Node
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil || doc.Body.Type() == ast.CommentType:
		case body != nil:
			return nil, &Error{at(doc.Body.GetToken()), "a second document begins here; one is expected"}
		default:
			body = doc.Body
		}
	}
	if body == nil {
		return &Node{Kind: Mapping, At: Position{1, 1}}, nil
	}
	c := converter{anchors: map[string]*Node{}}
	root, err := c.node(body)
	if err != nil {
		return nil, err
	}
	root.aliased = c.aliased
	return root, nil
}

func describe(err error) error {
	var e yaml.Error
	if errors.As(err, &e) && e.GetToken() != nil {
		return &Error{at(e.GetToken()), e.GetMessage()}
	}
	return &Error{Position{1, 1}, err.Error()}
}

func at(t *token.Token) Position { return Position{t.Position.Line, t.Position.Column} }

// converter turns the library's tree into ours and puts in what aliases stand
// for.
type converter struct {
	anchors map[string]*Node
	aliased bool
}

func (c *converter) node(n ast.Node) (*Node, error) {
	if n == nil {
		return &Node{}, nil
	}
	out := &Node{At: at(n.GetToken())}
	switch n := n.(type) {
	case *ast.MappingNode:
		out.Kind, out.flow = Mapping, n.IsFlowStyle
		return out, c.entries(out, n.Values)
	case *ast.MappingValueNode:
		out.Kind = Mapping
		return out, c.entries(out, []*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		out.Kind, out.flow = Sequence, n.IsFlowStyle
		for _, v := range n.Values {
			item, err := c.node(v)
			if err != nil {
				return nil, err
			}
			out.Items = append(out.Items, item)
		}
		return out, nil
	case *ast.TagNode:
		return c.node(n.Value)
	case *ast.AnchorNode:
		value, err := c.node(n.Value)
		if err == nil {
			c.anchors[n.Name.GetToken().Value] = value
		}
		return value, err
	case *ast.AliasNode:
		name := n.Value.GetToken().Value
		target, ok := c.anchors[name]
		if !ok {
			return nil, &Error{out.At, fmt.Sprintf("no anchor &%s stands before this alias", name)}
		}
		c.aliased = true
		*out = *target
		out.At, out.flow = at(n.GetToken()), true
		return out, nil
	case *ast.LiteralNode: // its own value has the sign before the block
		out.Value = n.Value.GetValue()
		return out, nil
	case ast.ScalarNode:
		out.Value = n.GetValue()
		// The library's type of an integer depends on its sign.
		if v, ok := out.Value.(uint64); ok && v <= math.MaxInt64 {
			out.Value = int64(v)
		}
		return out, nil
	default:
		return nil, &Error{out.At, fmt.Sprintf("unexpected %s", n.Type())}
	}
}

func (c *converter) entries(out *Node, values []*ast.MappingValueNode) error {
	var merged []*Node
	for _, v := range values {
		value, err := c.node(v.Value)
		if err != nil {
			return err
		}
		if v.Key.IsMergeKey() {
			out.flow = true // holds what is not written here
			if value.Kind == Sequence {
				merged = append(merged, value.Items...)
			} else {
				merged = append(merged, value)
			}
			continue
		}
		key := v.Key.GetToken()
		out.Entries = append(out.Entries, Entry{Key: key.Value, At: at(key), Value: value})
	}
	if len(out.Entries) > 0 && !out.flow {
		out.At = out.Entries[0].At
	}
	for _, m := range merged {
		for _, e := range m.Entries {
			if out.Get(e.Key) == nil {
				out.Entries = append(out.Entries, e)
			}
		}
	}
	return nil
}

// Get returns the value of a key; nil when there is none or n is no mapping.
func (n *Node) Get(key string) *Node {
	if i := n.index(key); i >= 0 {
		return n.Entries[i].Value
	}
	return nil
}

// EntriesOrNone returns the entries of a mapping; none for any other node.
func (n *Node) EntriesOrNone() []Entry {
	if n == nil {
		return nil
	}
	return n.Entries
}

func (n *Node) index(key string) int {
	if n != nil && n.Kind == Mapping {
		for i := range n.Entries {
			if n.Entries[i].Key == key {
				return i
			}
		}
	}
	return -1
}

// Lookup follows keys from mapping to mapping.
func (n *Node) Lookup(path ...string) *Node {
	for _, key := range path {
		n = n.Get(key)
	}
	return n
}

// Text returns the value of a string; false for any other node.
func (n *Node) Text() (string, bool) {
	if n == nil || n.Kind != Scalar {
		return "", false
	}
	s, ok := n.Value.(string)
	return s, ok
}

// Aliased reports whether the document that Parse returned uses aliases, which
// not every reader follows.
func (n *Node) Aliased() bool { return n.aliased }

// Null reports whether nothing is written here.
func (n *Node) Null() bool { return n == nil || n.Kind == Scalar && n.Value == nil }

// Equal compares values; order counts, positions don't.
func (n *Node) Equal(other *Node) bool {
	if n == nil || other == nil {
		return n.Null() && other.Null()
	}
	if n.Kind != other.Kind || n.Value != other.Value || len(n.Entries) != len(other.Entries) || len(n.Items) != len(other.Items) {
		return false
	}
	for i, e := range n.Entries {
		if o := other.Entries[i]; e.Key != o.Key || !e.Value.Equal(o.Value) {
			return false
		}
	}
	for i, item := range n.Items {
		if !item.Equal(other.Items[i]) {
			return false
		}
	}
	return true
}

// String makes a scalar of text.
func String(text string) *Node { return &Node{Value: text} }
