package coercion

import "errors"

// FromJSON coerces a decoded value (Read), as that of a variable, to a scalar, an enum
// or a list of them. The error says why it can't be.
func FromJSON(types Types, ref Ref, v any) (Value, error) {
	c := &variable{coercer: coercer{types: types}}
	value := c.value(ref, v)
	if len(c.errors) > 0 {
		return nil, errors.New(c.errors[0].Message)
	}
	return value, nil
}

// AppendJSON writes a value, be it a list or null, as JSON. It takes no objects.
func AppendJSON(out []byte, v Value) ([]byte, error) {
	items, isList := v.([]any)
	switch {
	case v == nil:
		return append(out, "null"...), nil
	case !isList:
		return AppendItem(out, v)
	}
	out = append(out, '[')
	for i, item := range items {
		if i > 0 {
			out = append(out, ',')
		}
		var err error
		if out, err = AppendJSON(out, item); err != nil {
			return nil, err
		}
	}
	return append(out, ']'), nil
}
