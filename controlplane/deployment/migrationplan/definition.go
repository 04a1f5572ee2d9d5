package migrationplan

import (
	"slices"

	"icehouse/controlplane/definition"
)

// definition compares functions, permissions and root tokens: removals first,
// then additions, then updates of functions (platform §3.1).
func (p *planner) definition() {
	old := &definition.Definition{}
	var oldRules []definition.Rule
	if p.Old != nil {
		old = p.Old.Definition
		oldRules = old.Rules(p.Old.Model)
	}
	next := p.New.Definition
	newRules := next.Rules(p.New.Model)

	p.functions(old.Running(), next.Running())
	for _, r := range oldRules {
		if !hasRule(newRules, r) {
			p.tell("model permission", "Delete", r.Name(), "A permission for the operation `%s` is deleted.", r.Verb)
		}
	}
	for _, r := range newRules {
		if !hasRule(oldRules, r) {
			p.tell("model permission", "Create", r.Name(), "A permission for the operation `%s` is created.", r.Verb)
		}
	}
	p.RemoveTokens = missing(old.RootTokens, next.RootTokens)
	for _, name := range p.RemoveTokens {
		p.tell("rootToken", "Delete", name, "A rootToken with the name `%s` is deleted.", name)
	}
	p.AddTokens = missing(next.RootTokens, old.RootTokens)
	for _, name := range p.AddTokens {
		p.tell("rootToken", "Create", name, "A rootToken with the name `%s` is created.", name)
	}
	switch before, after := old.Open(), next.Open(); {
	case after && !before:
		p.tell("permission", "Create", "Wildcard Permission", "The wildcard permission for all operations is created: everyone may do everything.")
	case before && !after:
		p.tell("permission", "Delete", "Wildcard Permission", "The wildcard permission for all operations is removed.")
	}
}

func missing(list, others []string) []string {
	var out []string
	for _, v := range list {
		if !slices.Contains(others, v) {
			out = append(out, v)
		}
	}
	return out
}

// hasRule compares permissions by what they allow, not by the file that says so.
func hasRule(list []definition.Rule, r definition.Rule) bool {
	return slices.ContainsFunc(list, func(o definition.Rule) bool {
		return o.Target == r.Target && o.Verb == r.Verb && o.Authenticated == r.Authenticated &&
			o.Query == r.Query && o.QueryName == r.QueryName && sameFields(o.Fields, r.Fields)
	})
}

func sameFields(a, b []string) bool {
	return (a == nil) == (b == nil) && slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

func (p *planner) functions(old, next []definition.Function) {
	was, now := byName(old), byName(next)
	for _, f := range old {
		if _, stays := now.same(f); !stays {
			typ, word, article := kindWords(f.Kind)
			p.tell(typ, "Delete", f.Name, "%s %s with the name `%s` is deleted.", article, word, f.Name)
		}
	}
	for _, f := range next {
		if _, stays := was.same(f); !stays {
			typ, word, _ := kindWords(f.Kind)
			p.tell(typ, "Create", f.Name, "A new %s with the name `%s` is created.", word, f.Name)
		}
	}
	for _, f := range next {
		if before, stays := was.same(f); stays && !before.Does(f) {
			typ, word, article := kindWords(f.Kind)
			p.tell(typ, "Update", f.Name, "%s %s with the name `%s` is updated.", article, word, f.Name)
		}
	}
}

// running are the functions of one side by their names.
type running map[string]definition.Function

func byName(all []definition.Function) running {
	out := running{}
	for _, f := range all {
		out[f.Name] = f
	}
	return out
}

// same is what a function of the other side is on this one: that of its name, if it
// hangs at the same place. Another kind, or another side of an operation, is another
// function (platform §3.4).
func (r running) same(f definition.Function) (definition.Function, bool) {
	here, ok := r[f.Name]
	return here, ok && here.Kind == f.Kind
}
