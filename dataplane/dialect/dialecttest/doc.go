// Package dialecttest holds the dialects to what they promise.
//
// In: nothing but the dialects. Out: a Model that uses every form of column and
// link, random queries on it, and the golden suite of its test: cases of Go on
// one side, the SQL of each dialect under testdata on the other (-update
// rewrites it). Callers: tests, and databasetest, which runs the random queries
// on both engines.
package dialecttest
