package datamodel

import "strings"

// Longest names of data-api §1.8.
const (
	maxNameLength = 64
	maxEnumValue  = 191
)

// reservedNames cannot be names of types or enums: the built-in value types, and
// the types that every generated schema has (data-api §1.8, LQ-D08).
var reservedNames = map[string]bool{
	"GraphQLID": true, "Enum": true, "Relation": true,
	"Query": true, "Mutation": true, "Subscription": true, "Node": true,
	"Viewer": true, "PageInfo": true, "SigninPayload": true,
}

func isReserved(name string) bool { return reservedNames[name] || ScalarNamed(name) != NotScalar }

// isTypeName is ^[A-Z][a-zA-Z0-9]*$, at most 64: types and relations.
func isTypeName(s string) bool { return isName(s, 'A', 'Z', false, maxNameLength) }

// isFieldName is ^[a-z][a-zA-Z0-9]*$, at most 64.
func isFieldName(s string) bool { return isName(s, 'a', 'z', false, maxNameLength) }

// isEnumName is ^[A-Z][a-zA-Z0-9_]*$: enums and their values.
func isEnumName(s string, limit int) bool { return isName(s, 'A', 'Z', true, limit) }

func isName(s string, low, high byte, underscore bool, limit int) bool {
	if s == "" || len(s) > limit || s[0] < low || s[0] > high {
		return false
	}
	for i := 1; i < len(s); i++ {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (c < '0' || c > '9') && !(underscore && c == '_') {
			return false
		}
	}
	return true
}

// checkNames applies the patterns and the uniqueness of data-api §1.8, with V6
// and V7 for names that are repeated letter by letter.
func (c *checker) checkNames() {
	seen := make(map[string]string, len(c.doc.types)+len(c.doc.enums)) // lower case to the name as first written
	isEnum := map[string]bool{}
	for _, t := range c.doc.types {
		at := place{typ: t.name, pos: t.pos}
		if !isTypeName(t.name) || isReserved(t.name) {
			c.badName(at, t.name, "a model")
		}
		folded := strings.ToLower(t.name)
		if first, taken := seen[folded]; !taken {
			seen[folded] = t.name
		} else if first == t.name { // V6
			if len(t.fields) > 0 {
				at.field = t.fields[0].name
			}
			c.error(at, 0, "The name of the type `%s` occurs more than once.", t.name)
		} else {
			c.error(at, 2002, "A model with the name '%s' already exists in your project", t.name)
		}
		c.checkFieldNames(t)
	}
	for _, e := range c.doc.enums {
		at := place{typ: e.name, pos: e.pos}
		if !isEnumName(e.name, maxNameLength) || isReserved(e.name) {
			c.badName(at, e.name, "an enum")
		}
		folded := strings.ToLower(e.name)
		if _, taken := seen[folded]; taken && isEnum[folded] {
			c.error(at, 4040, "An Enum with the name '%s' already exists.", e.name)
		} else if taken {
			c.error(at, 2046, "A type with the name '%s' already exists in your project", e.name)
		}
		seen[folded], isEnum[folded] = e.name, true
	}
}

// badName is 2008.
func (c *checker) badName(at place, name, what string) {
	why := ""
	switch {
	case isReserved(name) && what != "a field" && what != "a relation":
		why = " The name is reserved."
	case what != "a field" && name != "" && name[0] >= 'a' && name[0] <= 'z':
		why = " It must begin with an upper-case letter."
	}
	c.error(at, 2008, "'%s' is not a valid name for %s.%s", name, what, why)
}

func (c *checker) checkFieldNames(t *typeNode) {
	// The hidden system fields occupy their names even when they are not declared.
	seen := map[string]string{"id": "id", "createdat": "createdAt", "updatedat": "updatedAt"}
	declared := make(map[string]bool, len(t.fields))
	for _, f := range t.fields {
		at := place{t.name, f.name, f.pos}
		if !isFieldName(f.name) {
			c.badName(at, f.name, "a field")
		}
		folded := strings.ToLower(f.name)
		first, taken := seen[folded]
		switch {
		case declared[f.name]: // V7
			c.error(at, 0, "The type `%s` has a duplicate fieldName.", t.name)
		case taken && first != f.name:
			c.error(at, 2009, "A field with the name '%s' already exists", f.name)
		}
		if !taken {
			seen[folded] = f.name
		}
		declared[f.name] = true
	}
}
