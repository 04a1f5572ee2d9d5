package yamldoc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Render writes a tree as YAML in block style. Texts that could be read as
// something else are quoted as in JSON, so that every reader agrees on them.
func Render(n *Node) []byte {
	var b bytes.Buffer
	switch {
	case n.Kind == Mapping && len(n.Entries) > 0:
		renderEntries(&b, n, 0, false)
	case n.Kind == Mapping:
	default:
		renderValue(&b, n, 0)
	}
	return b.Bytes()
}

// renderEntries writes the lines of a mapping. The first line has its indent
// already when it follows the dash of a list.
func renderEntries(b *bytes.Buffer, n *Node, indent int, begun bool) {
	for i, e := range n.Entries {
		if i > 0 || !begun {
			b.WriteString(strings.Repeat(" ", indent))
		}
		b.WriteString(quote(e.Key) + ":")
		renderValue(b, e.Value, indent)
	}
}

// renderValue writes what follows a key, up to the end of its last line.
func renderValue(b *bytes.Buffer, n *Node, indent int) {
	switch {
	case n == nil:
		b.WriteString(" null\n")
	case n.Kind == Scalar:
		b.WriteString(" " + renderScalar(n.Value) + "\n")
	case n.Kind == Mapping && len(n.Entries) == 0:
		b.WriteString(" {}\n")
	case n.Kind == Sequence && len(n.Items) == 0:
		b.WriteString(" []\n")
	case n.Kind == Mapping:
		b.WriteByte('\n')
		renderEntries(b, n, indent+2, false)
	default:
		b.WriteByte('\n')
		for _, item := range n.Items {
			b.WriteString(strings.Repeat(" ", indent) + "-")
			if item != nil && item.Kind == Mapping && len(item.Entries) > 0 {
				b.WriteByte(' ')
				renderEntries(b, item, indent+2, true)
			} else {
				renderValue(b, item, indent+2)
			}
		}
	}
}

func renderScalar(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return quote(v)
	case float64:
		switch {
		case math.IsNaN(v):
			return ".nan"
		case math.IsInf(v, 0):
			return strings.Replace(strconv.FormatFloat(v, 'g', -1, 64), "Inf", ".inf", 1)
		}
		text := strconv.FormatFloat(v, 'g', -1, 64)
		if !strings.ContainsAny(text, ".e") {
			text += ".0"
		}
		return text
	default:
		return fmt.Sprint(v)
	}
}

var (
	// plain texts mean themselves in every version of YAML: words, paths,
	// addresses.
	plain    = regexp.MustCompile(`^[A-Za-z./$][A-Za-z0-9_./$-]*(:[A-Za-z0-9_./$-]+)*$`)
	reserved = regexp.MustCompile(`^(?i:true|false|yes|no|on|off|y|n|null|\.nan|\.inf|\.+[0-9_.]*(e[0-9-]+)?)$`)
)

func quote(text string) string {
	if plain.MatchString(text) && !reserved.MatchString(text) {
		return text
	}
	var b strings.Builder
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	_ = out.Encode(text) // a string always encodes
	return strings.TrimSuffix(b.String(), "\n")
}
