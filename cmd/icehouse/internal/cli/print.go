package cli

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"

	"icehouse/cmd/icehouse/internal/systemapi"
)

// table prints rows in columns.
func (s *session) table(head []string, rows [][]string) {
	w := tabwriter.NewWriter(s.Stdout, 0, 0, 3, ' ', 0)
	for _, row := range append([][]string{head}, rows...) {
		_, _ = fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	_ = w.Flush()
}

// group is what belongs under one heading, in order of appearance.
type group[T any] struct {
	name  string
	items []T
}

func groupBy[T any](items []T, name func(T) string) []group[T] {
	var out []group[T]
	for _, item := range items {
		i := slices.IndexFunc(out, func(g group[T]) bool { return g.name == name(item) })
		if i < 0 {
			i = len(out)
			out = append(out, group[T]{name: name(item)})
		}
		out[i].items = append(out[i].items, item)
	}
	return out
}

// printMessages shows the steps of a deploy: under the kind of thing, under its
// name, as a tree (platform §3.2).
func (s *session) printMessages(messages []systemapi.Message) {
	for _, kind := range groupBy(messages, func(m systemapi.Message) string { return m.Type }) {
		s.printf("\n%s\n", s.bold(heading(kind.name)))
		for _, thing := range groupBy(kind.items, func(m systemapi.Message) string { name, _, _ := strings.Cut(m.Name, "."); return name }) {
			s.printf("\n  %s\n", s.bold(thing.name))
			for _, m := range thing.items {
				s.printf("   %s %s\n", s.symbol(m.Action), s.emphasis(m.Description))
				for i, sub := range m.SubDescriptions {
					branch := "├─"
					if i == len(m.SubDescriptions)-1 {
						branch = "└─"
					}
					s.printf("     %s %s %s\n", branch, s.symbol(sub.Action), s.emphasis(sub.Description))
				}
			}
		}
	}
}

func (s *session) printErrors(errors []placed) {
	for _, thing := range groupBy(errors, func(e placed) string { return e.Type }) {
		s.printf("\n  %s\n", s.bold(thing.name))
		for _, e := range thing.items {
			s.printf("    ! %s\n", s.emphasis(strings.ReplaceAll(e.Description, "\n", "\n      ")))
			if e.Place != nil {
				s.printf("      %s:%d:%d\n%s\n", e.Place.File, e.Place.Line, e.Place.Column, e.excerpt)
			}
		}
	}
}

// printExposure shows what anyone may do without a token, and what is new in that.
func (s *session) printExposure(e systemapi.Exposure) {
	if len(e.Now) == 0 {
		s.printf("\nWithout a token nobody can read or write anything.\n")
	} else {
		s.printf("\nWithout a token anyone can:\n")
		for _, line := range e.Now {
			s.printf("    %s\n", line)
		}
	}
	if len(e.Added)+len(e.Removed) == 0 {
		return
	}
	s.printf("\nWhat changes in that:\n")
	for _, line := range e.Added {
		s.printf("  %s %s\n", s.paint("33", "+"), line)
	}
	for _, line := range e.Removed {
		s.printf("  %s %s\n", s.paint("32", "-"), line)
	}
}

// heading is a kind in the plural, each word with a capital.
func heading(kind string) string {
	words := strings.Fields(kind)
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, " ") + "s"
}

// symbol shows what a step does.
func (s *session) symbol(action string) string {
	switch action {
	case "Create":
		return s.paint("32", "+")
	case "Update":
		return s.paint("33", "*")
	case "Delete":
		return s.paint("31", "-")
	default:
		return "?"
	}
}

var quoted = regexp.MustCompile("`([^`]+)`")

// emphasis makes what stands in backticks bold, where bold can be seen.
func (s *session) emphasis(text string) string {
	if !s.Color {
		return text
	}
	return quoted.ReplaceAllString(text, "\x1b[1m$1\x1b[0m")
}

func (s *session) bold(text string) string { return s.paint("1", text) }

func (s *session) paint(code, text string) string {
	if !s.Color {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// waits says whom a step keeps waiting; what lasts has a colour.
var waits = map[string]struct{ text, color string }{
	"NONE":   {"nobody waits", "2"},
	"MOMENT": {"all who use the table wait for a moment", "2"},
	"WRITES": {"who writes to the table waits, reads go on", "33"},
	"TABLE":  {"all who use the table wait", "31"},
}

// printSteps shows what a deploy would do to stored rows.
func (s *session) printSteps(steps []systemapi.Step) {
	if len(steps) == 0 {
		return
	}
	s.printf("\n%s\n", s.paint("1", "Steps in the database"))
	for _, step := range steps {
		rows := ""
		if step.Rows > 0 {
			rows = fmt.Sprintf(", %.0f rows", step.Rows)
		}
		wait := waits[step.Lock]
		s.printf("  %s (%s%s)\n", step.Description, s.paint(wait.color, wait.text), rows)
	}
}
