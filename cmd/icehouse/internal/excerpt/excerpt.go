// Package excerpt shows people the line of a file that an error is about.
//
// In: a text, and a line and a column in it, both counted from 1. Out: two lines to
// print below the error, the second one with a mark under the place. Callers:
// servicedef, permissiontest and the commands of the cli package.
package excerpt

import (
	"fmt"
	"strings"
)

// width is how many characters of a line are shown, most of them before the place.
const (
	width  = 100
	before = 70
)

// Show returns the lines, each with the indent before it; "" when the text has no such
// line. Columns count characters.
func Show(text, indent string, line, column int) string {
	rows := strings.Split(text, "\n")
	if line < 1 || line > len(rows) {
		return ""
	}
	row := []rune(strings.TrimRight(rows[line-1], "\r"))
	at := min(max(column-1, 0), len(row))
	left := ""
	if at > before {
		row, at, left = row[at-before:], before, "…"
	}
	right := ""
	if len(row) > width {
		row, right = row[:width], "…"
	}
	number := fmt.Sprint(line)
	mark := strings.Map(func(r rune) rune { // tabs stay, so that the mark stands where it should
		if r == '\t' {
			return r
		}
		return ' '
	}, left+string(row[:at]))
	return fmt.Sprintf("%s%s | %s%s%s\n%s%s | %s^", indent, number, left, string(row), right, indent, strings.Repeat(" ", len(number)), mark)
}
