package datamodel

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"icehouse/dataplane/coercion"
)

// valueProblem says why a text is no value of a field.
type valueProblem struct {
	code int
	text string
}

// valueUse is what differs between the two directives that carry a value.
type valueUse struct {
	enumCode int
	enumText string
	longName string
	strict   bool // dates must be dates
}

// valueReader parses the texts of one document. It remembers the values of enums
// in a form that is quick to look up, for long enums with long lists.
type valueReader struct {
	enums map[*Enum]map[string]bool
}

func (r *valueReader) has(e *Enum, value string) bool {
	set := r.enums[e]
	if set == nil {
		set = make(map[string]bool, len(e.Values))
		for _, v := range e.Values {
			set[v] = true
		}
		if r.enums == nil {
			r.enums = map[*Enum]map[string]bool{}
		}
		r.enums[e] = set
	}
	return set[value]
}

var (
	asDefault   = valueUse{2025, "The specified default value '%s' is not a valid Enum Value for this field.", "DefaultValue", false}
	asMigration = valueUse{2042, "The specified migration value '%s' is not a valid Enum Value for this field.", "MigrationValue", true}
)

// defaultOf parses the text of @defaultValue (data-api §1.9).
func (r *valueReader) defaultOf(f *Field, text string) (*Value, *valueProblem) {
	return r.parse(asDefault, f, text)
}

// migrationOf parses the text of @migrationValue (data-api §1.9). Lists are
// parsed like those of defaults, so that items may contain commas (LQ-D09).
func (r *valueReader) migrationOf(f *Field, text string) (*Value, *valueProblem) {
	return r.parse(asMigration, f, text)
}

func (r *valueReader) parse(u valueUse, f *Field, text string) (*Value, *valueProblem) {
	if text == "null" {
		return &Value{Null: true, Text: "null"}, nil
	}
	printed, problem := "", (*valueProblem)(nil)
	if f.List {
		printed, problem = r.list(u, f, text)
	} else {
		printed, problem = r.single(u, f, text)
	}
	if problem != nil {
		return nil, problem
	}
	return &Value{Text: strings.Clone(text), JSON: printed}, nil
}

func notAValue(f *Field, text string) *valueProblem {
	return &valueProblem{2011, fmt.Sprintf("'%s' is not a valid value for type '%s'", shorten(text), f.TypeName())}
}

func (u valueUse) tooLong() *valueProblem {
	return &valueProblem{3007, fmt.Sprintf("Value for field %s is too long.", u.longName)}
}

// single gives the canonical JSON of one value.
func (r *valueReader) single(u valueUse, f *Field, text string) (string, *valueProblem) {
	if f.Enum != nil {
		if !r.has(f.Enum, text) {
			return "", &valueProblem{u.enumCode, fmt.Sprintf(u.enumText, shorten(text))}
		}
		return quote(text), nil
	}
	switch f.Scalar {
	case Int:
		n, ok := parseInt(text)
		if !ok {
			return "", notAValue(f, text)
		}
		return strconv.FormatInt(n, 10), nil
	case Float:
		return u.float(f, text)
	case Boolean:
		if text != "true" && text != "false" {
			return "", notAValue(f, text)
		}
		return strings.Clone(text), nil
	case JSON:
		return u.json(f, text)
	case DateTime:
		if date, ok := u.date(text); ok {
			return quote(date), nil
		}
		if u.strict {
			return "", notAValue(f, text)
		}
	}
	if strings.Contains(text, "\x00") { // no text that comes in may have it
		return "", notAValue(f, text)
	}
	if f.Scalar != Password && coercion.TooLong(text) {
		return "", u.tooLong()
	}
	return quote(text), nil
}

// list gives the canonical JSON of a list that is written as a GraphQL list
// literal, which for texts, numbers and booleans is also a JSON array.
func (r *valueReader) list(u valueUse, f *Field, text string) (string, *valueProblem) {
	if f.Scalar == JSON {
		printed, problem := u.json(f, text)
		if problem == nil && !strings.HasPrefix(printed, "[") {
			problem = notAValue(f, text)
		}
		return printed, problem
	}
	value, failure := readLiteral(text)
	if failure != nil || value.kind != listLiteral {
		return "", notAValue(f, text)
	}
	var b strings.Builder
	b.WriteByte('[')
	for i, item := range value.items {
		if !item.fits(f) {
			return "", notAValue(f, text)
		}
		printed, problem := r.single(u, f, item.text)
		if problem != nil {
			return "", problem
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(printed)
	}
	b.WriteByte(']')
	if coercion.TooLong(b.String()) {
		return "", u.tooLong()
	}
	return b.String(), nil
}

// fits says that an item of a list is written in the form of the field's type.
func (l literal) fits(f *Field) bool {
	switch {
	case f.Enum != nil:
		return l.kind == enumLiteral || l.kind == stringLiteral
	case f.Scalar == Int:
		return l.kind == intLiteral
	case f.Scalar == Float:
		return l.kind == intLiteral || l.kind == floatLiteral
	case f.Scalar == Boolean:
		return l.kind == boolLiteral
	default:
		return l.kind == stringLiteral
	}
}

// parseInt reads a GraphQL integer of 32 bits.
func parseInt(text string) (int64, bool) {
	if !isNumber(text) {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 32)
	return n, err == nil
}

// float gives a number in plain decimal notation without needless zeros.
func (u valueUse) float(f *Field, text string) (string, *valueProblem) {
	if !isNumber(text) {
		return "", notAValue(f, text)
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return "", notAValue(f, text)
	}
	plain := strings.Clone(text)
	if strings.ContainsAny(text, "eE") {
		plain = strconv.FormatFloat(n, 'f', -1, 64)
	}
	if strings.Contains(plain, ".") {
		plain = strings.TrimRight(strings.TrimRight(plain, "0"), ".")
	}
	if plain == "-0" {
		plain = "0"
	}
	if len(plain) > coercion.MaxFloat {
		return "", u.tooLong()
	}
	return plain, nil
}

// isNumber is the grammar that GraphQL and JSON share for numbers.
func isNumber(text string) bool {
	if text == "" || text[0] != '-' && (text[0] < '0' || text[0] > '9') {
		return false
	}
	return json.Valid([]byte(text)) && strings.Trim(text, " \t\r\n") == text
}

// date prints an ISO 8601 date in the form of the API: UTC with milliseconds.
// The reader of migration values took any number of digits for a year, and
// deployed projects have @migrationValue(value: "1").
func (u valueUse) date(text string) (string, bool) {
	if u.strict && len(text) < 4 && isNumber(text) {
		text = strings.Repeat("0", 4-len(text)) + text
	}
	date, ok := coercion.ParseDateTime(text)
	return date.Format(coercion.TimeFormat), ok
}

func (u valueUse) json(f *Field, text string) (string, *valueProblem) {
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(text)); err != nil {
		return "", notAValue(f, text)
	}
	if coercion.TooLong(b.String()) {
		return "", u.tooLong()
	}
	return b.String(), nil
}

func quote(text string) string {
	quoted, err := coercion.AppendText(nil, text)
	if err != nil {
		return strconv.Quote(text) // cannot happen: every string has a JSON form
	}
	return string(quoted)
}

// shorten keeps a text from the file short enough for a message.
func shorten(text string) string {
	const limit = 100
	text = strings.ReplaceAll(text, "\x00", `\u0000`)
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	return string([]rune(text)[:limit]) + "..."
}
