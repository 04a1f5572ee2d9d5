package postgres

import (
	"strings"

	"icehouse/dataplane/dialect/internal/sqlgen"
	"icehouse/dataplane/relational"
)

// SharedSchema holds the functions that every tenant's statements call. A
// namespace has no underscore, so no tenant can have this name.
const SharedSchema = "icehouse_shared"

// The SQLSTATEs that failed checks raise. The message of RequireState is the id.
const (
	GuardState   = "IHGRD"
	RequireState = "IHREQ"
)

func refuse(state, message string) string {
	return SharedSchema + ".refuse('" + state + "', " + message + ")"
}

// lastCased is beyond all characters that have a case: Unicode has them in its
// first two planes.
const lastCased = 0x1FFFF

// LowerDifferences asks the server how it lowers each character that it lowers
// at all, as pairs of code point and text. Shared wants to know.
const LowerDifferences = `SELECT c, lower(chr(c) COLLATE "und-x-icu") FROM generate_series(128, 131071) AS c ` +
	`WHERE c NOT BETWEEN 55296 AND 57343 AND lower(chr(c) COLLATE "und-x-icu") <> chr(c)`

// Shared returns the statements that make the shared schema for a server that
// lowers characters as lower says (those it leaves alone are absent). They may
// be repeated, and replace functions in place: fold gives the same text
// whatever the server's Unicode version, so that indexes on it stay right.
//
// fold is relational.Fold. Text of ASCII alone is lowered without a locale; the
// rest is lowered by ICU after the characters were replaced that ICU lowers
// differently, or by their neighbours.
func Shared(lower map[rune]string) []string {
	from, to := exceptions(lower)
	fold := `SELECT CASE WHEN octet_length($1) = char_length($1) THEN lower($1 COLLATE "C")` +
		` ELSE lower(translate($1, ` + sqlgen.Text(from) + `, ` + sqlgen.Text(to) + `) COLLATE "und-x-icu") COLLATE "C" END`
	return []string{
		`CREATE SCHEMA IF NOT EXISTS ` + SharedSchema,
		`CREATE OR REPLACE FUNCTION ` + SharedSchema + `.fold(text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS ` + sqlgen.Text(fold),
		`CREATE OR REPLACE FUNCTION ` + SharedSchema + `.refuse(state text, message text) RETURNS text LANGUAGE plpgsql VOLATILE AS ` +
			sqlgen.Text(`BEGIN RAISE EXCEPTION USING ERRCODE = state, MESSAGE = coalesce(message, state); END`),
		`GRANT USAGE ON SCHEMA ` + SharedSchema + ` TO PUBLIC`,
	}
}

// exceptions lists the characters that must be replaced before the server
// lowers a text, with what replaces them.
func exceptions(lower map[rune]string) (from, to string) {
	var f, t strings.Builder
	for r := rune(0x80); r <= lastCased; r++ {
		if r == 0xD800 {
			r = 0xE000
		}
		want, got := relational.Fold(string(r)), string(r)
		if l, ok := lower[r]; ok {
			got = l
		}
		if got != want || r == 'Σ' || r == 'İ' {
			f.WriteRune(r)
			t.WriteString(want)
		}
	}
	return f.String(), t.String()
}
