package coercion

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// Sizes of stored values (data-api §1.4).
const (
	MaxText  = 262_144 // characters of a text, and of the JSON of a Json value or a list
	MaxFloat = 35      // characters of a number in plain decimal notation
)

// TimeFormat is how a DateTime is written (data-api §2.12).
const TimeFormat = "2006-01-02T15:04:05.000Z"

// TooLong says that a text is longer than MaxText.
func TooLong(text string) bool {
	return len(text) > MaxText && utf8.RuneCountInString(text) > MaxText
}

// AppendItem writes a value, no list and not null, as an item of the JSON that a
// scalar list is stored as.
func AppendItem(out []byte, v Value) ([]byte, error) {
	switch v := v.(type) {
	case string:
		return AppendText(out, v)
	case JSON:
		return append(out, v...), nil
	case int64:
		return strconv.AppendInt(out, v, 10), nil
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return append(out, "null"...), nil
		}
		digits, err := json.Marshal(v)
		return append(out, digits...), err
	case bool:
		return strconv.AppendBool(out, v), nil
	case time.Time:
		return append(v.UTC().AppendFormat(append(out, '"'), TimeFormat), '"'), nil
	default:
		return nil, fmt.Errorf("a list holds %T", v)
	}
}

// AppendText writes a text as JSON, without the escapes that HTML pages need.
func AppendText(out []byte, text string) ([]byte, error) {
	var quoted bytes.Buffer
	e := json.NewEncoder(&quoted)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		return nil, err
	}
	return append(out, bytes.TrimSuffix(quoted.Bytes(), []byte("\n"))...), nil
}
