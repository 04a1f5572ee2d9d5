package definition

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Limits of a YAML text. A definition of a hundred functions has 40 KB.
const (
	maxYAML    = 512 << 10 // bytes
	maxTokens  = 15_000
	maxNesting = 32  // of lists and maps
	maxColumn  = 200 // where a nested block may begin: bounds nesting of blocks
)

// value is a YAML value with its place. Anchors, aliases, tags and merge keys
// have no value: they are refused before.
type value struct {
	kind         kind
	text         string
	items        []value
	entries      []entry
	line, column int
}

type entry struct {
	key          string
	value        value
	line, column int
}

type kind uint8

const (
	isNull kind = iota
	isString
	isBool
	isOther // numbers and the like
	isList
	isMap
)

func (k kind) String() string {
	return [...]string{"nothing", "a string", "true or false", "a number", "a list", "a map"}[k]
}

// yamlError is a syntax error with its place.
type yamlError struct {
	line, column int
	text         string
}

func (e *yamlError) Error() string { return fmt.Sprintf("%d:%d: %s", e.line, e.column, e.text) }

// bareStar is an unquoted wildcard, which YAML takes for an alias (platform §1.3).
var bareStar = regexp.MustCompile(`(?m)^([ \t-]*operation:[ \t]*)\*[ \t]*(#.*)?\r?$`)

// parseYAML reads one document.
func parseYAML(text string) (value, *yamlError) {
	if len(text) > maxYAML {
		return value{}, &yamlError{1, 1, fmt.Sprintf("the text has more than %d bytes", maxYAML)}
	}
	if at := bareStar.FindStringSubmatchIndex(text); at != nil {
		return value{}, &yamlError{1 + strings.Count(text[:at[0]], "\n"), 1 + at[3] - at[0],
			`the wildcard must be quoted, since * alone begins an alias: operation: "*"`}
	}
	tokens := lexer.Tokenize(text)
	if err := guard(tokens); err != nil {
		return value{}, err
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		return value{}, syntaxError(err)
	}
	switch len(file.Docs) {
	case 0:
		return value{line: 1, column: 1}, nil
	case 1:
		return convert(file.Docs[0].Body)
	default:
		place := file.Docs[1].GetToken().Position
		return value{}, &yamlError{place.Line, place.Column, "more than one document"}
	}
}

func syntaxError(err error) *yamlError {
	var e yaml.Error
	if errors.As(err, &e) && e.GetToken() != nil {
		return &yamlError{e.GetToken().Position.Line, e.GetToken().Position.Column, e.GetMessage()}
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	return &yamlError{1, 1, first}
}

// guard refuses what the parser would follow too far, and what a definition has
// no use for.
func guard(tokens token.Tokens) *yamlError {
	if len(tokens) > maxTokens {
		return &yamlError{1, 1, "the text is too long"}
	}
	flow, explicit, line := 0, 0, 0
	for _, t := range tokens {
		refuse := func(text string) *yamlError { return &yamlError{t.Position.Line, t.Position.Column, text} }
		switch t.Type {
		case token.AnchorType, token.AliasType:
			return refuse("anchors and aliases are not supported")
		case token.TagType, token.DirectiveType:
			return refuse("tags and directives are not supported")
		case token.MergeKeyType:
			return refuse("merge keys are not supported")
		case token.MappingStartType, token.SequenceStartType:
			if flow++; flow > maxNesting {
				return refuse("nested too deeply")
			}
		case token.MappingEndType, token.SequenceEndType:
			flow--
		case token.MappingKeyType:
			if explicit++; explicit > maxNesting {
				return refuse("too many complex keys")
			}
		}
		begins := t.Position.Line != line || t.Type == token.SequenceEntryType
		if begins && flow <= 0 && t.Position.Column > maxColumn {
			return refuse("nested too deeply")
		}
		line = t.Position.Line
	}
	return nil
}

func convert(n ast.Node) (value, *yamlError) {
	if n == nil {
		return value{line: 1, column: 1}, nil
	}
	v := value{line: n.GetToken().Position.Line, column: n.GetToken().Position.Column}
	switch n := n.(type) {
	case *ast.NullNode:
	case *ast.BoolNode:
		v.kind, v.text = isBool, "false"
		if n.Value {
			v.text = "true"
		}
	case *ast.StringNode:
		v.kind, v.text = isString, n.Value
	case *ast.LiteralNode:
		v.kind, v.text = isString, n.Value.Value
	case *ast.SequenceNode:
		v.kind = isList
		for _, item := range n.Values {
			one, err := convert(item)
			if err != nil {
				return value{}, err
			}
			v.items = append(v.items, one)
		}
	case *ast.MappingNode:
		v.kind = isMap
		for _, pair := range n.Values {
			if err := v.add(pair); err != nil {
				return value{}, err
			}
		}
	case *ast.MappingValueNode:
		v.kind = isMap
		if err := v.add(n); err != nil {
			return value{}, err
		}
	case ast.ScalarNode:
		v.kind, v.text = isOther, n.GetToken().Value
	default:
		return value{}, &yamlError{v.line, v.column, fmt.Sprintf("%s is not supported here", n.Type())}
	}
	return v, nil
}

func (v *value) add(pair *ast.MappingValueNode) *yamlError {
	place := pair.Key.GetToken().Position
	key, ok := pair.Key.(ast.ScalarNode)
	if !ok {
		return &yamlError{place.Line, place.Column, "only plain keys are supported"}
	}
	name := key.GetToken().Value
	if s, ok := key.(*ast.StringNode); ok {
		name = s.Value
	}
	for _, e := range v.entries {
		if e.key == name {
			return &yamlError{place.Line, place.Column, fmt.Sprintf("the key %s occurs twice", quote(name))}
		}
	}
	item, err := convert(pair.Value)
	if err != nil {
		return err
	}
	v.entries = append(v.entries, entry{key: name, value: item, line: place.Line, column: place.Column})
	return nil
}

// quote shows a client's text in a message, at a bounded length.
func quote(s string) string {
	if r := []rune(s); len(r) > 80 {
		s = string(r[:80]) + "…"
	}
	return "'" + s + "'"
}
