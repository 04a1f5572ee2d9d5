package planner

import (
	"bytes"
	"encoding/json"
	"strconv"

	"icehouse/dataplane/coercion"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/internal/fault"
)

// store checks a field's value and gives it its stored form.
func store(f *datamodel.Field, v any) (any, error) {
	if f.List {
		return storeList(f, v)
	}
	return storeOne(f, v)
}

func tooLong(f *datamodel.Field) *fault.Fault {
	return fault.New(fault.ValueTooLong, "Value for field %s is too long.", f.Name)
}

func storeOne(f *datamodel.Field, v any) (any, error) {
	switch v := v.(type) {
	case string:
		if coercion.TooLong(v) {
			return nil, tooLong(f)
		}
		return v, nil
	case float64:
		if v == 0 {
			v = 0 // a negative zero is a zero
		}
		if len(strconv.FormatFloat(v, 'f', -1, 64)) > coercion.MaxFloat {
			return nil, tooLong(f)
		}
		return v, nil
	case coercion.JSON:
		return storeJSON(f, string(v))
	default:
		return v, nil
	}
}

// storeJSON applies the rule for Json values: a string holds JSON text, and the
// value must be an object or an array (data-api §2.12).
func storeJSON(f *datamodel.Field, text string) (any, error) {
	invalid := func() error {
		return fault.New(fault.NotJSON, "The value in the field '%s' is not a valid Json: '%s'", f.Name, coercion.Short(text, 200))
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(text)); err != nil {
		return nil, invalid()
	}
	if compact.Len() > 0 && compact.Bytes()[0] == '"' {
		var inner string
		if err := json.Unmarshal(compact.Bytes(), &inner); err != nil {
			return nil, invalid()
		}
		compact.Reset()
		if err := json.Compact(&compact, []byte(inner)); err != nil {
			return nil, invalid()
		}
	}
	if compact.Len() == 0 || compact.Bytes()[0] != '{' && compact.Bytes()[0] != '[' {
		return nil, invalid()
	}
	if coercion.TooLong(compact.String()) {
		return nil, tooLong(f)
	}
	return compact.String(), nil
}

// storeList writes a scalar list as a JSON array.
func storeList(f *datamodel.Field, v any) (any, error) {
	items, ok := v.([]any)
	if !ok {
		items = []any{v}
	}
	out := []byte{'['}
	for i, item := range items {
		if i > 0 {
			out = append(out, ',')
		}
		one, err := storeOne(f, item)
		if err != nil {
			return nil, err
		}
		if text, ok := one.(string); ok && f.Scalar == datamodel.JSON {
			one = coercion.JSON(text)
		}
		if out, err = coercion.AppendItem(out, one); err != nil {
			return nil, fault.Internal(err)
		}
	}
	out = append(out, ']')
	if coercion.TooLong(string(out)) {
		return nil, tooLong(f)
	}
	return string(out), nil
}

// hashed puts hashes in the place of passwords: the same for one text, so that a hook sees
// what is stored (data-api §2.12). What a hook returns may be a hash already.
func (b *Binding) hashed(v any, returned bool) (any, error) {
	switch v := v.(type) {
	case string:
		if returned && coercion.IsPasswordHash(v) {
			return v, nil
		}
		if hash, ok := b.hashes[v]; ok {
			return hash, nil
		}
		hash, err := coercion.HashPassword(v)
		if err != nil {
			return nil, fault.Internal(err)
		}
		if b.hashes == nil {
			b.hashes = map[string]string{}
		}
		b.hashes[v] = hash
		return hash, nil
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			one, err := b.hashed(item, returned)
			if err != nil {
				return nil, err
			}
			out[i] = one
		}
		return out, nil
	}
	return v, nil
}
