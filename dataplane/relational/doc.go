// Package relational says in tables and rows what the data model says in types
// and nodes.
//
// In: a datamodel.DataModel, and the Layout that the project has so far. Out: a
// Layout (which tables, columns and join tables hold the model), and the
// languages that the dialects render: Query (one read, one JSON text), Change
// (one write) and SchemaChange (one step of a migration).
//
//	datamodel.DataModel --Build--> Layout --planner--> Query, Change --dialect--> SQL
//	                                      --migrationplan--> SchemaChange --dialect--> DDL
//
// Callers: deployment builds layouts and schema changes, the planner builds
// queries and changes, dialects read all of them. No engine is named here, and
// nothing here is text of a client: values are arguments, names come from the
// Layout.
package relational
