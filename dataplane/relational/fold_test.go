package relational_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"icehouse/dataplane/relational"
)

// TestFold holds the fold to what it is for: two characters fold alike exactly
// when Unicode's simple folding says that they are the same, but for İ, which
// has no partner and goes to i with its lower case.
func TestFold(t *testing.T) {
	classes := map[string]rune{}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) || r == 'İ' {
			continue
		}
		folded := relational.Fold(string(r))
		if relational.Fold(folded) != folded {
			t.Errorf("%q folds on from %q", r, folded)
		}
		if first, ok := classes[folded]; !ok {
			classes[folded] = r
		} else if !strings.EqualFold(string(first), string(r)) {
			t.Errorf("%q and %q fold to %q", first, r, folded)
		}
		for same := unicode.SimpleFold(r); same != r; same = unicode.SimpleFold(same) {
			if relational.Fold(string(same)) != folded {
				t.Errorf("%q and %q fold apart", r, same)
			}
		}
	}
	for text, want := range map[string]string{
		"": "", "abc": "abc", "ABC": "abc", "STRASSE": "strasse", "Straẞe": "straße", "\u212aelvin": "kelvin", "ΣΑΣ": "σασ", "ς": "σ", "İ": "i", "ı": "ı", "a\xffB": "a\ufffdb",
	} {
		if got := relational.Fold(text); got != want {
			t.Errorf("%q folds to %q, not %q", text, got, want)
		}
	}
}

func TestFoldCopiesNothingFolded(t *testing.T) {
	const text = "already folded"
	if n := testing.AllocsPerRun(100, func() {
		if relational.Fold(text) != text {
			t.Fail()
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzPrefixEnd(f *testing.F) {
	for _, s := range []string{"", "a", "az", "\U0010FFFF", "a\U0010FFFF", "\uD7FF", "é"} {
		f.Add(s, "z")
	}
	f.Fuzz(func(t *testing.T, prefix, rest string) {
		if !utf8.ValidString(prefix) || !utf8.ValidString(rest) {
			return
		}
		end, ok := relational.PrefixEnd(prefix)
		switch text := prefix + rest; {
		case !ok:
			if strings.Trim(prefix, "\U0010FFFF") != "" {
				t.Fatalf("%q has an end", prefix)
			}
		case !utf8.ValidString(end):
			t.Fatalf("%q is no text", end)
		case end <= text:
			t.Fatalf("%q is behind %q", text, end)
		case rest > "" && rest != text && strings.HasPrefix(rest, prefix) != (rest >= prefix && rest < end):
			t.Fatalf("%q is wrongly in or out of [%q, %q)", rest, prefix, end)
		}
	})
}
