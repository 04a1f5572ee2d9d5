package managementapi

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/graphql-go/graphql"
)

// printSchema writes the schema as SDL, types by name. Built-in scalars and the
// types of introspection are left to the reader.
func printSchema(s graphql.Schema) string {
	var b strings.Builder
	b.WriteString("schema { query: Query mutation: Mutation }\n")
	types := s.TypeMap()
	for _, name := range slices.Sorted(maps.Keys(types)) {
		if strings.HasPrefix(name, "__") {
			continue
		}
		switch t := types[name].(type) {
		case *graphql.Scalar:
			if !builtIn[name] {
				fmt.Fprintf(&b, "\nscalar %s\n", name)
			}
		case *graphql.Enum:
			fmt.Fprintf(&b, "\nenum %s {\n", name)
			values := t.Values()
			slices.SortFunc(values, func(a, b *graphql.EnumValueDefinition) int { return strings.Compare(a.Name, b.Name) })
			for _, v := range values {
				fmt.Fprintf(&b, "  %s\n", v.Name)
			}
			b.WriteString("}\n")
		case *graphql.InputObject:
			fmt.Fprintf(&b, "\ninput %s {\n", name)
			fields := t.Fields()
			for _, f := range slices.Sorted(maps.Keys(fields)) {
				fmt.Fprintf(&b, "  %s: %s\n", f, fields[f].Type)
			}
			b.WriteString("}\n")
		case *graphql.Interface:
			fmt.Fprintf(&b, "\ninterface %s {\n", name)
			printFields(&b, t.Fields())
		case *graphql.Object:
			fmt.Fprintf(&b, "\ntype %s%s {\n", name, implements(t))
			printFields(&b, t.Fields())
		}
	}
	return b.String()
}

var builtIn = map[string]bool{"Int": true, "Float": true, "String": true, "Boolean": true, "ID": true}

func implements(t *graphql.Object) string {
	var names []string
	for _, i := range t.Interfaces() {
		names = append(names, i.Name())
	}
	if len(names) == 0 {
		return ""
	}
	return " implements " + strings.Join(names, " & ")
}

func printFields(b *strings.Builder, fields graphql.FieldDefinitionMap) {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		f := fields[name]
		args := make([]string, len(f.Args))
		for i, a := range f.Args {
			args[i] = fmt.Sprintf("%s: %s", a.Name(), a.Type)
		}
		slices.Sort(args)
		list := ""
		if len(args) > 0 {
			list = "(" + strings.Join(args, ", ") + ")"
		}
		fmt.Fprintf(b, "  %s%s: %s\n", name, list, f.Type)
	}
	b.WriteString("}\n")
}
