// Package nodecode is what the products that run code in Node have in common.
//
// In: bundles; what code.cjs wrote down of an exception. Out: the files of a bundle,
// which lead nowhere else; a script that loads a module, and reads what it returns or
// throws; errors for the function's owner. Callers: nodefunc and lambdafunc, so that a
// function does the same in both.
package nodecode

import (
	_ "embed"
	"encoding/json"
	"strings"

	"icehouse/dataplane/connector/function"
)

// Script is code.cjs, a module that host scripts require.
//
//go:embed code.cjs
var Script []byte

// Thrown is an exception, from the JSON that code.cjs made of it.
func Thrown(what string, text []byte, logs []function.Log) error {
	var e struct{ Name, Message, Stack string }
	var plain string
	switch {
	case json.Unmarshal(text, &plain) == nil && plain != "":
	case json.Unmarshal(text, &e) == nil && e.Stack != "":
		plain = e.Stack
		if !strings.Contains(plain, e.Message) { // of a message that was changed later
			plain = e.Name + ": " + e.Message + "\n" + plain
		}
	case e.Name != "" || e.Message != "":
		plain = strings.TrimPrefix(e.Name+": "+e.Message, ": ")
	default:
		plain = "it threw " + string(text)
	}
	return &function.Error{Kind: function.Crashed, Text: what + plain, Logs: append(logs, function.Log{Key: "error", Text: string(text)})}
}

// Failed is a call that came to another end than an exception.
func Failed(kind function.Kind, text string, logs []function.Log) error {
	described, err := json.Marshal(map[string]string{"name": "Error", "message": text})
	if err != nil {
		return err
	}
	return &function.Error{Kind: kind, Text: text, Logs: append(logs, function.Log{Key: "error", Text: string(described)})}
}

// OutOfMemory reports whether V8 has said so.
func OutOfMemory(said string) bool {
	return strings.Contains(said, "JavaScript heap out of memory") || strings.Contains(said, "process OOM") || strings.Contains(said, "Allocation failed")
}
