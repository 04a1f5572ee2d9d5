package variables_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"icehouse/cmd/icehouse/internal/variables"
	"icehouse/cmd/icehouse/internal/yamldoc"
)

func TestFill(t *testing.T) {
	for name, c := range map[string]struct{ in, want, warning string }{
		"environment":              {"a: ${env:STAGE}", "a: prod\n", ""},
		"inside a text":            {"a: x-${env:STAGE}-${opt:num}", "a: x-prod-12\n", ""},
		"keeps the type":           {"a: ${self:b.c}\nb: {c: {d: 1}}", "a:\n  d: 1\nb:\n  c:\n    d: 1\n", ""},
		"number in a text":         {"a: v${self:b}\nb: 7", "a: v7\nb: 7\n", ""},
		"flag without value":       {"a: ${opt:fast}", "a: true\n", ""},
		"all options":              {"a: ${opt:}", "a:\n  fast: true\n  num: \"12\"\n", ""},
		"fallback":                 {"a: ${env:NOPE, opt:nope, 'left, over'}", "a: \"left, over\"\n", ""},
		"an empty object is none":  {"a: ${self:b, \"x\"}\nb: {}", "a: x\nb: {}\n", ""},
		"an empty text is one":     {"a: ${env:EMPTY, 'x'}", "a: \"\"\n", ""},
		"reference in a reference": {"a: ${env:${env:WHICH}}", "a: prod\n", ""},
		"reference in a value":     {"a: ${self:b}\nb: ${env:STAGE}", "a: prod\nb: prod\n", ""},
		"in a list":                {"a: [\"${env:STAGE}\", 2]", "a:\n- prod\n- 2\n", ""},
		"not found":                {"a: ${env:NOPE}", "a: \"${env:NOPE}\"\n", "${env:NOPE}: no environment variable NOPE was found"},
		"unknown form":             {"a: ${file:x.yml}", "a: \"${file:x.yml}\"\n", "${file:x.yml} is not a valid reference"},
		"itself":                   {"a: ${self:a}", "a: \"${self:a}\"\n", "refers to itself"},
		"the whole file":           {"a: ${self:}", "a:\n  a: \"${self:}\"\n", "refers to itself"},
		"grows for ever":           {"a: ${env:GROW}", "", "lead back to themselves"},
		"object in a text":         {"a: x${self:b}\nb: {c: 1}", "a: \"x${self:b}\"\nb:\n  c: 1\n", "neither text nor a number"},
		"keys are left alone":      {"'${env:STAGE}': 1", "\"${env:STAGE}\": 1\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			root, err := yamldoc.Parse([]byte(c.in))
			if err != nil {
				t.Fatal(err)
			}
			var warnings []string
			env := map[string]string{"STAGE": "prod", "EMPTY": "", "WHICH": "STAGE", "GROW": "x${env:GROW}"}
			out := variables.Sources{
				Env:     func(name string) (string, bool) { v, ok := env[name]; return v, ok },
				Options: map[string]any{"num": "12", "fast": true},
				Warn:    func(m string) { warnings = append(warnings, m) },
			}.Fill(root)
			if got := string(yamldoc.Render(out)); c.want != "" && got != c.want {
				t.Error(cmp.Diff(c.want, got))
			}
			if all := strings.Join(warnings, "\n"); c.warning == "" && all != "" || !strings.Contains(all, c.warning) {
				t.Errorf("warnings %q, want %q", all, c.warning)
			}
		})
	}
}
