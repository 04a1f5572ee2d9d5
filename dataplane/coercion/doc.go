// Package coercion turns the values of a request into Go values of the types
// that the schema declares (data-api §2.12).
//
// In: the variables of a request as decoded from JSON, or a literal of the
// document, with the type that is expected there. Out: small Go values (Value),
// or errors that say which part of which variable was refused. What is accepted
// is what graphql-js accepts; on top come Icehouse's own scalars DateTime, Json
// and Password. Absent and null stay different everywhere.
//
// Callers: the operation stage coerces variables, the planner coerces literals,
// the management API does both. What an input type looks like comes from Types:
// compiledschema answers without building the type, FromSchema wraps a parsed
// schema.
package coercion
