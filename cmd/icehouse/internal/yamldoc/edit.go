package yamldoc

import (
	"bytes"
	"slices"
	"strings"
)

// Set returns the text with the value at a path of keys set: an entry that
// exists is written anew, a missing one is added behind its siblings. All other
// lines stay as they are, unless they are part of a mapping in brackets that
// has to be opened for it.
func Set(text []byte, value *Node, path ...string) ([]byte, error) {
	root, err := Parse(text)
	if err != nil {
		return nil, err
	}
	want := root.with(value, path)
	return checked(newEditor(text).set(root, value, path), want)
}

// Remove returns the text without the entry at a path of keys.
func Remove(text []byte, path ...string) ([]byte, error) {
	root, err := Parse(text)
	if err != nil || root.Lookup(path...) == nil {
		return text, err
	}
	parent, last := path[:len(path)-1], path[len(path)-1]
	kept := *root.Lookup(parent...)
	kept.Entries = slices.Delete(slices.Clone(kept.Entries), kept.index(last), kept.index(last)+1)
	want := &kept
	if len(parent) > 0 {
		want = root.with(&kept, parent)
	}
	return checked(newEditor(text).remove(root, path, &kept), want)
}

// checked holds an edit to its meaning. Should the lines of a file be laid out
// in a way that the editor does not understand, the file is written anew: its
// values are more important than its looks.
func checked(text []byte, want *Node) ([]byte, error) {
	if got, err := Parse(text); err == nil && got.Equal(want) {
		return text, nil
	}
	return Render(want), nil
}

// with is n with the value at a path set.
func (n *Node) with(value *Node, path []string) *Node {
	if len(path) == 0 {
		return value
	}
	out := &Node{Kind: Mapping}
	if n != nil && n.Kind == Mapping {
		*out = *n
		out.Entries = slices.Clone(n.Entries)
	}
	set := Entry{Key: path[0], Value: n.Get(path[0]).with(value, path[1:])}
	if i := out.index(path[0]); i >= 0 {
		out.Entries[i] = set
	} else {
		out.Entries = append(out.Entries, set)
	}
	return out
}

// editor works on the lines of a text; a line keeps its ending.
type editor struct {
	lines   []string
	newline string
}

func newEditor(text []byte) *editor {
	e := &editor{newline: "\n"}
	if bytes.Contains(text, []byte("\r\n")) {
		e.newline = "\r\n"
	}
	if len(text) > 0 && !bytes.HasSuffix(text, []byte("\n")) {
		text = append(slices.Clip(text), e.newline...)
	}
	e.lines = slices.Collect(strings.Lines(string(text)))
	return e
}

// span is the lines [from, to) of an entry with all that belongs to it.
type span struct{ from, to int }

// block reports whether the entries of n have lines of their own.
func block(n *Node) bool { return n != nil && n.Kind == Mapping && !n.flow && len(n.Entries) > 0 }

// spanOf finds the lines of n's entry i; end is where n's own lines end.
func (e *editor) spanOf(n *Node, i, end int) span {
	entry := n.Entries[i]
	s := span{entry.At.Line - 1, end}
	if i+1 < len(n.Entries) {
		s.to = n.Entries[i+1].At.Line - 1
	}
	s.to = min(s.to, len(e.lines))
	// Blank lines and comments between two entries belong to the next one.
	for s.to > s.from+1 {
		line := strings.TrimSpace(e.lines[s.to-1])
		indented := len(e.lines[s.to-1])-len(strings.TrimLeft(e.lines[s.to-1], " ")) >= entry.At.Column
		if line != "" && (line[0] != '#' || indented) && line != "..." && line != "---" {
			break
		}
		s.to--
	}
	return s
}

func (e *editor) set(root *Node, value *Node, path []string) []byte {
	n, end := root, len(e.lines)
	if !block(n) {
		if n.Kind == Mapping && len(n.Entries) == 0 && !n.flow {
			return e.replace(span{end, end}, 0, path[0], (*Node)(nil).with(value, path[1:]))
		}
		return nil // in brackets, or no mapping at all
	}
	for {
		indent := n.Entries[0].At.Column - 1
		i := n.index(path[0])
		if i < 0 {
			last := e.spanOf(n, len(n.Entries)-1, end)
			return e.replace(span{last.to, last.to}, indent, path[0], (*Node)(nil).with(value, path[1:]))
		}
		s := e.spanOf(n, i, end)
		child := n.Entries[i].Value
		if len(path) == 1 || !block(child) {
			return e.replace(s, indent, path[0], child.with(value, path[1:]))
		}
		n, end, path = child, s.to, path[1:]
	}
}

func (e *editor) remove(root *Node, path []string, kept *Node) []byte {
	n, end := root, len(e.lines)
	for depth, key := range path {
		i := n.index(key)
		if !block(n) || i < 0 {
			return nil
		}
		s := e.spanOf(n, i, end)
		switch {
		case depth == len(path)-1:
			return e.splice(s, nil)
		case depth == len(path)-2 && len(kept.Entries) == 0:
			// The last one goes: an empty mapping has to be said.
			line := strings.Repeat(" ", n.Entries[i].At.Column-1) + key + ": {}" + e.newline
			return e.splice(s, []string{line})
		}
		n, end = n.Entries[i].Value, s.to
	}
	return nil
}

// replace puts an entry in place of the lines of a span.
func (e *editor) replace(s span, indent int, key string, value *Node) []byte {
	text := Render(&Node{Kind: Mapping, Entries: []Entry{{Key: key, Value: value}}})
	var lines []string
	for line := range strings.Lines(string(text)) {
		lines = append(lines, strings.Repeat(" ", indent)+strings.TrimSuffix(line, "\n")+e.newline)
	}
	return e.splice(s, lines)
}

// splice puts lines in place of a span. It gives up when the library's lines
// are not those of the text, as with exotic line ends.
func (e *editor) splice(s span, lines []string) []byte {
	if s.from < 0 || s.from > s.to || s.to > len(e.lines) {
		return nil
	}
	return []byte(strings.Join(slices.Replace(slices.Clone(e.lines), s.from, s.to, lines...), ""))
}
