package excerpt

import (
	"strings"
	"testing"
)

func TestShow(t *testing.T) {
	long := strings.Repeat("ä", 200)
	for name, c := range map[string]struct {
		text         string
		line, column int
		want         string
	}{
		"a place":               {"a\n  bc: d\r\ne", 2, 5, "  2 |   bc: d\n    |     ^"},
		"a tab":                 {"\tx y", 1, 4, "  1 | \tx y\n    | \t  ^"},
		"the end of a line":     {"abc", 1, 4, "  1 | abc\n    |    ^"},
		"beyond it":             {"abc", 1, 40, "  1 | abc\n    |    ^"},
		"no column":             {"abc", 1, 0, "  1 | abc\n    | ^"},
		"two digits":            {strings.Repeat("\n", 9) + "x", 10, 1, "  10 | x\n     | ^"},
		"characters, not bytes": {"äöü!", 1, 4, "  1 | äöü!\n    |    ^"},
		"a long line":           {long, 1, 151, "  1 | …" + strings.Repeat("ä", 100) + "…\n    |  " + strings.Repeat(" ", 70) + "^"},
		"no such line":          {"a", 2, 1, ""},
		"no line":               {"a", 0, 1, ""},
	} {
		if got := Show(c.text, "  ", c.line, c.column); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
	}
}
