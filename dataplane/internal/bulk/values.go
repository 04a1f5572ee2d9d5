package bulk

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"icehouse/dataplane/coercion"
	"icehouse/dataplane/datamodel"
)

// refusal is what is wrong with one element, in words for its sender.
type refusal struct{ message string }

func (r *refusal) Error() string { return r.message }

func refuse(format string, args ...any) error { return &refusal{fmt.Sprintf(format, args...)} }

// stored turns a value of an element into what a column keeps: the Go types of
// relational.ArgKind. It is no list and not null. Errors are refusals.
func stored(f *datamodel.Field, value jsontext.Value) (any, error) {
	v, why := scalar(f, value)
	if why != "" {
		return nil, refuse("The value %s is not valid for the field '%s' of type %s: %s.", shown(value), f.Name, f.TypeName(), why)
	}
	return v, nil
}

// scalar reads a value; why says what is wrong with it.
func scalar(f *datamodel.Field, value jsontext.Value) (v any, why string) {
	if f.Enum != nil {
		s, ok := text(value)
		if !ok || !slices.Contains(f.Enum.Values, s) {
			return nil, "the enum has the values " + strings.Join(f.Enum.Values, ", ")
		}
		return s, ""
	}
	switch f.Scalar {
	case datamodel.Int:
		return integer(value)
	case datamodel.Float:
		if value.Kind() != '0' {
			return nil, "a number is wanted"
		}
		n, err := strconv.ParseFloat(string(value), 64)
		if err != nil {
			return nil, "it is too large for a double"
		}
		return n + 0, "" // +0 turns -0, which not every engine keeps, into 0
	case datamodel.Boolean:
		if k := value.Kind(); k != 't' && k != 'f' {
			return nil, "true or false is wanted"
		}
		return value.Kind() == 't', ""
	case datamodel.DateTime:
		if t, ok := moment(value); ok {
			return t, ""
		}
		return nil, "a date in a form of ISO 8601 is wanted"
	case datamodel.JSON:
		return jsonText(value)
	default:
		s, ok := text(value)
		switch {
		case !ok:
			return nil, "a text is wanted"
		case strings.IndexByte(s, 0) >= 0:
			return nil, "no text may contain the character U+0000"
		}
		return s, ""
	}
}

// integer takes 42 and 42.0 alike, within 32 bits.
func integer(value jsontext.Value) (any, string) {
	const why = "a whole number of 32 bits is wanted"
	if value.Kind() != '0' {
		return nil, why
	}
	n, err := strconv.ParseInt(string(value), 10, 32)
	if err == nil {
		return n, ""
	}
	f, err := strconv.ParseFloat(string(value), 64)
	if err != nil || f != math.Trunc(f) || f < math.MinInt32 || f > math.MaxInt32 {
		return nil, why
	}
	return int64(f), ""
}

// moment takes all forms of ISO 8601, and a blank between date and time (LQ-D66).
func moment(value jsontext.Value) (time.Time, bool) {
	s, ok := text(value)
	if !ok {
		return time.Time{}, false
	}
	const date = len("2017-12-05")
	if len(s) > date && s[date] == ' ' {
		s = s[:date] + "T" + s[date+1:]
	}
	return coercion.ParseDateTime(s)
}

// jsonText takes an object or a list, as it is or as a text (LQ-D67), and keeps
// its letters but no white space.
func jsonText(value jsontext.Value) (any, string) {
	const why = "an object or a list is wanted, or a text that holds one"
	if s, ok := text(value); ok {
		value = jsontext.Value(s)
		if !value.IsValid(lenient) {
			return nil, why
		}
	}
	if k := value.Kind(); k != '{' && k != '[' {
		return nil, why
	}
	compact := value.Clone()
	if err := compact.Compact(lenient); err != nil {
		return nil, why
	}
	return string(compact), ""
}

// appendItem writes an item of a list as every write of the API does.
func appendItem(out []byte, f *datamodel.Field, item jsontext.Value) ([]byte, error) {
	v, err := stored(f, item)
	if err != nil {
		return nil, err
	}
	if text, ok := v.(string); ok && f.Scalar == datamodel.JSON {
		v = coercion.JSON(text)
	}
	return coercion.AppendItem(out, v)
}
