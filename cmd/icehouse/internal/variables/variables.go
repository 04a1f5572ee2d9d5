// Package variables puts values in place of the references in graphcool.yml and
// .graphcoolrc (platform §1.4).
//
//	${env:NAME}    a variable of the environment
//	${self:a.b}    another value of the same file; ${self:} is all of it
//	${opt:name}    a flag of the command; ${opt:} is all of them
//	${'text'}      the text itself, as the last of a list
//	${a, b, c}     the first that is there
//
// In: the tree of a file. Out: the tree with values, and a warning for each
// reference that leads nowhere; such a reference stays as it is written.
// Callers: servicedef and graphcoolrc.
package variables

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"icehouse/cmd/icehouse/internal/yamldoc"
)

// Sources is what references may name.
type Sources struct {
	Env     func(name string) (string, bool)
	Options map[string]any // flags by name: string, or true for a flag without a value
	Warn    func(message string)
}

// maxRounds bounds references that lead to texts with further references.
const maxRounds = 50

var reference = regexp.MustCompile(`\$\{([ ~:a-zA-Z0-9._'",\-/\\()]+)\}`)

// Fill returns the tree with the references of its values replaced. Keys are
// left alone.
func (s Sources) Fill(root *yamldoc.Node) *yamldoc.Node {
	f := filler{Sources: s, root: root, warned: map[string]bool{}}
	return f.fill(root, nil)
}

type filler struct {
	Sources
	root   *yamldoc.Node
	warned map[string]bool
}

// fill replaces inside n; open are the references that it is part of.
func (f *filler) fill(n *yamldoc.Node, open []string) *yamldoc.Node {
	if n == nil {
		return nil
	}
	if text, ok := n.Text(); ok {
		return f.fillText(n, text, open)
	}
	out := *n
	out.Entries = slices.Clone(n.Entries)
	for i := range out.Entries {
		out.Entries[i].Value = f.fill(out.Entries[i].Value, open)
	}
	out.Items = slices.Clone(n.Items)
	for i := range out.Items {
		out.Items[i] = f.fill(out.Items[i], open)
	}
	return &out
}

func (f *filler) fillText(n *yamldoc.Node, text string, open []string) *yamldoc.Node {
	for range maxRounds {
		if m := reference.FindStringSubmatchIndex(text); m != nil && m[0] == 0 && m[1] == len(text) {
			value := f.resolve(text[m[2]:m[3]], open)
			if value == nil {
				return scalar(n, text)
			}
			inner, ok := value.Text()
			if !ok {
				return moved(value, n.At)
			}
			if inner == text {
				return scalar(n, text)
			}
			text = inner
			continue
		}
		next := reference.ReplaceAllStringFunc(text, func(whole string) string {
			value := f.resolve(whole[2:len(whole)-1], open)
			switch {
			case value == nil:
				return whole
			case value.Kind != yamldoc.Scalar || value.Value == nil || value.Value == true || value.Value == false:
				f.warn("%s stands inside a text, but it is neither text nor a number", whole)
				return whole
			}
			return fmt.Sprint(value.Value)
		})
		if next == text {
			return scalar(n, text)
		}
		text = next
	}
	f.warn("%q has references that lead back to themselves", text)
	return scalar(n, text)
}

func scalar(n *yamldoc.Node, text string) *yamldoc.Node {
	return &yamldoc.Node{Value: text, At: n.At}
}

// moved is a value at the place where it is referred to, so that complaints
// about it point there.
func moved(n *yamldoc.Node, at yamldoc.Position) *yamldoc.Node {
	out := *n
	out.At = at
	out.Entries = slices.Clone(n.Entries)
	for i, e := range out.Entries {
		out.Entries[i].At, out.Entries[i].Value = at, moved(e.Value, at)
	}
	out.Items = slices.Clone(n.Items)
	for i, item := range out.Items {
		out.Items[i] = moved(item, at)
	}
	return &out
}

// resolve finds what a reference stands for; nil when nothing.
func (f *filler) resolve(body string, open []string) *yamldoc.Node {
	sources := splitSources(body)
	for _, source := range sources {
		value, known := f.source(source, open)
		if !known {
			f.warn("${%s} is not a valid reference: want env:, self:, opt: or a quoted text", body)
			return nil
		}
		if !value.Null() && (value.Kind == yamldoc.Scalar || len(value.Entries)+len(value.Items) > 0) {
			return value
		}
	}
	f.warn("${%s}: no %s", body, missing(sources))
	return nil
}

func missing(sources []string) string {
	var kinds []string
	for _, s := range sources {
		kind, name, _ := strings.Cut(s, ":")
		kinds = append(kinds, map[string]string{"env": "environment variable ", "opt": "option ", "self": "value of this file at "}[kind]+name)
	}
	return strings.Join(kinds, ", ") + " was found"
}

// splitSources splits at commas outside of quotes.
func splitSources(body string) []string {
	var out []string
	var quote rune
	from := 0
	for i, r := range body {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '\'' || r == '"':
			quote = r
		case r == ',':
			out = append(out, strings.TrimSpace(body[from:i]))
			from = i + 1
		}
	}
	return append(out, strings.TrimSpace(body[from:]))
}

// source reads one source. known is false when it has none of the forms.
func (f *filler) source(s string, open []string) (value *yamldoc.Node, known bool) {
	if len(s) >= 2 && (s[0] == '\'' || s[0] == '"') && s[len(s)-1] == s[0] {
		return yamldoc.String(s[1 : len(s)-1]), true
	}
	kind, name, ok := strings.Cut(s, ":")
	if !ok {
		return nil, false
	}
	switch kind {
	case "env":
		if text, ok := f.Env(name); ok {
			return yamldoc.String(text), true
		}
		return nil, true
	case "opt":
		return f.option(name), true
	case "self":
		if slices.Contains(open, s) {
			f.warn("${%s} refers to itself", s)
			return nil, true
		}
		n := f.root
		if name != "" {
			n = n.Lookup(strings.Split(name, ".")...)
		}
		return f.fill(n, append(slices.Clip(open), s)), true
	default:
		return nil, false
	}
}

func (f *filler) option(name string) *yamldoc.Node {
	if name != "" {
		value, ok := f.Options[name]
		if !ok {
			return nil
		}
		return &yamldoc.Node{Value: value}
	}
	all := &yamldoc.Node{Kind: yamldoc.Mapping}
	for _, key := range slices.Sorted(maps.Keys(f.Options)) {
		all.Entries = append(all.Entries, yamldoc.Entry{Key: key, Value: &yamldoc.Node{Value: f.Options[key]}})
	}
	return all
}

func (f *filler) warn(format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	if !f.warned[message] && f.Warn != nil {
		f.Warn(message)
	}
	f.warned[message] = true
}
