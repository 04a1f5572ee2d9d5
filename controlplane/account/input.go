package account

import (
	netmail "net/mail"
	"strings"
	"unicode/utf8"

	"icehouse/controlplane/problem"
)

// The bounds of what people give.
const (
	maxEmail    = 254 // bytes, of RFC 5321
	maxName     = 256 // bytes
	minPassword = 8   // characters
	maxPassword = 512 // bytes
)

// Email brings an e-mail address to the form in which accounts have it: in lower case
// and without blanks around it. false when it is none.
func Email(given string) (string, bool) {
	email := strings.ToLower(strings.TrimSpace(given))
	parsed, err := netmail.ParseAddress(email)
	if err != nil || parsed.Address != email || len(email) > maxEmail || !utf8.ValidString(email) || strings.ContainsAny(email, "\"\x00\r\n ") {
		return "", false
	}
	return email, true
}

func noEmail(given string) error {
	return &problem.Error{Message: "'" + strings.ToValidUTF8(given, "?") + "' is not an e-mail address"}
}

func checkPassword(p string) error {
	if utf8.RuneCountInString(p) < minPassword || len(p) > maxPassword {
		return &problem.Error{Message: "A password has at least 8 characters and at most 512 bytes"}
	}
	return nil
}

func checkName(name string) error {
	if len(name) > maxName || strings.ContainsAny(name, "\x00\r\n") || !utf8.ValidString(name) {
		return &problem.Error{Message: "A name has at most 256 bytes in one line"}
	}
	return nil
}
