package operation

import "strings"

// normal is a document's text without what does not change its plan: white
// space, comments, and the values of string and number literals. Two texts with
// the same normal key have the same tokens but for those values, so that one
// plan serves both: the values become arguments.
type normal struct {
	key      string
	literals []token // the literals left out of the key, in order
	tokens   int
	nesting  int // deepest nesting of brackets of any kind
}

// normalize reads the text. ok is false when it has a token that is none.
//
// Sizes of pages stay in the key, so that the engine can plan for them. Literals
// of variable definitions stay in the key, since defaults belong to the
// document; so do all literals of a document that asks __type, whose argument
// chooses what is answered.
func normalize(text string) (n normal, ok bool) {
	var key strings.Builder
	key.Grow(len(text))
	keepAll := strings.Contains(text, "__type(") || strings.Contains(text, "__type ")
	depth, braces := 0, 0
	afterName, pageSize := false, false
	last := "" // the name before a colon
	for s := (scanner{text: text}); ; {
		t := s.next()
		if t.kind == tokenEnd {
			break
		}
		n.tokens++
		switch t.kind {
		case tokenInvalid:
			return n, false
		case tokenPunctuator:
			switch text[t.start] {
			case '{', '(', '[':
				if depth++; depth > n.nesting {
					n.nesting = depth
				}
				if text[t.start] == '{' && (braces > 0 || depth == 1) {
					braces++
				}
			case '}', ')', ']':
				depth--
				if text[t.start] == '}' && braces > 0 {
					braces--
				}
			}
			pageSize = text[t.start] == ':' && isPageSize(last)
			last = ""
			key.WriteString(text[t.start:t.end])
			afterName = false
		case tokenName:
			last, pageSize = text[t.start:t.end], false
			if afterName {
				key.WriteByte(' ')
			}
			key.WriteString(text[t.start:t.end])
			afterName = true
		default:
			if braces > 0 && !keepAll && !pageSize {
				n.literals = append(n.literals, t)
				// One byte that no document has outside of strings, by kind.
				key.WriteByte(byte(t.kind))
			} else {
				key.WriteByte(' ')
				key.WriteString(text[t.start:t.end])
			}
			afterName, pageSize, last = true, false, ""
		}
	}
	n.key = key.String()
	return n, true
}

// isPageSize says that an argument of this name is the size of a page.
func isPageSize(name string) bool { return name == "first" || name == "last" }
