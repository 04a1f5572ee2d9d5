package relational

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fold brings text to the form in which it is compared: Unicode simple case
// folding, with the lower-case letter standing for each class (data-api
// §2.6.4). Every dialect's fold of a column gives the same bytes; the
// connector's suite holds them to it over all code points.
func Fold(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return strings.Map(foldRune, s)
		}
	}
	return s
}

// foldRune maps a rune to the representative of its class: the lower-case form
// of the class's smallest rune. That is one rune for all of K, k and the Kelvin
// sign.
func foldRune(r rune) rune {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			return r + ('a' - 'A')
		}
		return r
	}
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		if next < least {
			least = next
		}
	}
	return unicode.ToLower(least)
}

// PrefixEnd returns the smallest text that is greater than every text with this
// prefix, in byte order; ok is false when there is none.
func PrefixEnd(prefix string) (end string, ok bool) {
	runes := []rune(prefix)
	for i := len(runes) - 1; i >= 0; i-- {
		next := runes[i] + 1
		if next == 0xD800 { // surrogates are no characters
			next = 0xE000
		}
		if next <= unicode.MaxRune {
			return string(runes[:i]) + string(next), true
		}
	}
	return "", false
}
