package coercion

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"
)

// refusal is why a scalar refused a value; "" means that it took it.
type refusal string

// scalarFromJSON coerces one decoded JSON value, never null, to a scalar.
func scalarFromJSON(name string, v any) (Value, refusal) {
	switch name {
	case "Int":
		if n, ok := v.(json.Number); ok {
			return intFromJSON(string(n))
		}
		return nil, refusal("Int cannot represent non-integer value: " + inspect(v))
	case "Float":
		if n, ok := v.(json.Number); ok {
			return float(string(n))
		}
		return nil, refusal("Float cannot represent non numeric value: " + inspect(v))
	case "String", "Password":
		if s, ok := v.(string); ok {
			return v, checkText(name, s)
		}
		return nil, refusal(name + " cannot represent a non string value: " + inspect(v))
	case "Boolean":
		if b, ok := v.(bool); ok {
			return b, ""
		}
		return nil, refusal("Boolean cannot represent a non boolean value: " + inspect(v))
	case "ID":
		switch given := v.(type) {
		case string:
			return v, checkText(name, given)
		case json.Number:
			return idFromNumber(string(given))
		}
		return nil, refusal("ID cannot represent value: " + inspect(v))
	case "DateTime":
		if s, ok := v.(string); ok {
			if t, ok := ParseDateTime(s); ok {
				return t, ""
			}
		}
		return nil, notDate
	case "Json":
		if s, ok := v.(string); ok {
			// A text that holds no JSON stays a JSON string: only objects and
			// lists may be stored, which the planner sees to (3037).
			if text, refused := jsonText(s); refused == "" {
				return text, ""
			}
		}
		return JSON(appendJSON(nil, v)), ""
	default:
		return v, ""
	}
}

// scalarFromLiteral coerces one literal, neither null nor a variable, to a scalar.
func scalarFromLiteral(name string, v *ast.Value, vars map[string]Value) (Value, refusal) {
	isString := v.Kind == ast.StringValue || v.Kind == ast.BlockValue
	switch name {
	case "Int":
		if v.Kind != ast.IntValue {
			return nil, refusal("Int cannot represent non-integer value: " + v.String())
		}
		n, err := strconv.ParseInt(v.Raw, 10, 32)
		if err != nil {
			return nil, tooBig(v.Raw)
		}
		return n, ""
	case "Float":
		if v.Kind != ast.IntValue && v.Kind != ast.FloatValue {
			return nil, refusal("Float cannot represent non numeric value: " + v.String())
		}
		return float(v.Raw)
	case "String", "Password":
		if !isString {
			return nil, refusal(name + " cannot represent a non string value: " + v.String())
		}
		return v.Raw, checkText(name, v.Raw)
	case "Boolean":
		if v.Kind != ast.BooleanValue {
			return nil, refusal("Boolean cannot represent a non boolean value: " + v.String())
		}
		return v.Raw == "true", ""
	case "ID":
		if !isString && v.Kind != ast.IntValue {
			return nil, refusal("ID cannot represent a non-string and non-integer value: " + v.String())
		}
		return v.Raw, checkText(name, v.Raw)
	case "DateTime":
		if isString {
			if t, ok := ParseDateTime(v.Raw); ok {
				return t, ""
			}
		}
		return nil, notDate
	case "Json":
		if !isString {
			return nil, notJSON
		}
		return jsonText(v.Raw)
	default:
		return untyped(v, vars), ""
	}
}

const (
	notDate refusal = "Date value expected"
	notJSON refusal = "Not valid JSON"
)

func tooBig(number string) refusal {
	return refusal("Int cannot represent non 32-bit signed integer value: " + short(number))
}

// intFromJSON takes 42 and 42.0 alike.
func intFromJSON(number string) (Value, refusal) {
	n, err := strconv.ParseInt(number, 10, 32)
	if err == nil {
		return n, ""
	}
	if errors.Is(err, strconv.ErrRange) {
		return nil, tooBig(number)
	}
	f, err := strconv.ParseFloat(number, 64)
	switch {
	case err != nil || f != math.Trunc(f):
		return nil, refusal("Int cannot represent non-integer value: " + short(number))
	case f < math.MinInt32 || f > math.MaxInt32:
		return nil, tooBig(number)
	}
	return int64(f), ""
}

func float(number string) (Value, refusal) {
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return nil, refusal("Float cannot represent the value as a double: " + short(number))
	}
	return f + 0, "" // +0 turns -0, which not every engine keeps, into 0
}

// idFromNumber keeps every digit of an integer, where JavaScript would round one
// beyond 2^53.
func idFromNumber(number string) (Value, refusal) {
	if !strings.ContainsAny(number, ".eE") {
		if number == "-0" {
			number = "0"
		}
		return number, ""
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || f != math.Trunc(f) {
		return nil, refusal("ID cannot represent value: " + short(number))
	}
	return strconv.FormatFloat(f+0, 'f', 0, 64), "" // +0: no -0
}

// checkText refuses what no database stores as text.
func checkText(scalar, s string) refusal {
	if strings.IndexByte(s, 0) >= 0 {
		return refusal(scalar + " cannot contain the character NUL (U+0000)")
	}
	if !utf8.ValidString(s) {
		return refusal(scalar + " is not valid Unicode text")
	}
	return ""
}

func jsonText(s string) (Value, refusal) {
	if !utf8.ValidString(s) || !json.Valid([]byte(s)) {
		return nil, notJSON
	}
	return JSON(s), ""
}

// untyped is the value of a literal for a scalar that this package does not know.
func untyped(v *ast.Value, vars map[string]Value) any {
	switch v.Kind {
	case ast.Variable:
		return vars[v.Raw]
	case ast.IntValue, ast.FloatValue:
		return json.Number(v.Raw)
	case ast.BooleanValue:
		return v.Raw == "true"
	case ast.NullValue:
		return nil
	case ast.ListValue:
		list := make([]any, 0, len(v.Children))
		for _, child := range v.Children {
			list = append(list, untyped(child.Value, vars))
		}
		return list
	case ast.ObjectValue:
		object := &Given{}
		for _, child := range v.Children {
			if child.Value.Kind == ast.Variable {
				if _, sent := vars[child.Value.Raw]; !sent {
					continue
				}
			}
			object.set(child.Name, untyped(child.Value, vars))
		}
		return object
	default:
		return v.Raw
	}
}
