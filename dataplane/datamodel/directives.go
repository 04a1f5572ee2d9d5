package datamodel

import "slices"

// site is where a directive stands.
type site uint8

const (
	onType site = 1 << iota
	onField
	onEnum
)

// directiveRule is one row of data-api §1.2.
type directiveRule struct {
	sites     site
	arguments []string
	required  string // argument that must be there
	strings   bool   // its arguments must be string literals
}

var directiveRules = map[string]directiveRule{
	"model":          {sites: onType},
	"isUnique":       {sites: onField},
	"relation":       {sites: onField, arguments: []string{"name", "oldName"}, required: "name", strings: true},
	"defaultValue":   {sites: onField, arguments: []string{"value"}, required: "value"},
	"migrationValue": {sites: onField | onEnum, arguments: []string{"value"}, required: "value"},
	"rename":         {sites: onType | onField | onEnum, arguments: []string{"oldName"}, required: "oldName", strings: true},
	"description":    {sites: onType | onField | onEnum, arguments: []string{"text"}},
}

// Directives of the next generation that people write by mistake (LQ-D02).
var mistakenDirectives = map[string]string{"default": "defaultValue", "unique": "isUnique"}

// checkDirectives applies V16 and V17 and warns about everything that would
// otherwise be ignored without a word.
func (c *checker) checkDirectives(at place, where site, directives []directiveNode) {
	seen := make(map[string]bool, len(directives))
	for i := range directives {
		d := &directives[i]
		at.pos = d.pos
		if seen[d.name] {
			if where == onField { // V17
				c.error(at, 0, "The field `%s` specifies a directive more than once. Directive: `@%s`", at.field, d.name)
			} else {
				c.warn(at, "The directive `@%s` is specified more than once; the first one counts.", d.name)
			}
			continue
		}
		seen[d.name] = true
		rule, known := directiveRules[d.name]
		switch {
		case !known && mistakenDirectives[d.name] != "":
			c.warn(at, "The directive `@%s` is unknown and is ignored. Did you mean `@%s`?", d.name, mistakenDirectives[d.name])
		case !known:
			c.warn(at, "The directive `@%s` is unknown and is ignored.", d.name)
		case rule.sites&where == 0:
			c.warn(at, "The directive `@%s` has no effect here.", d.name)
		default:
			c.checkArguments(at, where, d, rule)
		}
	}
}

func (c *checker) checkArguments(at place, where site, d *directiveNode, rule directiveRule) {
	missing := func(argument string) { // V16
		if where == onField {
			c.error(at, 0, "The field `%s` specifies the directive `@%s` but it's missing the required argument `%s`.", at.field, d.name, argument)
		} else {
			c.error(at, 0, "The type `%s` specifies the directive `@%s` but it's missing the required argument `%s`.", at.typ, d.name, argument)
		}
	}
	// On types and enums @rename reads its first argument, whatever its name.
	if d.name == "rename" && where != onField {
		if len(d.arguments) == 0 || d.arguments[0].value.kind != stringLiteral {
			missing(rule.required)
		}
		return
	}
	for _, a := range d.arguments {
		if !slices.Contains(rule.arguments, a.name) {
			at.pos = a.pos
			c.warn(at, "The argument `%s` of the directive `@%s` is unknown and is ignored.", a.name, d.name)
			at.pos = d.pos
		} else if rule.strings && a.name != rule.required && a.value.kind != stringLiteral {
			missing(a.name)
		}
	}
	if rule.required == "" {
		return
	}
	a := d.argument(rule.required)
	if a == nil || rule.strings && a.value.kind != stringLiteral {
		missing(rule.required)
	} else if !a.value.usable() {
		at.pos = a.pos
		c.warn(at, "The value of the directive `@%s` is ignored: write a list as a string, for example \"[1, 2]\", and null as \"null\".", d.name)
	}
}

// usable says that the literal has a text; list, object and null literals are
// not recognised (data-api §1.2).
func (l literal) usable() bool { return l.kind <= enumLiteral }

func findDirective(all []directiveNode, name string) *directiveNode {
	for i := range all {
		if all[i].name == name {
			return &all[i]
		}
	}
	return nil
}

func (d *directiveNode) argument(name string) *argumentNode {
	for i := range d.arguments {
		if d.arguments[i].name == name {
			return &d.arguments[i]
		}
	}
	return nil
}

func (f *fieldNode) directive(name string) *directiveNode {
	return findDirective(f.directives, name)
}

// stringArgument is the text of a string argument, if there is one.
func stringArgument(d *directiveNode, name string) (string, bool) {
	if d == nil {
		return "", false
	}
	if a := d.argument(name); a != nil && a.value.kind == stringLiteral {
		return a.value.text, true
	}
	return "", false
}

func (f *fieldNode) relationName() (string, bool) {
	return stringArgument(f.directive("relation"), "name")
}

// valueOf is the text of the value argument of a directive, if it has one.
func valueOf(all []directiveNode, name string) (string, *directiveNode, bool) {
	d := findDirective(all, name)
	if d == nil {
		return "", nil, false
	}
	a := d.argument("value")
	if a == nil || !a.value.usable() {
		return "", d, false
	}
	return a.value.text, d, true
}

func (f *fieldNode) value(directive string) (string, *directiveNode, bool) {
	return valueOf(f.directives, directive)
}
