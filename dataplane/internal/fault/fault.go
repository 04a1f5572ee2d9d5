// Package fault is the error that a client of a project's API sees: a code of
// the contract, a public text, and a cause that stays inside.
//
// Faults are made where the fact is known and presented in one place
// (response). Callers: every stage of a request.
package fault

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// Codes of the data API (data-api §10). Zero is an unexpected failure. The contract has
// no rate limit, and leaves room for one (data-api §5.4): TooManyRequests is ours.
const (
	TookTooLong         = 1000
	InputUnparsable     = 1001
	QueriesLocked       = 1002
	MutationsLocked     = 1003
	TooManyRequests     = 1004
	TooManyNodes        = 2041
	ResolverNull        = 2063
	BadArguments        = 3000
	MalformedID         = 3001
	NodeMissing         = 3002
	ValueTooLong        = 3007
	NotAllowed          = 3008
	UniqueViolated      = 3010
	ConnectMissing      = 3011
	RemoveMissing       = 3013
	FirstAndLast        = 3014
	UnknownProject      = 3016
	ReadOnlyField       = 3019
	RequiredNull        = 3020
	VariablesUnparsed   = 3024
	NegativeFirst       = 3026
	NegativeLast        = 3027
	NegativeSkip        = 3028
	RelationRequired    = 3032
	ToManyNull          = 3033
	ValueNotValid       = 3036
	NotJSON             = 3037
	UnknownModel        = 4012
	UnknownField        = 4014
	FunctionStatus      = 5000
	FunctionError       = 5001
	FunctionErrorObject = 5002
	FunctionUnusable    = 5003
	FunctionValue       = 5004
	FunctionUnreachable = 5005
	FunctionShape       = 5007
	FunctionFailed      = 5008
)

// Fault is an expected failure with the contract's code, or, with code 0, an
// unexpected one whose cause is logged and never shown.
type Fault struct {
	Code    int
	Message string
	Cause   error
	// Details are the error that a function returned, as JSON; nil for other faults.
	Details []byte
}

// New makes an expected failure.
func New(code int, format string, args ...any) *Fault {
	return &Fault{Code: code, Message: fmt.Sprintf(format, args...)}
}

// NonNull is the code of a null where none may be, which has none in an answer, but
// whose text is public.
const NonNull = -1

// Public says that the message may be shown.
func (f *Fault) Public() bool { return f.Code != 0 }

// ErrNotJSON says that a request's body is no JSON at all.
var ErrNotJSON = errors.New("the request body is not valid JSON")

// Internal wraps an unexpected failure.
func Internal(cause error) *Fault { return &Fault{Cause: cause} }

// Recover, deferred, makes an error of a panic: one in a goroutine would end the process,
// and the requests of everybody else with it.
func Recover(err *error) {
	if p := recover(); p != nil {
		*err = Internal(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
	}
}

func (f *Fault) Error() string {
	if f.Code == 0 {
		return fmt.Sprintf("internal: %v", f.Cause)
	}
	return fmt.Sprintf("%d: %s", f.Code, f.Message)
}

func (f *Fault) Unwrap() error { return f.Cause }

// Of returns the fault in err, or err as an unexpected one; nil for nil.
func Of(err error) *Fault {
	if err == nil {
		return nil
	}
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return Internal(err)
}
