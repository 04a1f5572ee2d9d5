// Package problem is the control plane's error: a number of the contract, a text
// that anyone may read, and a cause that only the log sees.
//
// In: nothing. Out: the numbers (Code…), and *Error, made where the fact is known and turned into the
// wire form in one place (managementapi). Callers: every package of this room.
// Errors that are no *Error are unexpected: they reach clients as a request id
// only.
package problem

import "fmt"

// Error is a known error (platform §11.3, §11.4).
type Error struct {
	Code    int    // the contract's number; 0 when it has none
	Message string // public
	Cause   error  // internal; may be nil
}

func (e *Error) Error() string {
	text := e.Message
	if e.Code != 0 {
		text = fmt.Sprintf("%d: %s", e.Code, e.Message)
	}
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

func (e *Error) Unwrap() error { return e.Cause }

// New makes an error with a number and a public text.
func New(code int, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// NoSession is 2001. Clients test the beginning of the text.
func NoSession() *Error { return New(CodeNoSession, "No valid session") }

// NoService is 4000: there is no such project, or the caller has no seat in it.
// Clients test the beginning of the text.
func NoService(idOrAlias string) *Error {
	return New(CodeNoProject, "No service with id '%s'", idOrAlias)
}

// NameTaken is 2003.
func NameTaken(name string) *Error {
	return New(CodeProjectNameTaken, "A project with the name '%s' already exists in your account", name)
}

// ProjectName is 2008 for projects.
func ProjectName(name string) *Error {
	return New(CodeInvalidName, "'%s' is not a valid name for a project.", name)
}

// AliasInvalid is 2033.
func AliasInvalid(alias string) *Error {
	return New(CodeAliasInvalid, "'%s' is not a valid project alias", alias)
}

// AliasTaken is 2034.
func AliasTaken(alias string) *Error {
	return New(CodeAliasTaken, "The project alias '%s' is already in use", alias)
}

// AliasIsID is 2035.
func AliasIsID(alias string) *Error {
	return New(CodeAliasIsID, "The project alias '%s' is the id of a project", alias)
}

// Definition is 2040: the definition or its schema can't be used.
func Definition(text string) *Error { return New(CodeDefinition, "The schema is invalid: %s", text) }

// OwnerOnly is 4052.
func OwnerOnly() *Error { return New(CodeOwnerOnly, "Only the owner of a project may do this") }

// NoRootToken is 2000: no project of the caller has a root token with this id.
func NoRootToken(id string) *Error { return New(CodeNoToken, "No RootToken with id '%s'", id) }

// RootTokenTaken is 2059.
func RootTokenTaken(name string) *Error {
	return New(CodeRootTokenNameTaken, "There is already a RootToken with the name `%s`.", name)
}

// PATInvalid is 4028.
func PATInvalid(idOrAlias string) *Error {
	return New(CodeTokenNotValid, "The provided pat is not valid for project '%s'", idOrAlias)
}
