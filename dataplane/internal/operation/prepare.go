package operation

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/maypok86/otter/v2"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"icehouse/dataplane/coercion"
	"icehouse/dataplane/compiledschema"
)

// Request is one GraphQL request (data-api §5.2).
type Request struct {
	Query         string
	OperationName string
	Variables     *coercion.Given // nil when not given
}

// Prepared is a request that can be planned and executed.
type Prepared struct {
	Document  *Document
	Literals  []Literal
	Variables map[string]coercion.Value
	// Shape is what of the variables changes the plan: which are absent, null,
	// true or false, which keys and how many items their objects and lists
	// have, and the values of enums and sizes of pages. Other values of scalars
	// are no part of it.
	Shape string
}

// SyntaxError is a text that is no GraphQL (data-api §5.3: its own envelope).
type SyntaxError struct{ Err *gqlerror.Error }

func (e *SyntaxError) Error() string {
	text := "Syntax error while parsing GraphQL query. " + e.Err.Message
	if len(e.Err.Locations) > 0 {
		text += fmt.Sprintf(" (line %d, column %d)", e.Err.Locations[0].Line, e.Err.Locations[0].Column)
	}
	return text
}

// Invalid is a list of validation or variable errors, which have no code, or the
// one limit that the document breaks (fault.TookTooLong; data-api §2.11, last rule).
type Invalid struct {
	Errors gqlerror.List
	Code   int
}

func (e *Invalid) Error() string { return e.Errors.Error() }

// Cache prepares requests and remembers documents. It is bounded in bytes.
type Cache struct {
	limits Limits
	texts  *otter.Cache[textKey, known]     // exact texts
	forms  *otter.Cache[textKey, *Document] // texts without literals
	fixed  *otter.Cache[textKey, *Document] // texts whose literals are part of them
}

type textKey struct {
	schema *compiledschema.Schema
	text   string
	name   string
}

type known struct {
	document *Document
	literals []Literal
}

// documentFactor is about how many bytes of syntax tree a byte of text becomes,
// as measured by BenchmarkDocumentMemory.
const documentFactor = 40

// NewCache makes a cache that holds about this many bytes.
func NewCache(limits Limits, bytes uint64) *Cache {
	weigh := func(k textKey, _ *Document) uint32 {
		return uint32(documentFactor*len(k.text) + 1024) //nolint:gosec // texts are bounded by Limits
	}
	return &Cache{
		limits: limits,
		texts: otter.Must(&otter.Options[textKey, known]{
			MaximumWeight: bytes / 4,
			Weigher: func(k textKey, v known) uint32 {
				return uint32(len(k.text) + len(k.name) + 64*len(v.literals) + 128) //nolint:gosec // texts are bounded by Limits
			},
		}),
		forms: otter.Must(&otter.Options[textKey, *Document]{
			MaximumWeight: bytes / 2,
			Weigher:       weigh,
		}),
		fixed: otter.Must(&otter.Options[textKey, *Document]{
			MaximumWeight: bytes / 4,
			Weigher:       weigh,
		}),
	}
}

// Bytes says how full the cache is and how full it may get.
func (c *Cache) Bytes() (used, limit uint64) {
	return c.texts.WeightedSize() + c.forms.WeightedSize() + c.fixed.WeightedSize(),
		c.texts.GetMaximum() + c.forms.GetMaximum() + c.fixed.GetMaximum()
}

// Prepare parses, validates and coerces. Errors are *SyntaxError or *Invalid.
func (c *Cache) Prepare(schema *compiledschema.Schema, r Request) (*Prepared, error) {
	key := textKey{schema, r.Query, r.OperationName}
	k, ok := c.texts.GetIfPresent(key)
	if !ok {
		var err error
		if k, err = c.document(schema, r); err != nil {
			return nil, err
		}
		c.texts.Set(key, k)
	}
	p := &Prepared{Document: k.document, Literals: k.literals}
	if err := p.variables(r.Variables); err != nil {
		return nil, err
	}
	return p, nil
}

// Permission is the document of a permission query: one operation whose literals
// are the same for every request. Errors are *SyntaxError or *Invalid.
func (c *Cache) Permission(schema *compiledschema.Schema, text string) (*Document, error) {
	key := textKey{schema: schema.For(compiledschema.Existential), text: text}
	if d, ok := c.fixed.GetIfPresent(key); ok {
		return d, nil
	}
	d, err := parse(key.schema, c.limits, text, "", 0)
	if err != nil {
		return nil, err
	}
	c.fixed.Set(key, d)
	return d, nil
}

// Recheck validates the exact text without caches: for a request one of whose
// literals is no value of its type. Where the rules find nothing, cause is what
// is wrong with the literal.
func (c *Cache) Recheck(schema *compiledschema.Schema, r Request, literal int, cause error) error {
	if _, err := parse(schema, c.limits, r.Query, r.OperationName, 0); err != nil {
		return err
	}
	e := &gqlerror.Error{Message: cause.Error()}
	if of := (*gqlerror.Error)(nil); errors.As(cause, &of) {
		e.Message = of.Message
	}
	if line, column := LocateLiteral(r.Query, literal); line > 0 {
		e.Locations = []gqlerror.Location{{Line: line, Column: column}}
	}
	return &Invalid{Errors: gqlerror.List{e}}
}

func (c *Cache) document(schema *compiledschema.Schema, r Request) (known, error) {
	if len(r.Query) > c.limits.TextBytes {
		return known{}, refused(beyond(nil, "The query text has %d bytes. At most %d are allowed.", len(r.Query), c.limits.TextBytes))
	}
	n, ok := normalize(r.Query)
	if !ok {
		if _, err := parse(schema, c.limits, r.Query, r.OperationName, 0); err != nil {
			return known{}, err
		}
		return known{}, &SyntaxError{gqlerror.Errorf("Unexpected character.")}
	}
	if n.tokens == 0 {
		return known{}, &SyntaxError{gqlerror.Errorf("The query text is empty.")}
	}
	if err := c.limits.checkText(n); err != nil {
		return known{}, refused(err)
	}
	literals := make([]Literal, len(n.literals))
	for i, t := range n.literals {
		l, err := read(r.Query, t)
		if err != nil {
			return known{}, &SyntaxError{gqlerror.WrapIfUnwrapped(err)}
		}
		literals[i] = l
	}
	form := textKey{schema, n.key, r.OperationName}
	if d, ok := c.forms.GetIfPresent(form); ok {
		return known{d, literals}, nil
	}
	d, err := parse(schema, c.limits, r.Query, r.OperationName, len(literals))
	if err != nil {
		return known{}, err
	}
	c.forms.Set(form, d)
	return known{d, literals}, nil
}

func (p *Prepared) variables(raw *coercion.Given) error {
	op := p.Document.Operation
	if len(op.VariableDefinitions) == 0 {
		return nil
	}
	values, errs := coercion.Variables(p.Document.Schema, op, raw)
	if len(errs) > 0 {
		return &Invalid{Errors: errs}
	}
	p.Variables = values
	var shape strings.Builder
	for _, v := range op.VariableDefinitions {
		value, ok := values[v.Variable]
		if !ok {
			shape.WriteByte('a')
			continue
		}
		writeShape(&shape, value, p.Document.valued[v.Variable])
	}
	p.Shape = shape.String()
	return nil
}

func writeShape(b *strings.Builder, v coercion.Value, valued bool) {
	switch v := v.(type) {
	case nil:
		b.WriteByte('n')
	case bool:
		if v {
			b.WriteByte('t')
		} else {
			b.WriteByte('f')
		}
	case []any:
		if !valued && !Structured(v) {
			b.WriteByte('l')
			return
		}
		b.WriteByte('[')
		for _, item := range v {
			writeShape(b, item, valued)
		}
		b.WriteByte(']')
	case *coercion.Object:
		b.WriteByte('{')
		for _, field := range v.Fields {
			b.WriteString(field.Name)
			b.WriteByte(':')
			writeShape(b, field.Value, false)
		}
		b.WriteByte('}')
	case string:
		if valued {
			b.WriteByte('e')
			b.WriteString(strconv.Quote(v))
			return
		}
		b.WriteByte('v')
	case int64:
		b.WriteByte('v')
		if valued {
			b.WriteString(strconv.FormatInt(v, 10))
		}
	default: // numbers, dates, Json
		b.WriteByte('v')
	}
}

// Structured says that a list of scalars is more than its values: the shape of variables
// tells it apart, and a plan is made for it.
func Structured(items []any) bool {
	for _, item := range items {
		switch item.(type) {
		case *coercion.Object, []any, nil:
			return true
		}
	}
	return false
}
