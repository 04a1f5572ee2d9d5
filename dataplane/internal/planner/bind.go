package planner

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"icehouse/dataplane/coercion"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/internal/operation"
	"icehouse/dataplane/relational"
	"icehouse/tenancy"
)

// Binding makes the arguments of one request's statements.
type Binding struct {
	Prepared *operation.Prepared
	Now      time.Time // of the request, UTC, whole milliseconds
	User     string    // the id of the node whose token was sent; "" for nobody
	Event    *Event    // that a subscription is told of; nil for requests
	// Hooked is what hooks returned for the nodes of the root field that is written: of
	// each the values of its fields.
	Hooked []map[string]coercion.Value
	ids    []any             // new ids
	now    any               // Now
	hashes map[string]string // of passwords
}

// LiteralError says that a literal of the text is no value of the type that its
// place asks for. The whole request is invalid then, and nothing may run.
type LiteralError struct {
	Literal int // position among the text's literals; -1 when it is none of them
	Cause   error
}

func (e *LiteralError) Error() string { return e.Cause.Error() }

// CheckLiterals reads the literals of all steps of a plan, so that a bad one is
// found before the first write.
func (b *Binding) CheckLiterals(p *Plan) error {
	for _, w := range p.Writes {
		if w.Choose != nil {
			if err := b.checkLiterals(w.Choose.Params); err != nil {
				return err
			}
		}
		for _, s := range []*Sequence{w.Found, w.Missing} {
			if s == nil {
				continue
			}
			for _, step := range s.Steps {
				if err := b.checkLiterals(step.Params); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (b *Binding) checkLiterals(params []Param) error {
	for i := range params {
		if err := b.checkSource(&params[i], &params[i].Source); err != nil {
			return err
		}
	}
	return nil
}

func (b *Binding) checkSource(p *Param, s *Source) error {
	switch s.kind {
	case fromLiteral, fromConstant:
		_, err := b.resolve(p, *s)
		return err
	case fromItems:
		for i := range s.items {
			if err := b.checkSource(p, &s.items[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// Args makes the arguments of a step. Errors are *fault.Fault or *LiteralError.
func (b *Binding) Args(params []Param) ([]any, error) {
	out := make([]any, len(params))
	for i := range params {
		v, err := b.arg(&params[i])
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

func (b *Binding) arg(p *Param) (any, error) {
	v, err := b.resolve(p, p.Source)
	if err != nil {
		return nil, err
	}
	if p.conv == stored && p.field.Scalar == datamodel.Password {
		if v, err = b.hashed(v, p.Source.kind == fromHook); err != nil {
			return nil, err
		}
	}
	if p.Type.List {
		return b.listArg(p, v)
	}
	switch p.conv {
	case folded:
		return relational.Fold(v.(string)), nil
	case prefixEnd:
		if p.Type.Kind == relational.ArgFold {
			v = relational.Fold(v.(string))
		}
		if end, ok := relational.PrefixEnd(v.(string)); ok {
			return end, nil
		}
		return strings.Repeat(string(rune(0x10FFFF)), 64), nil // greater than any real text
	case nodeID:
		return checkID(v)
	case stored:
		return store(p.field, v)
	case pageSize:
		// Values out of bounds are PageCheck's to report; the statement must
		// still be one that runs.
		return min(max(v.(int64), 0), MaxNodes), nil
	case pageSkip:
		return max(v.(int64), 0), nil
	}
	if n, ok := v.(int64); ok && p.Type.Kind == relational.ArgFloat {
		return float64(n), nil
	}
	return v, nil
}

func checkID(v any) (any, error) {
	id, _ := v.(string)
	if !tenancy.ValidNodeID(id) {
		return nil, fault.New(fault.MalformedID, "The given id '%s' is invalid.", id)
	}
	return v, nil
}

// listArg makes a typed slice: []string, []int64, []float64, []bool or
// []time.Time.
func (b *Binding) listArg(p *Param, v any) (any, error) {
	items, ok := v.([]any)
	if !ok {
		items = []any{v}
	}
	if p.conv == stored {
		for i := range items { // made by resolve for this list alone
			one, err := storeOne(p.field, items[i])
			if err != nil {
				return nil, err
			}
			items[i] = one
		}
	}
	switch p.Type.Kind {
	case relational.ArgInt:
		return typed[int64](items)
	case relational.ArgFloat:
		for i := range items { // made by resolve for this list alone, or floats already
			if n, ok := items[i].(int64); ok {
				items[i] = float64(n)
			}
		}
		return typed[float64](items)
	case relational.ArgBool:
		return typed[bool](items)
	case relational.ArgTime:
		return typed[time.Time](items)
	}
	out := make([]string, len(items))
	for i, item := range items {
		s, ok := item.(string)
		if !ok {
			return nil, fault.Internal(fmt.Errorf("list item is %T", item))
		}
		switch {
		case p.conv == nodeID:
			if _, err := checkID(item); err != nil {
				return nil, err
			}
		case p.Type.Kind == relational.ArgFold:
			s = relational.Fold(s)
		}
		out[i] = s
	}
	return out, nil
}

func typed[T any](items []any) (any, error) {
	out := make([]T, len(items))
	for i, item := range items {
		v, ok := item.(T)
		if !ok {
			return nil, fault.Internal(fmt.Errorf("list item is %T", item))
		}
		out[i] = v
	}
	return out, nil
}

// errNullItem refuses a null in a list. Validation lets it pass where a variable has another
// default.
var errNullItem = fault.New(fault.BadArguments, "A list holds null, which is no value of its items.")

// resolve finds the coerced value of a source.
func (b *Binding) resolve(p *Param, s Source) (any, error) {
	scalar := s.scalar
	if scalar == datamodel.NotScalar {
		scalar = p.scalar
	}
	switch s.kind {
	case fromLiteral:
		return b.literal(scalar, b.Prepared.Literals[s.literal], s.literal)
	case fromVariable:
		v := any(b.Prepared.Variables[s.name])
		for _, step := range s.path {
			switch step := step.(type) {
			case string:
				o, _ := v.(*coercion.Object)
				if o == nil {
					return nil, fault.Internal(fmt.Errorf("variable %s has no object at %q", s.name, step))
				}
				v, _ = o.Get(step)
			case int:
				l, _ := v.([]any)
				if step >= len(l) {
					return nil, fault.Internal(fmt.Errorf("variable %s has no item %d", s.name, step))
				}
				v = l[step]
			}
		}
		return v, nil
	case fromNewID:
		for len(b.ids) <= s.number {
			b.ids = append(b.ids, tenancy.NewID())
		}
		return b.ids[s.number], nil
	case fromClock:
		if b.now == nil {
			b.now = b.Now
		}
		return b.now, nil
	case fromRequester:
		return b.User, nil
	case fromRow:
		return nil, fault.Internal(errors.New("a row's value stands among a statement's arguments"))
	case fromEvent:
		return b.Event.part(s), nil
	case fromHook:
		return b.hookValue(s)
	case fromItems:
		items := make([]any, 0, len(s.items))
		for _, item := range s.items {
			v, err := b.resolve(p, item)
			if err != nil {
				return nil, err
			}
			if v == nil {
				return nil, errNullItem
			}
			items = append(items, v)
		}
		return items, nil
	}
	if l, ok := s.value.(operation.Literal); ok {
		return b.literal(scalar, l, -1)
	}
	return s.value, nil
}

// literal reads a literal of the text as the scalar that its place asks for. The
// common ones are read here, the others by the rules that variables have too.
func (b *Binding) literal(scalar datamodel.Scalar, l operation.Literal, position int) (any, error) {
	if scalar == datamodel.String || scalar == datamodel.ID || scalar == datamodel.Password {
		if l.Kind == ast.StringValue && !strings.ContainsRune(l.Raw, 0) {
			return l.Raw, nil
		}
	}
	if scalar == datamodel.Int && l.Kind == ast.IntValue {
		if n, err := strconv.ParseInt(l.Raw, 10, 32); err == nil {
			return n, nil
		}
	}
	v, err := coercion.Literal(b.Prepared.Document.Schema, ast.NamedType(scalar.String(), nil), &ast.Value{Kind: l.Kind, Raw: l.Raw}, nil)
	if err != nil {
		return nil, &LiteralError{Literal: position, Cause: err}
	}
	return v, nil
}
