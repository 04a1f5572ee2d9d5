package dataplanetest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// The values of requests: nil, bool, float64, string, and these.
type (
	// enumName is a value of an enum.
	enumName string
	// moment is a DateTime as it is sent and as it comes back.
	moment struct{ text, value string }
	// document is Json; in variables as a text or as the value.
	document struct {
		text   string
		quoted bool
	}
	// idOf is the id of a row, or a part of it.
	idOf struct{ node, from, to int }
	// unset is a variable that is not sent.
	unset struct{}
	// list is a list.
	list []any
	// lone is a list of one value, written without brackets.
	lone struct{ value any }
	// object is an input object, or arguments, in order.
	object []entry
	// entry is one key of an object, with its GraphQL type; without one it's
	// always written into the request.
	entry struct {
		key   string
		value any
		typ   string
	}
)

func wholeID(node int) idOf { return idOf{node, 0, 25} }

// get finds a value; one that is a variable without value isn't given.
func (o object) get(key string) (any, bool) {
	for _, e := range o {
		if _, missing := e.value.(unset); e.key == key && !missing {
			return e.value, true
		}
	}
	return nil, false
}

// empty says that nothing is given.
func (o object) empty() bool {
	for _, e := range o {
		if _, missing := e.value.(unset); !missing {
			return false
		}
	}
	return true
}

// bare is the value as JSON has it.
func bare(v any, id func(idOf) string) any {
	switch v := v.(type) {
	case enumName:
		return string(v)
	case moment:
		return v.value
	case document:
		var value any
		_ = json.Unmarshal([]byte(v.text), &value)
		return value
	case idOf:
		return id(v)
	case lone:
		return []any{bare(v.value, id)}
	case list:
		items := []any{}
		for _, item := range v {
			items = append(items, bare(item, id))
		}
		return items
	}
	return v
}

// request is a request being written, the same for all contexts: ids are marks.
type request struct {
	toss      func(percent int) bool // whether a value becomes a variable
	declared  []string
	variables []string
}

var idMarks = regexp.MustCompile(`<row(\d+):(\d+):(\d+)>`)

func (id idOf) mark() string { return fmt.Sprintf("<row%d:%d:%d>", id.node, id.from, id.to) }

// forContext puts the ids of a context in.
func forContext(text string, rows []*row, context int) string {
	return idMarks.ReplaceAllStringFunc(text, func(mark string) string {
		m := idMarks.FindStringSubmatch(mark)
		node, _ := strconv.Atoi(m[1])
		from, _ := strconv.Atoi(m[2])
		to, _ := strconv.Atoi(m[3])
		return rows[node].ids[context][from:to]
	})
}

// arguments writes "(a: 1, b: $v1)", or nothing.
func (r *request) arguments(o object) string {
	if len(o) == 0 {
		return ""
	}
	return "(" + r.entries(o) + ")"
}

func (r *request) entries(o object) string {
	parts := make([]string, 0, len(o))
	for _, e := range o {
		parts = append(parts, e.key+": "+r.value(e.value, e.typ))
	}
	return strings.Join(parts, ", ")
}

func (r *request) value(v any, typ string) string {
	_, missing := v.(unset)
	if missing || typ != "" && r.toss(25) {
		name := fmt.Sprintf("v%d", len(r.declared)+1)
		r.declared = append(r.declared, "$"+name+": "+typ)
		if !missing {
			r.variables = append(r.variables, fmt.Sprintf("%q: %s", name, variable(v)))
		}
		return "$" + name
	}
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return number(v)
	case string:
		return quote(v)
	case enumName:
		return string(v)
	case moment:
		return quote(v.text)
	case document:
		return quote(v.text)
	case idOf:
		return quote(v.mark())
	case lone:
		return r.value(v.value, "")
	case list:
		parts := make([]string, len(v))
		for i, item := range v {
			parts[i] = r.value(item, "")
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case object:
		return "{" + r.entries(v) + "}"
	}
	panic(fmt.Sprintf("no such value: %T", v))
}

func number(v float64) string {
	if v == float64(int32(v)) {
		return strconv.FormatInt(int64(v), 10)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

func quote(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s)
	return strings.TrimSuffix(b.String(), "\n")
}

// variable writes a value as JSON.
func variable(v any) string {
	switch v := v.(type) {
	case document:
		if !v.quoted {
			return v.text
		}
		return quote(v.text)
	case enumName:
		return quote(string(v))
	case moment:
		return quote(v.text)
	case lone:
		return variable(v.value)
	case float64:
		return number(v)
	case list:
		parts := make([]string, len(v))
		for i, item := range v {
			parts[i] = variable(item)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case object:
		var parts []string
		for _, e := range v {
			if _, missing := e.value.(unset); !missing {
				parts = append(parts, quote(e.key)+": "+variable(e.value))
			}
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return (&request{toss: func(int) bool { return false }}).value(v, "")
}

// body is the whole request.
func (r *request) body(operation, fields string) Request {
	head := operation
	if len(r.declared) > 0 {
		head += " (" + strings.Join(r.declared, ", ") + ")"
	}
	q := Request{Query: head + " { " + fields + " }"}
	if len(r.variables) > 0 {
		q.Variables = []byte("{" + strings.Join(r.variables, ", ") + "}")
	}
	return q
}
