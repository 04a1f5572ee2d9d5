// Package response makes the JSON that goes to the client.
//
// In: the JSON text that the database made and the plan's shape of it (Complete),
// or faults (Error). Out: the bytes of data, and the entries of errors. Where a
// plan needs no rewriting the database's bytes are the answer and Complete is not
// called. Callers: the executor completes, transport writes envelopes.
package response

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"

	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/internal/planner"
)

// Error is one entry of errors (data-api §5.3).
type Error struct {
	Fault *fault.Fault
	Path  []any // response keys and list indexes
	Field int   // position of the field in the text; -1 when there is none
}

// Completer fills in what the database can't know and lets nulls rise to where
// they are allowed (data-api §2.13).
type Completer struct {
	// Failed returns the fault of a list whose pagination arguments are bad.
	Failed func(*planner.PageCheck) *fault.Fault
	// Mark is the JSON string in place of values that may not be read; "" when there
	// is none.
	Mark string
	// Inspect writes the value of an introspection field.
	Inspect func(out []byte, f *ast.Field) ([]byte, error)
	// Called is the value of a node with a Call, as JSON of its shape.
	Called func(*planner.Node) ([]byte, *fault.Fault)
	// Returned are the values of the nodes that have it by the names of their fields, as
	// JSON; nil: the data has them.
	Returned map[string][]byte
}

// Complete rewrites an object. It returns null for an object that can't be.
func (c *Completer) Complete(data []byte, root *planner.Node) ([]byte, []Error, error) {
	w := &walk{completer: c, in: data, out: make([]byte, 0, len(data)+64)}
	if _, err := w.value(root); err != nil {
		return nil, nil, fmt.Errorf("the database's JSON does not have the plan's shape: %w", err)
	}
	return w.out, w.errors, nil
}

type walk struct {
	completer *Completer
	in        []byte
	at        int
	out       []byte
	path      []any
	errors    []Error
}

func (w *walk) fail(f *fault.Fault, n *planner.Node) {
	w.errors = append(w.errors, Error{Fault: f, Path: append([]any(nil), w.path...), Field: n.Field})
}

// value copies the next value, as its node says. It reports whether it became
// null.
func (w *walk) value(n *planner.Node) (isNull bool, err error) {
	refused := n.Fault
	if refused == nil && n.Check != nil {
		refused = w.completer.Failed(n.Check)
	}
	switch {
	case refused != nil:
		if err := w.skip(); err != nil {
			return false, err
		}
		w.fail(refused, n)
		w.out = append(w.out, "null"...)
		return true, nil
	case n.Inspect != nil:
		if err := w.skip(); err != nil {
			return false, err
		}
		w.out, err = w.completer.Inspect(w.out, n.Inspect)
		return false, err
	case n.Call != nil:
		return w.called(n)
	case n.Returned != nil && w.completer.Returned != nil:
		return w.returned(n)
	}
	return w.present(n)
}

// called is value for what a resolver function gives.
func (w *walk) called(n *planner.Node) (isNull bool, err error) {
	if err := w.skip(); err != nil {
		return false, err
	}
	value, failed := w.completer.Called(n)
	if failed != nil {
		w.fail(failed, n)
		w.out = append(w.out, "null"...)
		return true, nil
	}
	return w.instead(n, value)
}

// returned is value for a scalar that a function returned. What may not be read still
// may not.
func (w *walk) returned(n *planner.Node) (isNull bool, err error) {
	w.space()
	from := w.at
	if err := w.skip(); err != nil {
		return false, err
	}
	value := w.completer.Returned[n.Returned.Name]
	switch {
	case n.Denied != nil && isMark(w.in[from:w.at], w.completer.Mark):
		value = w.in[from:w.at]
	case value == nil:
		value = []byte("null")
	}
	return w.instead(n, value)
}

// instead is value for JSON that stands elsewhere.
func (w *walk) instead(n *planner.Node, value []byte) (isNull bool, err error) {
	in, at := w.in, w.at
	w.in, w.at = value, 0
	isNull, err = w.present(n)
	w.in, w.at = in, at
	return isNull, err
}

// present is value for what the data has.
func (w *walk) present(n *planner.Node) (isNull bool, err error) {
	w.space()
	if w.at < len(w.in) && w.in[w.at] == 'n' {
		if n.NonNull {
			w.fail(&fault.Fault{Code: fault.NonNull, Message: fmt.Sprintf("Cannot return null for non-nullable field '%s'.", n.Key)}, n)
		}
		w.out = append(w.out, "null"...)
		return true, w.skip()
	}
	switch {
	case n.List:
		return w.list(n)
	case len(n.Options) > 0:
		return w.option(n)
	case len(n.Children) > 0:
		return w.object(n.Children, false)
	}
	from := w.at
	if err := w.skip(); err != nil {
		return false, err
	}
	if n.Denied != nil && isMark(w.in[from:w.at], w.completer.Mark) {
		w.fail(n.Denied, n)
		w.out = append(w.out, "null"...)
		return true, nil
	}
	w.out = append(w.out, w.in[from:w.at]...)
	return false, nil
}

// isMark says that a JSON string is the mark, which needs no escape.
func isMark(value []byte, mark string) bool {
	return len(value) == len(mark)+2 && value[0] == '"' && string(value[1:len(value)-1]) == mark
}

// AnyMarked says that something in a JSON text may not be read.
func AnyMarked(data []byte, mark string) bool {
	return mark != "" && bytes.Contains(data, []byte(mark))
}

func (w *walk) list(n *planner.Node) (bool, error) {
	start, errorsBefore := len(w.out), len(w.errors)
	if err := w.expect('['); err != nil {
		return false, err
	}
	w.out = append(w.out, '[')
	failed := false
	for i := 0; ; i++ {
		w.space()
		if w.at < len(w.in) && w.in[w.at] == ']' {
			w.at++
			break
		}
		if i > 0 {
			if err := w.expect(','); err != nil {
				return false, err
			}
		}
		if failed { // the list is null already: only the errors of that item count
			if err := w.skip(); err != nil {
				return false, err
			}
			continue
		}
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.path = append(w.path, i)
		errorsAtItem := len(w.errors)
		isNull, err := w.item(n)
		w.path = w.path[:len(w.path)-1]
		if err != nil {
			return false, err
		}
		if isNull && n.Item {
			failed = true
			w.errors = append(w.errors[:errorsBefore], w.errors[errorsAtItem:]...)
		}
	}
	if failed {
		w.out = append(w.out[:start], "null"...)
		return true, nil
	}
	w.out = append(w.out, ']')
	return false, nil
}

func (w *walk) item(n *planner.Node) (bool, error) {
	w.space()
	if len(n.Children) == 0 || w.at < len(w.in) && w.in[w.at] == 'n' {
		from := w.at
		if err := w.skip(); err != nil {
			return false, err
		}
		w.out = append(w.out, w.in[from:w.at]...)
		return w.in[from] == 'n', nil
	}
	return w.object(n.Children, false)
}

// option is an object of an interface: its first key says which shape it has.
func (w *walk) option(n *planner.Node) (bool, error) {
	from := w.at
	if err := w.expect('{'); err != nil {
		return false, err
	}
	if err := w.key(); err != nil {
		return false, err
	}
	w.space()
	index := 0
	for w.at < len(w.in) && '0' <= w.in[w.at] && w.in[w.at] <= '9' {
		index = index*10 + int(w.in[w.at]-'0')
		w.at++
	}
	if index >= len(n.Options) {
		return false, fmt.Errorf("no option %d at %d", index, from)
	}
	w.at = from
	return w.object(n.Options[index], true)
}

// object copies an object whose keys are those of the children, in order.
// typed objects have planner.TypeKey before them.
func (w *walk) object(children []*planner.Node, typed bool) (bool, error) {
	start := len(w.out)
	if err := w.expect('{'); err != nil {
		return false, err
	}
	w.out = append(w.out, '{')
	if typed {
		if err := w.key(); err != nil {
			return false, err
		}
		if err := w.skip(); err != nil {
			return false, err
		}
	}
	failed := false
	for i, child := range children {
		if i > 0 || typed {
			if err := w.expect(','); err != nil {
				return false, err
			}
		}
		if i > 0 {
			w.out = append(w.out, ',')
		}
		if err := w.key(); err != nil {
			return false, err
		}
		w.out = append(append(append(w.out, '"'), child.Key...), `":`...)
		w.path = append(w.path, child.Key)
		isNull, err := w.value(child)
		w.path = w.path[:len(w.path)-1]
		if err != nil {
			return false, err
		}
		failed = failed || isNull && child.NonNull
	}
	if err := w.expect('}'); err != nil {
		return false, err
	}
	if failed {
		w.out = append(w.out[:start], "null"...)
		return true, nil
	}
	w.out = append(w.out, '}')
	return false, nil
}

func (w *walk) space() {
	for w.at < len(w.in) {
		switch w.in[w.at] {
		case ' ', '\n', '\t', '\r':
			w.at++
		default:
			return
		}
	}
}

func (w *walk) expect(c byte) error {
	w.space()
	if w.at >= len(w.in) || w.in[w.at] != c {
		return fmt.Errorf("no %q at %d", c, w.at)
	}
	w.at++
	return nil
}

// key passes an object key and its colon.
func (w *walk) key() error {
	w.space()
	if err := w.str(); err != nil {
		return err
	}
	return w.expect(':')
}

func (w *walk) str() error {
	if err := w.expect('"'); err != nil {
		return err
	}
	for w.at < len(w.in) {
		i := bytes.IndexAny(w.in[w.at:], `"\`)
		if i < 0 {
			break
		}
		w.at += i + 1
		if w.in[w.at-1] == '"' {
			return nil
		}
		w.at++ // the escaped character
	}
	return fmt.Errorf("string without end")
}

// skip passes one value of any kind.
func (w *walk) skip() error {
	w.space()
	depth := 0
	for w.at < len(w.in) {
		switch w.in[w.at] {
		case '"':
			if err := w.str(); err != nil {
				return err
			}
		case '{', '[':
			depth++
			w.at++
			continue
		case '}', ']':
			depth--
			w.at++
		case ',', ':', ' ', '\n', '\t', '\r':
			if depth == 0 {
				return fmt.Errorf("no value at %d", w.at)
			}
			w.at++
			continue
		default:
			for w.at < len(w.in) && bytes.IndexByte([]byte(",:]} \n\t\r"), w.in[w.at]) < 0 {
				w.at++
			}
		}
		if depth == 0 {
			return nil
		}
	}
	return fmt.Errorf("value without end")
}

// AnyNull says that one of these keys is null somewhere in a JSON text, or looks
// as if it were.
func AnyNull(data []byte, keys []string) bool {
	if len(keys) == 0 {
		return false
	}
	for at := 0; ; { // nulls are rarer than keys
		i := bytes.Index(data[at:], []byte("null"))
		if i < 0 {
			return false
		}
		before, ok := bytes.CutSuffix(bytes.TrimRight(data[:at+i], " "), []byte(":"))
		if ok && endsWithKey(bytes.TrimRight(before, " "), keys) {
			return true
		}
		at += i + len("null")
	}
}

func endsWithKey(data []byte, keys []string) bool {
	data, ok := bytes.CutSuffix(data, []byte(`"`))
	return ok && slices.ContainsFunc(keys, func(key string) bool {
		n := len(data) - len(key)
		return n > 0 && data[n-1] == '"' && string(data[n:]) == key
	})
}
