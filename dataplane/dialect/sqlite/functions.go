package sqlite

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"icehouse/dataplane/relational"
)

// The names of the functions that statements call.
const (
	foldFunction   = "icehouse_fold"
	floatFunction  = "icehouse_float"
	numberFunction = "icehouse_number"
)

// Function is a deterministic function of one argument that the driver must
// register on every connection. Null gives null. Values are string, int64 and
// float64.
type Function struct {
	Name string
	Call func(any) (any, error)
}

// Functions are all that statements call.
func Functions() []Function {
	return []Function{
		{foldFunction, func(v any) (any, error) {
			if s, ok := v.(string); ok {
				return relational.Fold(s), nil
			}
			return v, nil
		}},
		{floatFunction, func(v any) (any, error) {
			switch v := v.(type) {
			case float64:
				return FloatText(v), nil
			case int64:
				return strconv.FormatInt(v, 10), nil
			}
			return nil, fmt.Errorf("%s: %T is no number", floatFunction, v)
		}},
		{numberFunction, func(v any) (any, error) {
			s, ok := v.(string)
			if !ok {
				return nil, fmt.Errorf("%s: %T is no text", numberFunction, v)
			}
			return strconv.ParseFloat(s, 64)
		}},
	}
}

// timeLayout is how a moment is stored and shown: text in the order of time.
const timeLayout = "2006-01-02T15:04:05.000Z"

// EncodeTime writes a moment as it is stored.
func EncodeTime(t time.Time) string { return t.UTC().Format(timeLayout) }

// EncodeList writes a list argument: a JSON array with floats as text, since the
// engine's own reader may miss their last bit. The elements have the types that
// relational.ArgKind names, or are nil.
func EncodeList[T any](list []T) (string, error) {
	values := make([]any, len(list))
	for i, v := range list {
		switch v := any(v).(type) {
		case float64:
			values[i] = strconv.FormatFloat(v, 'g', -1, 64)
		case time.Time:
			values[i] = EncodeTime(v)
		case bool:
			values[i] = 0
			if v {
				values[i] = 1
			}
		default:
			values[i] = v
		}
	}
	text, err := json.Marshal(values)
	return string(text), err
}

// FloatText writes a number with the fewest digits that read back as the same
// number and lie strictly between its neighbours' halves; the same text as every
// other engine of the house. What JSON has no number for is null.
func FloatText(f float64) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return "null"
	}
	if f == 0 {
		return "0"
	}
	digits, exponent := shortest(f)
	sign := ""
	if f < 0 {
		sign = "-"
	}
	switch n := len(digits); {
	case exponent < -4 || exponent >= 15:
		mantissa := digits[:1]
		if n > 1 {
			mantissa += "." + digits[1:]
		}
		mark := "+"
		if exponent < 0 {
			mark, exponent = "-", -exponent
		}
		return fmt.Sprintf("%s%se%s%02d", sign, mantissa, mark, exponent)
	case exponent < 0:
		return sign + "0." + strings.Repeat("0", -exponent-1) + digits
	case n <= exponent+1:
		return sign + digits + strings.Repeat("0", exponent+1-n)
	default:
		return sign + digits[:exponent+1] + "." + digits[exponent+1:]
	}
}

// shortest returns the significant digits of |f| and the power of ten of the
// first one.
func shortest(f float64) (digits string, exponent int) {
	f = math.Abs(f)
	text := strconv.FormatFloat(f, 'e', -1, 64)
	for precision := len(mantissaOf(text)) - 1; halfway(text, f) && precision < 17; precision++ {
		if next := strconv.FormatFloat(f, 'e', precision, 64); readsBack(next, f) {
			text = next
		}
	}
	mantissa := strings.TrimRight(mantissaOf(text), "0")
	exponent, _ = strconv.Atoi(text[strings.IndexByte(text, 'e')+1:])
	if mantissa == "" {
		mantissa = "0"
	}
	return mantissa, exponent
}

func mantissaOf(text string) string {
	return strings.Replace(text[:strings.IndexByte(text, 'e')], ".", "", 1)
}

func readsBack(text string, f float64) bool {
	g, err := strconv.ParseFloat(text, 64)
	return err == nil && g == f
}

// halfway says that a decimal lies exactly between f and a neighbour. That
// happens to whole numbers beyond 2^53 alone, and not to very large ones, whose
// halves have more digits than a short decimal.
func halfway(text string, f float64) bool {
	if f < 1<<53 || f > 1e60 {
		return false
	}
	value, _, err := big.ParseFloat(text, 10, 300, big.ToNearestEven)
	if err != nil {
		return false
	}
	for _, neighbour := range []float64{math.Nextafter(f, 0), math.Nextafter(f, math.Inf(1))} {
		sum := new(big.Float).SetPrec(300).Add(big.NewFloat(f).SetPrec(300), big.NewFloat(neighbour).SetPrec(300))
		if new(big.Float).SetPrec(300).Add(value, value).Cmp(sum) == 0 {
			return true
		}
	}
	return false
}
