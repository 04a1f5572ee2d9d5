// Package packagejson brings the dependencies of one package.json into another (platform
// §9.5 step 6).
//
// In: two texts. Out: the first with what was missing. Callers: modules add and
// add-template.
package packagejson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// FileName is the name of the file.
const FileName = "package.json"

const key = "dependencies"

// Merged is the outcome of Merge.
type Merged struct {
	Text     []byte
	Added    []string // name@version
	Warnings []string
}

// Merge adds the dependencies of other that ours lacks; a different version is only
// warned of. Without ours, other is the outcome.
func Merge(ours, other []byte) (Merged, error) {
	_, theirs, err := parse(other)
	if err != nil {
		return Merged{}, fmt.Errorf("the new %s: %w", FileName, err)
	}
	var m Merged
	if ours == nil {
		m.Text = other
		for _, name := range slices.Sorted(maps.Keys(theirs)) {
			m.Added = append(m.Added, name+"@"+theirs[name])
		}
		return m, nil
	}
	members, have, err := parse(ours)
	if err != nil {
		return Merged{}, fmt.Errorf("%s: %w", FileName, err)
	}
	for _, name := range slices.Sorted(maps.Keys(theirs)) {
		switch version, ok := have[name]; {
		case !ok:
			have[name] = theirs[name]
			m.Added = append(m.Added, name+"@"+theirs[name])
		case version != theirs[name]:
			m.Warnings = append(m.Warnings, fmt.Sprintf("%s %s is wanted, and %s has %s: it stays as it is", name, theirs[name], FileName, version))
		}
	}
	if m.Text = ours; len(m.Added) == 0 {
		return m, nil
	}
	m.Text, err = render(members, have)
	return m, err
}

type member struct {
	name  string
	value json.RawMessage
}

// parse reads the members in their order, and the dependencies.
func parse(text []byte) (members []member, dependencies map[string]string, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, nil, errors.New("want a JSON object")
	}
	dependencies = map[string]string{}
	for d.More() {
		var m member
		name, err := d.Token()
		if err == nil {
			err = d.Decode(&m.value)
		}
		if err != nil {
			return nil, nil, err
		}
		if m.name, _ = name.(string); m.name == key {
			if err := json.Unmarshal(m.value, &dependencies); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", key, err)
			}
		}
		members = append(members, m)
	}
	if dependencies == nil { // null
		dependencies = map[string]string{}
	}
	_, err = d.Token()
	return members, dependencies, err
}

func render(members []member, dependencies map[string]string) ([]byte, error) {
	if !slices.ContainsFunc(members, func(m member) bool { return m.name == key }) {
		members = append(members, member{name: key})
	}
	var b bytes.Buffer
	for i, m := range members {
		b.WriteByte("{,"[min(i, 1)])
		value := []byte(m.value)
		if m.name == key {
			var err error
			if value, err = encode(dependencies); err != nil {
				return nil, err
			}
		}
		name, err := encode(m.name)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	var out bytes.Buffer
	if err := json.Indent(&out, b.Bytes(), "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // versions have < and >
	err := e.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}
