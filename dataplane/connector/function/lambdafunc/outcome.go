package lambdafunc

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"icehouse/dataplane/connector/function"
	"icehouse/dataplane/connector/function/nodecode"
)

// refused is the error of a call that Lambda did not run.
func refused(err error) error {
	fail := func(kind function.Kind, text string) error {
		return &function.Error{Kind: kind, Text: text, Cause: err}
	}
	if _, ok := errors.AsType[*types.ResourceNotFoundException](err); ok {
		return fail(function.NotFound, "the function is not deployed")
	}
	if _, ok := errors.AsType[*types.RequestTooLargeException](err); ok {
		return fail(function.TooLarge, fmt.Sprintf("the event has more than %d bytes", function.MaxEvent))
	}
	if _, ok := errors.AsType[*types.TooManyRequestsException](err); ok {
		return fail(function.Busy, "too many functions run at the same time")
	}
	if _, ok := errors.AsType[*types.ResourceConflictException](err); ok { // it is Pending
		return fail(function.Busy, "the function can't be called yet")
	}
	if _, ok := errors.AsType[*types.ResourceNotReadyException](err); ok { // it was not called for weeks
		return fail(function.Busy, "the function can't be called yet")
	}
	return fail(function.Unavailable, "AWS Lambda could not run the function")
}

// answer is what icehouse-lambda.mjs says.
type answer struct {
	Value  json.RawMessage `json:"v"`
	Length *int            `json:"l"`
	Thrown json.RawMessage `json:"e"`
	Broken json.RawMessage `json:"x"`
}

// outcome reads what came of a call that ran.
func (d *driver) outcome(out *lambda.InvokeOutput) (function.Output, error) {
	tail, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
	if err != nil {
		return function.Output{}, fmt.Errorf("the log of an invocation: %w", err)
	}
	logs := readLog(string(tail))
	if out.FunctionError != nil {
		return function.Output{}, d.ran(out.Payload, string(tail), logs)
	}
	var a answer
	if err := json.Unmarshal(out.Payload, &a); err != nil {
		return function.Output{}, nodecode.Failed(function.Crashed, "the function's answer can't be read", logs)
	}
	switch {
	case a.Length != nil:
		text := fmt.Sprintf("the function returned %d bytes, of at most %d", *a.Length, function.MaxValue)
		return function.Output{}, &function.Error{Kind: function.TooLarge, Text: text, Logs: logs}
	case a.Thrown != nil:
		return function.Output{}, nodecode.Thrown("", a.Thrown, logs)
	case a.Broken != nil:
		return function.Output{}, nodecode.Thrown("the function could not be loaded: ", a.Broken, logs)
	default:
		return function.Output{Value: a.Value, Logs: logs}, nil
	}
}

// whose is what begins messages of Lambda about a call.
var whose = regexp.MustCompile(`^(RequestId: [0-9a-f-]+ Error: |\d{4}-\d\d-\d\dT\S+ [0-9a-f-]+ )`)

// ran is the error of a call that Lambda ended, or whose process has ended.
func (d *driver) ran(payload []byte, tail string, logs []function.Log) error {
	var e struct {
		ErrorType    string   `json:"errorType"`
		ErrorMessage string   `json:"errorMessage"`
		Trace        []string `json:"trace"`
	}
	_ = json.Unmarshal(payload, &e) // else it says nothing
	said := whose.ReplaceAllString(e.ErrorMessage, "")
	fail := func(kind function.Kind, text string) error { return nodecode.Failed(kind, text, logs) }
	switch {
	case e.ErrorType == "Sandbox.Timedout" || strings.HasPrefix(said, "Task timed out after "):
		return fail(function.TimedOut, fmt.Sprintf("the function took longer than %s", function.DefaultTimeout))
	case e.ErrorType == "Runtime.OutOfMemory" || e.ErrorType == "Runtime.ExitError" && nodecode.OutOfMemory(tail):
		return fail(function.OutOfMemory, fmt.Sprintf("the function needed more than %d MB of memory", d.Memory>>20))
	case e.ErrorType == "Function.ResponseSizeTooLarge":
		return fail(function.TooLarge, fmt.Sprintf("the function returned more than %d bytes", function.MaxValue))
	case e.ErrorType == "Runtime.ExitError":
		return fail(function.Crashed, "the function's process ended before the function returned: "+said)
	}
	// Nobody caught it: it comes from a timer, or from the end of a stream.
	described, err := json.Marshal(map[string]string{"name": e.ErrorType, "message": e.ErrorMessage, "stack": strings.ReplaceAll(strings.Join(e.Trace, "\n"), taskRoot, "")})
	if err != nil {
		return err
	}
	return nodecode.Thrown("", described, logs)
}

// taskRoot is where Lambda has the files of a bundle.
const taskRoot = "/var/task/"

var (
	// A line of console.log: its time, the call's id, a level, the text.
	stamped = regexp.MustCompile(`^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)\t[^\t]*\t(?:(?:INFO|DEBUG|WARN|ERROR|TRACE|FATAL)\t)?(.*)$`)
	// What Lambda itself says of a call.
	platform = regexp.MustCompile(`^(START RequestId: |END RequestId: |REPORT RequestId: |XRAY TraceId: |INIT_START |INIT_REPORT |RequestId: [0-9a-f-]+ Error: |\d{4}-\d\d-\d\dT\S+ [0-9a-f-]+ Task timed out )`)
)

// readLog reads the tail of a log (platform §2.11): a line of console.log by its time,
// with the lines that follow it; what has no time before it by its stream.
func readLog(tail string) (out []function.Log) {
	for i := 0; i < utf8.UTFMax && tail != "" && !utf8.RuneStart(tail[0]); i++ {
		tail = tail[1:] // perhaps it begins within a character
	}
	tail = strings.ToValidUTF8(tail, "\uFFFD")
	fresh := true // what comes next continues nothing
	for line := range strings.Lines(tail) {
		line = strings.TrimSuffix(line, "\n")
		switch parts := stamped.FindStringSubmatch(line); {
		case platform.MatchString(line):
			fresh = true
			continue
		case parts != nil:
			out = append(out, function.Log{Key: parts[1], Text: parts[2]})
		case fresh:
			out = append(out, function.Log{Key: "stdout", Text: line})
		default:
			out[len(out)-1].Text += "\n" + line
		}
		fresh = false
	}
	kept := out[:0]
	for _, l := range out {
		if l.Text = strings.TrimSpace(l.Text); l.Text != "" {
			kept = append(kept, l)
		}
	}
	return kept
}
