package operation

import (
	"strings"
	"unicode/utf8"
)

// tokenKind is the class of a token, as far as normalising needs to know.
type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenPunctuator
	tokenName
	tokenInt
	tokenFloat
	tokenString // also block strings
	tokenInvalid
)

// token is a piece of the document's text.
type token struct {
	kind       tokenKind
	start, end int // byte offsets
}

// scanner reads the tokens of a GraphQL document. It accepts a superset of the
// grammar: what it can't read is left to the parser, whose message is better.
type scanner struct {
	text string
	at   int
}

func (s *scanner) next() token {
	s.skipIgnored()
	if s.at >= len(s.text) {
		return token{kind: tokenEnd, start: s.at, end: s.at}
	}
	start := s.at
	switch c := s.text[s.at]; {
	case c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
		for s.at < len(s.text) && isNameByte(s.text[s.at]) {
			s.at++
		}
		return token{tokenName, start, s.at}
	case c == '-' || '0' <= c && c <= '9':
		return s.number(start)
	case c == '"':
		return s.str(start)
	case c == '.':
		if strings.HasPrefix(s.text[s.at:], "...") {
			s.at += 3
			return token{tokenPunctuator, start, s.at}
		}
	case strings.IndexByte("!$&()*:=@[]{|}", c) >= 0:
		s.at++
		return token{tokenPunctuator, start, s.at}
	}
	return token{tokenInvalid, start, s.at}
}

func isNameByte(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func (s *scanner) skipIgnored() {
	for s.at < len(s.text) {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\n', '\r', ',':
			s.at++
		case '#':
			for s.at < len(s.text) && s.text[s.at] != '\n' && s.text[s.at] != '\r' {
				s.at++
			}
		default:
			if !strings.HasPrefix(s.text[s.at:], "\uFEFF") {
				return
			}
			s.at += len("\uFEFF")
		}
	}
}

func (s *scanner) number(start int) token {
	kind := tokenInt
	if s.text[s.at] == '-' {
		s.at++
	}
	digits := s.digits()
	if s.at < len(s.text) && s.text[s.at] == '.' {
		kind = tokenFloat
		s.at++
		digits = s.digits() && digits
	}
	if s.at < len(s.text) && (s.text[s.at] == 'e' || s.text[s.at] == 'E') {
		kind = tokenFloat
		s.at++
		if s.at < len(s.text) && (s.text[s.at] == '+' || s.text[s.at] == '-') {
			s.at++
		}
		digits = s.digits() && digits
	}
	if !digits || s.at < len(s.text) && isNameByte(s.text[s.at]) {
		return token{tokenInvalid, start, s.at}
	}
	return token{kind, start, s.at}
}

func (s *scanner) digits() bool {
	from := s.at
	for s.at < len(s.text) && '0' <= s.text[s.at] && s.text[s.at] <= '9' {
		s.at++
	}
	return s.at > from
}

func (s *scanner) str(start int) token {
	if strings.HasPrefix(s.text[s.at:], `"""`) {
		s.at += 3
		for s.at < len(s.text) {
			switch {
			case strings.HasPrefix(s.text[s.at:], `\"""`):
				s.at += 4
			case strings.HasPrefix(s.text[s.at:], `"""`):
				s.at += 3
				return token{tokenString, start, s.at}
			default:
				s.at++
			}
		}
		return token{tokenInvalid, start, s.at}
	}
	for s.at++; s.at < len(s.text); {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			return token{tokenString, start, s.at}
		case c == '\\':
			s.at += 2
		case c < ' ' && c != '\t':
			return token{tokenInvalid, start, s.at}
		case c < utf8.RuneSelf:
			s.at++
		default:
			_, size := utf8.DecodeRuneInString(s.text[s.at:])
			s.at += size
		}
	}
	s.at = len(s.text)
	return token{tokenInvalid, start, s.at}
}
