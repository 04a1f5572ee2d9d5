package planner

import (
	"encoding/json"
	"fmt"
	"time"

	"icehouse/dataplane/coercion"
	"icehouse/dataplane/datamodel"
)

// constant is a field's default as a coerced value (data-api §1.9).
func constant(f *datamodel.Field) (any, error) {
	var raw any
	text := []byte(f.Default.JSON)
	if f.List {
		var items []json.RawMessage
		if err := json.Unmarshal(text, &items); err != nil {
			return nil, fmt.Errorf("default of %s.%s: %w", f.Type.Name, f.Name, err)
		}
		values := make([]any, len(items))
		for i, item := range items {
			v, err := constantOne(f, item)
			if err != nil {
				return nil, err
			}
			values[i] = v
		}
		return values, nil
	}
	raw, err := constantOne(f, text)
	return raw, err
}

func constantOne(f *datamodel.Field, text json.RawMessage) (any, error) {
	var err error
	switch f.Scalar {
	case datamodel.Int:
		var v int64
		err = json.Unmarshal(text, &v)
		return v, wrapDefault(f, err)
	case datamodel.Float:
		var v float64
		err = json.Unmarshal(text, &v)
		return v, wrapDefault(f, err)
	case datamodel.Boolean:
		var v bool
		err = json.Unmarshal(text, &v)
		return v, wrapDefault(f, err)
	case datamodel.JSON:
		return coercion.JSON(text), nil
	case datamodel.DateTime:
		var s string
		if err = json.Unmarshal(text, &s); err != nil {
			return nil, wrapDefault(f, err)
		}
		v, ok := coercion.ParseDateTime(s)
		if !ok {
			return time.Time{}, fmt.Errorf("default of %s.%s is no date: %q", f.Type.Name, f.Name, s)
		}
		return v, nil
	default:
		var s string
		err = json.Unmarshal(text, &s)
		return s, wrapDefault(f, err)
	}
}

func wrapDefault(f *datamodel.Field, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("default of %s.%s: %w", f.Type.Name, f.Name, err)
}
