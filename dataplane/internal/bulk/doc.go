// Package bulk moves whole projects: the import and export of data-api §9, in
// the Normalised Data Format (NDF).
//
// In: a Project (database, scope, layout) and the body of one request. Out: the
// body of its answer, or a *fault.Fault that stands for the whole request,
// fault.ErrNotJSON, or the context's error. Callers: the data plane's pipeline, after it
// has seen an admin token. Nothing here asks for permissions, runs functions or
// tells subscriptions: that is what the contract says of bulk data.
//
//	document.go  what an import's body holds      values.go     JSON values as columns keep them
//	import.go    batches, and what went wrong     nodes.go, lists.go, relations.go
//	export.go    chunks and their cursor          rows.go       reading tables piece by piece
//
// An import looks at all elements before it writes the first, so that a request
// that is refused as a whole has done nothing. Then it writes batches. When unique
// values stand in a batch's way they are looked up; one that the database still
// refuses is halved until the element at fault is alone. Good elements stay, each
// bad one is reported with its position.
//
// An export's cursor is four small numbers. A call finds the row where it goes on
// by counting along the key's index, once; from there it goes on by ids.
//
// Beside the body of the request or the answer, which both have a limit, a call
// keeps one batch in memory.
package bulk
