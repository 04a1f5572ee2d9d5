package egress

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// The kinds of error. Test with errors.Is.
var (
	// ErrURL says that a URL or a header can't be used, whoever is called.
	ErrURL = errors.New("unusable URL")
	// ErrRefused says that an address is not to be called.
	ErrRefused = errors.New("refused")
	// ErrUnreachable says that there was no whole answer.
	ErrUnreachable = errors.New("unreachable")
	// ErrTimeout says that the time was up before the answer was whole.
	ErrTimeout = errors.New("timeout")
	// ErrTooLarge says that the answer was longer than allowed.
	ErrTooLarge = errors.New("too large")
)

// Error is why a call has no answer.
type Error struct {
	Kind error
	// Text is for the tenant: it names the host that they named, and nothing of ours.
	Text string
	// Cause is for the operator: it may name addresses. It may be nil.
	Cause error
}

// Error is the text for the tenant.
func (e *Error) Error() string { return e.Kind.Error() + ": " + e.Text }

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

func unusable(text string) error { return &Error{Kind: ErrURL, Text: text} }

func refused(format string, values ...any) error {
	return &Error{Kind: ErrRefused, Text: fmt.Sprintf(format, values...)}
}

func tooLarge(host string) error {
	return &Error{Kind: ErrTooLarge, Text: "the answer of " + host + " is longer than allowed"}
}

// checkHeader refuses what could not be sent: tenants name headers too.
func checkHeader(header http.Header) error {
	for name, values := range header {
		if name == "" || strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c) }) {
			return unusable("the name of a header has letters, digits and hyphens")
		}
		for _, value := range values {
			if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
				return unusable("the value of the header " + name + " has control characters")
			}
		}
	}
	return nil
}
