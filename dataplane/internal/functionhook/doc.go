// Package functionhook calls the functions of a project where a request or an event asks
// for it (platform §2.3-2.11).
//
// In: a function of the release, what it is told, and for whom. Out: what it returned,
// checked against what is asked for at that place, or a fault with the contract's code;
// and an entry of the function's log. Callers: the executor, through a Request; and
// whoever delivers events to subscription functions.
//
//	stage.go   the call of a function       event.go    what it is told
//	answer.go  what its answer means        log.go      what is noted of it
//	request.go resolvers and hooks          value.go    values by their types
package functionhook
