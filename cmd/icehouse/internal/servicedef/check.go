package servicedef

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"icehouse/cmd/icehouse/internal/yamldoc"
	"icehouse/tenancy/egress"
)

// The grammar of graphcool.yml is that of platform §1.3.

const customKey = "custom"

var (
	hookOperation       = regexp.MustCompile(`^[A-Z][a-zA-Z0-9]*\.(create|update|delete|read|connect|disconnect|\*)$`)
	permissionOperation = regexp.MustCompile(`^([A-Z][a-zA-Z0-9]*\.(create|update|delete|read|list|connect|disconnect|\*)|\*)$`)
)

// later are root keys of the format that came after this one.
var later = map[string]bool{"service": true, "stages": true, "datamodel": true, "secret": true, "subscriptions": true, "disableAuth": true, "cluster": true}

// key says how the value of a key is checked.
type key struct {
	name     string
	check    func(l *loader, path string, n *yamldoc.Node)
	required bool
}

var rootKeys = []key{
	{"types", (*loader).checkTypes, true},
	{"functions", (*loader).checkFunctions, false},
	{"permissions", listOf((*loader).checkPermission), false},
	{"rootTokens", listOf((*loader).checkText), false},
	{modulesKey, (*loader).checkModules, false},
	{customKey, mappingOnly, false},
}

// check holds the whole file to the grammar.
func (l *loader) check(root *yamldoc.Node) {
	for _, e := range root.Entries {
		if later[e.Key] {
			l.problem(e.At, "%s belongs to the 1.0 format (Prisma), which is another product", e.Key)
			return
		}
	}
	l.checkMapping("", root, rootKeys, func(e yamldoc.Entry) {
		l.problem(e.At, "unknown key %s; the keys here are %s", e.Key, names(rootKeys))
	})
}

// checkMapping checks the known keys of a mapping and hands over the others.
func (l *loader) checkMapping(path string, n *yamldoc.Node, keys []key, unknown func(yamldoc.Entry)) {
	if n.Kind != yamldoc.Mapping {
		l.want(path, n, yamldoc.Mapping)
		return
	}
	for _, e := range n.Entries {
		known := false
		for _, k := range keys {
			if k.name == e.Key {
				known = true
				k.check(l, join(path, e.Key), e.Value)
			}
		}
		if !known {
			unknown(e)
		}
	}
	for _, k := range keys {
		if k.required && n.Get(k.name) == nil {
			l.problem(n.At, "%s is missing", join(path, k.name))
		}
	}
}

func (l *loader) want(path string, n *yamldoc.Node, kind yamldoc.Kind) {
	if path == "" {
		path = "the file"
	}
	l.problem(n.At, "%s: want %s, found %s", path, kind, n.Kind)
}

func (l *loader) refuse(path string, keys []key) func(yamldoc.Entry) {
	return func(e yamldoc.Entry) {
		l.problem(e.At, "%s: unknown key %s; the keys here are %s", path, e.Key, names(keys))
	}
}

func mappingOnly(l *loader, path string, n *yamldoc.Node) {
	if n.Kind != yamldoc.Mapping && !n.Null() {
		l.want(path, n, yamldoc.Mapping)
	}
}

func listOf(check func(*loader, string, *yamldoc.Node)) func(*loader, string, *yamldoc.Node) {
	return func(l *loader, path string, n *yamldoc.Node) {
		if n.Null() {
			return
		}
		if n.Kind != yamldoc.Sequence {
			l.want(path, n, yamldoc.Sequence)
			return
		}
		for _, item := range n.Items {
			check(l, path, item)
		}
	}
}

func (l *loader) checkText(path string, n *yamldoc.Node) {
	if text, ok := n.Text(); !ok || text == "" {
		l.problem(n.At, "%s: want a text", path)
	}
}

func (l *loader) checkBool(path string, n *yamldoc.Node) {
	if _, ok := n.Value.(bool); !ok {
		l.problem(n.At, "%s: want true or false", path)
	}
}

func matching(pattern *regexp.Regexp, hint string) func(*loader, string, *yamldoc.Node) {
	return func(l *loader, path string, n *yamldoc.Node) {
		if text, ok := n.Text(); !ok || !pattern.MatchString(text) {
			l.problem(n.At, "%s: want %s", path, hint)
		}
	}
}

func (l *loader) checkTypes(path string, n *yamldoc.Node) {
	if n.Kind == yamldoc.Sequence && len(n.Items) > 0 {
		for _, item := range n.Items {
			l.checkTypes(path, item)
		}
		return
	}
	if text, ok := n.Text(); !ok || text == "" {
		l.problem(n.At, "%s: want the path of a file, or a list of paths", path)
	}
}

func (l *loader) checkFunctions(path string, n *yamldoc.Node) {
	if n.Null() {
		return
	}
	if n.Kind != yamldoc.Mapping {
		l.want(path, n, yamldoc.Mapping)
		return
	}
	for _, e := range n.Entries {
		l.checkFunction(join(path, e.Key), e.Value)
	}
}

var functionKeys = []key{
	{"type", (*loader).checkFunctionType, true},
	{"handler", (*loader).checkHandler, true},
	{"operation", matching(hookOperation, `Model.create, Model.update or Model.delete`), false},
	{"schema", (*loader).checkText, false},
	{"query", (*loader).checkText, false},
	{"retries", (*loader).checkRetries, false},
	{"isEnabled", (*loader).checkBool, false},
	{"description", (*loader).checkText, false},
}

// maxRetries is as many as the server lets a function have.
const maxRetries = 10

func (l *loader) checkRetries(path string, n *yamldoc.Node) {
	if count, err := strconv.Atoi(fmt.Sprint(n.Value)); err != nil || count < 0 || count > maxRetries {
		l.problem(n.At, "%s: want a number from 0 to %d", path, maxRetries)
	}
}

// needs names the key that each type of function can't be without.
var needs = map[string]string{"operationBefore": "operation", "operationAfter": "operation", "subscription": "query", "resolver": "schema", "schemaExtension": "schema"}

func (l *loader) checkFunction(path string, n *yamldoc.Node) {
	l.checkMapping(path, n, functionKeys, func(e yamldoc.Entry) {
		l.warning(e.At, "%s.%s has no effect", path, e.Key)
	})
	kind, _ := n.Get("type").Text()
	if need := needs[kind]; need != "" && n.Get(need) == nil {
		l.problem(n.At, "%s.%s is missing; a function of type %s needs it", path, need, kind)
	}
}

func (l *loader) checkFunctionType(path string, n *yamldoc.Node) {
	kind, _ := n.Text()
	switch kind {
	case "operationBefore", "operationAfter", "subscription", "resolver", "schemaExtension":
	case "httpRequest", "httpResponse":
		l.warning(n.At, "%s: functions of type %s are never called", path, kind)
	default:
		l.problem(n.At, "%s: want operationBefore, operationAfter, subscription or resolver", path)
	}
}

var handlerKeys = []key{
	{"code", (*loader).checkCode, false},
	{"webhook", (*loader).checkWebhook, false},
}

func (l *loader) checkHandler(path string, n *yamldoc.Node) {
	l.checkMapping(path, n, handlerKeys, l.refuse(path, handlerKeys))
	if n.Kind == yamldoc.Mapping && (n.Get("code") == nil) == (n.Get("webhook") == nil) {
		l.problem(n.At, "%s: want exactly one of code and webhook", path)
	}
}

var codeKeys = []key{
	{"src", (*loader).checkText, true},
	{"environment", (*loader).checkTexts, false},
}

func (l *loader) checkCode(path string, n *yamldoc.Node) {
	if n.Kind == yamldoc.Scalar {
		l.checkText(path, n)
		return
	}
	l.checkMapping(path, n, codeKeys, l.refuse(path, codeKeys))
}

var webhookKeys = []key{
	{"url", (*loader).checkURL, true},
	{"headers", (*loader).checkTexts, false},
}

func (l *loader) checkWebhook(path string, n *yamldoc.Node) {
	if n.Kind == yamldoc.Scalar {
		l.checkURL(path, n)
		return
	}
	l.checkMapping(path, n, webhookKeys, l.refuse(path, webhookKeys))
}

func (l *loader) checkURL(path string, n *yamldoc.Node) {
	text, _ := n.Text()
	var unusable *egress.Error
	if err := (egress.Policy{}).Check(text); errors.Is(err, egress.ErrURL) && errors.As(err, &unusable) {
		l.problem(n.At, "%s: want an absolute http or https URL: %s", path, unusable.Text)
	}
}

// checkTexts checks a mapping of names to texts.
func (l *loader) checkTexts(path string, n *yamldoc.Node) {
	if n.Kind != yamldoc.Mapping {
		l.want(path, n, yamldoc.Mapping)
		return
	}
	for _, e := range n.Entries {
		if _, ok := e.Value.Text(); !ok {
			l.problem(e.Value.At, "%s: want a text; put it in quotes", join(path, e.Key))
		}
	}
}

var permissionKeys = []key{
	{"operation", matching(permissionOperation, `"*", Model.create, .read, .update, .delete or .*, or Relation.connect, .disconnect or .*`), true},
	{"authenticated", (*loader).checkBool, false},
	{"query", (*loader).checkText, false},
	{"fields", listOf((*loader).checkText), false},
	{"isEnabled", (*loader).checkBool, false},
	{"description", (*loader).checkText, false},
}

func (l *loader) checkPermission(path string, n *yamldoc.Node) {
	l.checkMapping(path, n, permissionKeys, l.refuse(path, permissionKeys))
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func names(keys []key) string {
	var out []string
	for _, k := range keys {
		out = append(out, k.name)
	}
	return strings.Join(out, ", ")
}
