// Package compiledschema is the API schema of a project, kept as what it follows
// from: the data model.
//
// In: a data model, its layout, the schema extensions of resolver functions and
// the permissions. Out: a Schema that knows what every generated name means
// (data-api §2, §4.1) without holding the generated types: a type name such as
// PostFilter is parsed back to the model it belongs to. On demand it writes the
// whole schema as SDL, answers introspection, or materialises the few types that
// one document names, so that the parser's validation rules can run on them.
//
// The package reads in this order:
//
//	compile.go       what is kept of a project, and what is refused
//	resolver.go      one resolver function's schema extension (platform §2.9)
//	definition.go    every type that a project has: forms, names, order
//	builtin.go       what GraphQL itself defines
//	roots.go         the fields of Query, Mutation and Subscription
//	members.go       the fields of the other object types
//	relay.go         mutations of the Relay API: their inputs and payloads
//	inputs.go        arguments and input fields
//	filters.go       the operators of filters
//	materialize.go   the small schema of one document
//	validate.go      which rules run on it; rules.go and merge.go are our own
//	introspection.go answers to __schema and __type
//	print.go         SDL
//	coerce.go        what the input types mean to coercion
//	release.go       a release as it is stored, and cache.go the schemas in use
//
// The rules that generate names and types are written once, as forms and
// sequences; lookups, SDL, introspection and materialisation all read those. A
// release has two APIs, Simple and Relay: two views of one project, which differ
// in the forms they use (Schema.For).
//
// Callers: the control plane compiles before it publishes a release; the
// operation stage validates; the planner asks for the meaning of names.
package compiledschema
