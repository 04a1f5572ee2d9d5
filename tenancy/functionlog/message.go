package functionlog

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"
)

// MaxMessage is how many bytes of a message are kept.
const MaxMessage = 64 << 10

// fit is the message as it is stored: a JSON object of MaxMessage at most, whatever came.
// What had to be shortened says so.
func fit(message []byte) []byte {
	if !utf8.Valid(message) {
		message = bytes.ToValidUTF8(message, []byte("\uFFFD"))
	}
	message = bytes.TrimSpace(message)
	if !bytes.HasPrefix(message, []byte("{")) || !json.Valid(message) {
		return shorten(encode(map[string]string{"error": string(message)}), MaxMessage, deepest)
	}
	return shorten(message, MaxMessage, deepest)
}

// deepest is how many levels of a value are looked into for what is long.
const deepest = 4

// shorten makes a value at most n bytes long. It keeps its form, with the longest parts
// of it shortened, unless it has too many parts for that: it is a text then.
func shorten(value json.RawMessage, n, levels int) json.RawMessage {
	if len(value) <= n {
		return value
	}
	out := value
	switch {
	case levels > 0 && value[0] == '{':
		out = shortenObject(value, n, levels)
	case levels > 0 && value[0] == '[':
		out = shortenList(value, n, levels)
	}
	switch {
	case len(out) <= n:
		return out
	case levels == deepest: // the message itself, which has to stay an object
		return slices.Concat([]byte(`{"error":`), shortenText(value, n-len(`{"error":}`)), []byte("}"))
	default:
		return shortenText(value, n)
	}
}

// shortenObject gives each value its share of the room: short ones leave more to others.
func shortenObject(value json.RawMessage, n, levels int) json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(value, &fields) != nil {
		return value
	}
	names := slices.SortedFunc(maps.Keys(fields), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(fields[a]), len(fields[b])), cmp.Compare(a, b))
	})
	left := n - len("{}")
	for i, name := range names {
		key := len(encode(name)) + len(":,")
		fields[name] = shorten(fields[name], left/(len(names)-i)-key, levels-1)
		left -= key + len(fields[name])
	}
	return encode(fields)
}

// shortenList keeps the end of a list, which says most where it is what was printed.
func shortenList(value json.RawMessage, n, levels int) json.RawMessage {
	var items []json.RawMessage
	if json.Unmarshal(value, &items) != nil {
		return value
	}
	const mark = 100
	from, left := len(items), n-len("[]")-mark
	for from > 0 && left > mark {
		from--
		items[from] = shorten(items[from], left-len(","), levels-1)
		left -= len(items[from]) + len(",")
	}
	out := items[from:]
	if from > 0 {
		first := encode(map[string]string{"shortened": fmt.Sprintf("%d items are left out", from)})
		out = append([]json.RawMessage{first}, out...)
	}
	return encode(out)
}

// shortenText cuts a text, or the text of another value.
func shortenText(value json.RawMessage, n int) json.RawMessage {
	text := value
	if value[0] != '"' {
		text = encode(string(value))
	}
	text = text[1 : len(text)-1]
	mark := fmt.Sprintf("… [shortened, %d bytes]", len(value))
	end := 0
	for end < len(text) {
		_, next := utf8.DecodeRune(text[end:])
		if text[end] == '\\' { // an escape stays whole
			next = len(`\n`)
			if text[end+1] == 'u' {
				next = len(`\u0000`)
			}
		}
		if end+next > n-len(`""`)-len(mark) {
			break
		}
		end += next
	}
	return slices.Concat([]byte(`"`), text[:end], []byte(mark), []byte(`"`))
}

// encode writes what can be written: maps, lists and texts.
func encode(v any) json.RawMessage {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(v)
	return bytes.TrimSpace(out.Bytes())
}
