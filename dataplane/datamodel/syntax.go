package datamodel

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/lexer"
)

// Limits of the text. They are far above anything a person writes; beyond them
// the text is refused with a syntax error, so that nothing after the reader has
// to fear its input.
const (
	maxSource  = 1 << 20 // bytes of the whole text
	maxName    = 255     // bytes of one name: names appear in messages
	maxNesting = 32      // list types and list or object literals
)

// The syntax tree: only what the data model needs of an SDL text.
type (
	position struct{ line, column int }

	document struct {
		types   []*typeNode
		enums   []*enumNode
		ignored []ignoredNode
	}

	typeNode struct {
		name       string
		pos        position
		interfaces []string
		directives []directiveNode
		fields     []*fieldNode
	}

	fieldNode struct {
		name       string
		pos        position
		arguments  bool // the field declares arguments; they mean nothing here
		typ        typeRef
		directives []directiveNode
	}

	// typeRef is a type as written: a name, or a list of item.
	typeRef struct {
		name     string
		item     *typeRef
		required bool
	}

	enumNode struct {
		name       string
		pos        position
		directives []directiveNode
		values     []enumValueNode
	}

	enumValueNode struct {
		name string
		pos  position
	}

	directiveNode struct {
		name      string
		pos       position
		arguments []argumentNode
	}

	argumentNode struct {
		name  string
		pos   position
		value literal
	}

	// literal is a value as written. Text is the content of a string, the name
	// of an enum value, or the text of a number or boolean.
	literal struct {
		kind  literalKind
		text  string
		items []literal // of a list
	}

	// ignoredNode is a definition that has no meaning for a data model
	// (data-api §1.1).
	ignoredNode struct {
		what string
		pos  position
	}
)

type literalKind uint8

const (
	stringLiteral literalKind = iota
	intLiteral
	floatLiteral
	boolLiteral
	enumLiteral
	nullLiteral
	listLiteral
	objectLiteral
)

// String prints the type as written.
func (t typeRef) String() string {
	s := t.name
	if t.item != nil {
		s = "[" + t.item.String() + "]"
	}
	if t.required {
		s += "!"
	}
	return s
}

// base is the innermost name.
func (t typeRef) base() string {
	for t.item != nil {
		t = *t.item
	}
	return t.name
}

// syntaxError is V1 before it becomes a Diagnostic.
type syntaxError struct {
	pos  position
	text string
}

// reader is a recursive-descent parser. The grammar is the one of 2017 (with
// `implements A, B`) plus what later versions of SDL added harmlessly: string
// descriptions, `&` and `repeatable`. It stops at the first error, by panicking
// with a *syntaxError that read recovers.
type reader struct {
	lexer   lexer.Lexer
	token   lexer.Token // the next one, never a comment
	nesting int
}

// read parses a whole text. The tree's strings point into sdl.
func read(sdl string) (doc *document, failure *syntaxError) {
	defer recoverSyntaxError(&failure)
	return newReader(sdl).document(), nil
}

// readLiteral parses a text that consists of one literal.
func readLiteral(text string) (value literal, failure *syntaxError) {
	defer recoverSyntaxError(&failure)
	r := newReader(text)
	value = r.literal()
	if r.token.Kind != lexer.EOF {
		r.unexpected("the end of the value")
	}
	return value, nil
}

func recoverSyntaxError(failure **syntaxError) {
	switch problem := recover().(type) {
	case nil:
	case *syntaxError:
		*failure = problem
	default:
		panic(problem)
	}
}

func newReader(text string) *reader {
	if len(text) > maxSource {
		panic(&syntaxError{position{1, 1}, fmt.Sprintf("the text is longer than %d bytes", maxSource)})
	}
	if !utf8.ValidString(text) {
		panic(&syntaxError{position{1, 1}, "the text is not valid UTF-8"})
	}
	text = strings.TrimPrefix(text, "\ufeff") // a byte order mark is no column
	// The lexer counts the second half of a CRLF as a column of the next line.
	if strings.ContainsRune(text, '\r') {
		text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	}
	r := &reader{lexer: lexer.New(&ast.Source{Input: text})}
	r.advance()
	return r
}

// advance reads the next token that is no comment.
func (r *reader) advance() {
	for {
		token, err := r.lexer.ReadToken()
		r.token = token
		if err != nil {
			text := err.Error()
			if detail, ok := err.(*gqlerror.Error); ok { // the position is ours to print
				text = detail.Message
			}
			// The lexer takes a byte for the character.
			if runes := []rune(r.lexer.Input); strings.Contains(text, "unexpected character") && token.Pos.Start < len(runes) {
				text = fmt.Sprintf(`Cannot parse the unexpected character "%c"`, runes[token.Pos.Start])
			}
			r.fail(strings.TrimRight(text, ".?"))
		}
		if token.Kind == lexer.Name && len(token.Value) > maxName {
			r.fail(fmt.Sprintf("a name is longer than %d characters", maxName))
		}
		if token.Kind != lexer.Comment {
			return
		}
	}
}

// pos is where the token begins. The lexer gives the column behind the quote of
// a string and the last line of a block string; the latter is looked up in the
// text, which happens at most once, for an error.
func (r *reader) pos() position {
	at := position{r.token.Pos.Line, r.token.Pos.Column}
	switch r.token.Kind {
	case lexer.String:
		at.column--
	case lexer.BlockString:
		at = position{1, 1}
		left := r.token.Pos.Start
		for _, c := range r.lexer.Input {
			if left == 0 {
				break
			}
			left--
			at.column++
			if c == '\n' {
				at = position{at.line + 1, 1}
			}
		}
	}
	return at
}

func (r *reader) fail(text string) {
	panic(&syntaxError{r.pos(), text})
}

func (r *reader) unexpected(wanted string) {
	found := "the end of the text"
	switch r.token.Kind {
	case lexer.EOF:
	case lexer.String, lexer.BlockString:
		found = "a string"
	case lexer.Name, lexer.Int, lexer.Float:
		found = fmt.Sprintf("`%.40s`", r.token.Value)
	default:
		found = "`" + r.token.Kind.String() + "`"
	}
	r.fail("expected " + wanted + ", found " + found)
}

func (r *reader) at(kind lexer.Type) bool { return r.token.Kind == kind }

func (r *reader) atWord(word string) bool {
	return r.token.Kind == lexer.Name && r.token.Value == word
}

// accept skips the token if it is of that kind.
func (r *reader) accept(kind lexer.Type) bool {
	if r.token.Kind != kind {
		return false
	}
	r.advance()
	return true
}

func (r *reader) expect(kind lexer.Type) {
	if !r.accept(kind) {
		r.unexpected("`" + kind.String() + "`")
	}
}

func (r *reader) name(what string) string {
	if r.token.Kind != lexer.Name {
		r.unexpected(what)
	}
	name := r.token.Value
	r.advance()
	return name
}

func (r *reader) enter() {
	if r.nesting++; r.nesting > maxNesting {
		r.fail(fmt.Sprintf("lists or objects are nested more than %d levels deep", maxNesting))
	}
}

func (r *reader) leave() { r.nesting-- }

// block reads what stands between two brackets, which may be empty; nothing at
// all when the opening one is missing.
func (r *reader) block(start, end lexer.Type, item func()) {
	if !r.accept(start) {
		return
	}
	for !r.at(end) {
		item()
	}
	r.advance()
}

func (r *reader) description() {
	if r.at(lexer.String) || r.at(lexer.BlockString) {
		r.advance()
	}
}

func (r *reader) document() *document {
	doc := &document{}
	for !r.at(lexer.EOF) {
		r.description()
		pos := r.pos()
		switch {
		case r.atWord("type"):
			doc.types = append(doc.types, r.typeDefinition())
		case r.atWord("enum"):
			doc.enums = append(doc.enums, r.enumDefinition())
		case r.atWord("extend"):
			r.advance()
			doc.ignored = append(doc.ignored, ignoredNode{"extend " + r.otherDefinition(), pos})
		default:
			doc.ignored = append(doc.ignored, ignoredNode{r.otherDefinition(), pos})
		}
	}
	return doc
}

func (r *reader) typeDefinition() *typeNode {
	r.advance()
	t := &typeNode{pos: r.pos()}
	t.name = r.name("the name of a type")
	t.interfaces = r.implements()
	t.directives = r.directives()
	r.block(lexer.BraceL, lexer.BraceR, func() { t.fields = append(t.fields, r.field()) })
	return t
}

// implements reads interfaces separated by blanks, commas (blanks to the lexer)
// or ampersands.
func (r *reader) implements() []string {
	if !r.atWord("implements") {
		return nil
	}
	r.advance()
	r.accept(lexer.Amp)
	names := []string{r.name("the name of an interface")}
	for r.accept(lexer.Amp) || r.at(lexer.Name) {
		names = append(names, r.name("the name of an interface"))
	}
	return names
}

func (r *reader) field() *fieldNode {
	r.description()
	f := &fieldNode{pos: r.pos()}
	f.name = r.name("the name of a field")
	f.arguments = r.at(lexer.ParenL)
	r.block(lexer.ParenL, lexer.ParenR, r.inputValue)
	r.expect(lexer.Colon)
	f.typ = r.typeRef()
	f.directives = r.directives()
	return f
}

func (r *reader) typeRef() typeRef {
	var t typeRef
	if r.accept(lexer.BracketL) {
		r.enter()
		item := r.typeRef()
		r.leave()
		r.expect(lexer.BracketR)
		t.item = &item
	} else {
		t.name = r.name("a type")
	}
	t.required = r.accept(lexer.Bang)
	return t
}

func (r *reader) enumDefinition() *enumNode {
	r.advance()
	e := &enumNode{pos: r.pos()}
	e.name = r.name("the name of an enum")
	e.directives = r.directives()
	r.block(lexer.BraceL, lexer.BraceR, func() {
		r.description()
		pos := r.pos()
		e.values = append(e.values, enumValueNode{r.name("an enum value"), pos})
		r.directives()
	})
	return e
}

func (r *reader) directives() []directiveNode {
	var all []directiveNode
	for r.at(lexer.At) {
		d := directiveNode{pos: r.pos()}
		r.advance()
		d.name = r.name("the name of a directive")
		r.block(lexer.ParenL, lexer.ParenR, func() {
			a := argumentNode{pos: r.pos()}
			a.name = r.name("the name of an argument")
			r.expect(lexer.Colon)
			a.value = r.literal()
			d.arguments = append(d.arguments, a)
		})
		all = append(all, d)
	}
	return all
}

func (r *reader) literal() literal {
	v := literal{text: r.token.Value}
	switch r.token.Kind {
	case lexer.String, lexer.BlockString:
		v.kind = stringLiteral
	case lexer.Int:
		v.kind = intLiteral
	case lexer.Float:
		v.kind = floatLiteral
	case lexer.Name:
		switch v.text {
		case "true", "false":
			v.kind = boolLiteral
		case "null":
			v.kind = nullLiteral
		default:
			v.kind = enumLiteral
		}
	case lexer.BracketL:
		r.enter()
		v.kind = listLiteral
		r.block(lexer.BracketL, lexer.BracketR, func() { v.items = append(v.items, r.literal()) })
		r.leave()
		return v
	case lexer.BraceL:
		r.enter()
		v.kind = objectLiteral
		r.block(lexer.BraceL, lexer.BraceR, func() {
			r.name("the name of an object field")
			r.expect(lexer.Colon)
			r.literal()
		})
		r.leave()
		return v
	default:
		r.unexpected("a value")
	}
	r.advance()
	return v
}

// otherDefinition reads a definition without keeping it, and says what it was.
func (r *reader) otherDefinition() string {
	kind := ""
	if r.at(lexer.Name) {
		kind = r.token.Value
	}
	named := func() string {
		r.advance()
		return kind + " " + r.name("a name")
	}
	var what string
	switch kind {
	case "type", "interface":
		what = named()
		r.implements()
		r.directives()
		r.block(lexer.BraceL, lexer.BraceR, func() { r.field() })
	case "input":
		what = named()
		r.directives()
		r.block(lexer.BraceL, lexer.BraceR, r.inputValue)
	case "enum":
		what = "enum " + r.enumDefinition().name
	case "union":
		what = named()
		r.directives()
		if r.accept(lexer.Equals) {
			r.alternatives("the name of a type")
		}
	case "scalar":
		what = named()
		r.directives()
	case "schema":
		what = kind
		r.advance()
		r.directives()
		r.block(lexer.BraceL, lexer.BraceR, func() {
			r.name("an operation")
			r.expect(lexer.Colon)
			r.name("the name of a type")
		})
	case "directive":
		r.advance()
		r.expect(lexer.At)
		what = "directive @" + r.name("the name of a directive")
		r.block(lexer.ParenL, lexer.ParenR, r.inputValue)
		if r.atWord("repeatable") {
			r.advance()
		}
		if !r.atWord("on") {
			r.unexpected("`on`")
		}
		r.advance()
		r.alternatives("a directive location")
	default:
		r.unexpected("a definition such as `type` or `enum`")
	}
	return what
}

func (r *reader) inputValue() {
	r.description()
	r.name("the name of an argument or input field")
	r.expect(lexer.Colon)
	r.typeRef()
	if r.accept(lexer.Equals) {
		r.literal()
	}
	r.directives()
}

func (r *reader) alternatives(what string) {
	r.accept(lexer.Pipe)
	r.name(what)
	for r.accept(lexer.Pipe) {
		r.name(what)
	}
}
