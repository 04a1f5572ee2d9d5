// Package exposure says what a release lets anyone do who has no token.
//
// In: a data model and its permission records. Out: what is allowed, as entries that
// can be compared and read. Callers: deployment shows what a deploy exposes, and what
// it changes in that.
package exposure

import (
	"cmp"
	"slices"
	"strings"

	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/datamodel"
)

// Entry is one thing that anyone may do.
type Entry struct {
	Verb   string // read, create ...; everything
	Target string // a type or relation; "" for everything
	Field  string // "" for all of it
	Where  string // the name of the permission query that must hold; "" for always
}

// Of lists what anyone may do, sorted. What is allowed always is not listed again
// under a condition.
func Of(m *datamodel.DataModel, p compiledschema.Permissions) []Entry {
	if p.Open {
		return []Entry{{Verb: "everything"}}
	}
	var out []Entry
	for _, r := range p.Records {
		if r.Authenticated {
			continue
		}
		e := Entry{Verb: string(r.Verb), Target: r.Target}
		if r.Custom() {
			e.Where = r.Name
		}
		for _, f := range fields(m, r) {
			e.Field = f
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b Entry) int {
		return cmp.Or(strings.Compare(a.Target, b.Target), cmp.Compare(order(a.Verb), order(b.Verb)), strings.Compare(a.Where, b.Where), strings.Compare(a.Field, b.Field))
	})
	out = slices.Compact(out)
	always := map[Entry]bool{}
	for _, e := range out {
		always[e] = e.Where == ""
	}
	return slices.DeleteFunc(out, func(e Entry) bool {
		if e.Where == "" {
			return false
		}
		e.Where = ""
		return always[e]
	})
}

func order(verb string) int {
	return slices.Index([]string{"read", "create", "update", "delete", "connect", "disconnect"}, verb)
}

// fields are those that a record is about. A read is of each field by itself.
func fields(m *datamodel.DataModel, r compiledschema.Permission) []string {
	switch t := m.Type(r.Target); {
	case r.Verb == compiledschema.Delete:
		return []string{""}
	case r.Fields != nil:
		return r.Fields
	case t != nil && r.Verb == compiledschema.Read:
		var all []string
		for _, f := range t.Fields {
			if !f.IsRelation() {
				all = append(all, f.Name)
			}
		}
		return all
	}
	return []string{""}
}

// Diff says what only one of two lists has.
func Diff(before, after []Entry) (added, removed []Entry) {
	only := func(in, of []Entry) []Entry {
		return slices.DeleteFunc(slices.Clone(in), func(e Entry) bool { return slices.Contains(of, e) })
	}
	return only(after, before), only(before, after)
}

// Lines writes entries for people, those that differ in their field alone as one.
func Lines(entries []Entry) []string {
	out := []string{}
	for i := 0; i < len(entries); {
		e := entries[i]
		var names []string
		for ; i < len(entries) && entries[i].Verb == e.Verb && entries[i].Target == e.Target && entries[i].Where == e.Where; i++ {
			if entries[i].Field != "" {
				names = append(names, entries[i].Field)
			}
		}
		line := e.Verb
		if e.Target != "" {
			line += " " + e.Target
		}
		if len(names) > 0 {
			line += " { " + strings.Join(names, " ") + " }"
		}
		if e.Where != "" {
			line += " where " + e.Where + " holds"
		}
		out = append(out, line)
	}
	return out
}
