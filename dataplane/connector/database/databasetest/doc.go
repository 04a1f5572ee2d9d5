// Package databasetest is the specification of the database connector: what a
// product must do to hold projects.
//
// In: a way to open the product. Out: failed tests. Callers: the test of each
// product, and of whoever adds one.
//
//	suite.go      Run, and the rows that cases begin with
//	tenants.go    two projects, one of which must never see the other's rows
//	rows.go       reads, writes, and what is reported when they fail
//	lifecycle.go  transactions, cancelling, provisioning, migrating, dropping
package databasetest
