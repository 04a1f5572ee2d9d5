package console

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"icehouse/controlplane/definition"
	"icehouse/controlplane/deployment"
	"icehouse/controlplane/deployment/schemadiff"
	"icehouse/controlplane/elements"
	"icehouse/controlplane/store"
	"icehouse/dataplane/datamodel"
)

// header is the front matter of a project.graphcool file (platform §1.11).
type header struct {
	project string
	version string
}

var headerLine = regexp.MustCompile(`^#\s*(project|projectId|version)\s*:\s*(\S+)\s*$`)

// readHeader reads the comment lines at the beginning of a text.
func readHeader(text string) (h header) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") {
			break
		}
		switch m := headerLine.FindStringSubmatch(line); {
		case m == nil:
		case m[1] == "version":
			h.version = m[2]
		default:
			h.project = m[2]
		}
	}
	return h
}

// Migration is what Migrate did. Project is nil when the text names none.
type Migration struct {
	Project *store.Project
	*deployment.Result
}

// Migrate deploys a project.graphcool file: the types of a project of the console,
// with comment lines that name the project and the version it was made from.
// Permissions and functions follow the types; everyone may do everything with new
// ones.
func (s *Service) Migrate(ctx context.Context, customer store.Customer, text string, dryRun, force bool) (*Migration, error) {
	h := readHeader(text)
	if h.project == "" {
		return refused(nil, `The schema must begin with comment lines that name the project and its version: "# project: <id or alias>" and "# version: <number>".`), nil
	}
	for range attempts {
		p, err := s.Projects.Get(ctx, customer, h.project)
		if err != nil {
			return nil, err
		}
		version := max(p.Release-1, 0)
		switch {
		case p.Ejected:
			return refused(&p, ejected(p).Error()), nil
		case h.version != strconv.FormatInt(version, 10):
			return refused(&p, fmt.Sprintf("The schema is made for the version %q of the project, which is at the version %d. Get the current schema first; its comment line is: # version: %d", h.version, version, version)), nil
		}
		d, err := s.draft(ctx, p)
		if err != nil {
			return nil, err
		}
		def, problems := d.migrate(text)
		if len(problems) > 0 {
			return &Migration{&p, &deployment.Result{Errors: problems}}, nil
		}
		result, err := s.deploy(ctx, p, def, deployment.Request{DryRun: dryRun, Force: force, Customer: customer.ID})
		if errors.Is(err, errMoved) {
			continue // its version is another now
		}
		if err != nil {
			return nil, err
		}
		p, err = s.Projects.Get(ctx, customer, string(p.ID))
		return &Migration{&p, result}, err
	}
	return nil, busy()
}

func refused(p *store.Project, why string) *Migration {
	return &Migration{p, &deployment.Result{Errors: definition.Problems{{Type: definition.Global, Description: why}}}}
}

// migrate makes the definition with other types.
func (d *Draft) migrate(text string) (*definition.Definition, definition.Problems) {
	parsed, diagnostics := datamodel.Parse(text)
	if len(diagnostics) > 0 {
		return nil, definition.SchemaProblems(diagnostics)
	}
	old := d.Before.Model
	parsed.Model.KeepSides(old, parsed.Hints)
	m := &migration{Draft: d, next: parsed, diff: schemadiff.Compare(old, parsed.Model, parsed.Hints)}
	if problems := m.keepsSystem(); len(problems) > 0 {
		return nil, problems
	}
	m.follow()
	def := &definition.Definition{
		TypesPath: d.Before.Definition.TypesPath, SDL: text, Functions: d.Functions, Permissions: d.Permissions,
		RootTokens: d.Before.Definition.RootTokens, IDs: m.moved().IDs(), Descriptions: m.moved().Keys(d.Before.Definition.Descriptions),
	}
	def.Rewrite(text)
	return def, nil
}

// migration is a draft that becomes what a text says.
type migration struct {
	*Draft
	next *datamodel.Parsed
	diff *schemadiff.Diff
}

// keepsSystem applies V20 and V21 (data-api §1.11).
func (m *migration) keepsSystem() (problems definition.Problems) {
	for _, t := range m.Before.Model.Types {
		if !elements.IsSystemType(t.Name) {
			continue
		}
		next := m.next.Model.Type(t.Name)
		if next == nil || m.diff.OldType(next) != t {
			problems = append(problems, definition.Problem{Type: t.Name, Description: fmt.Sprintf("The type `%s` is a system type and cannot be removed.", t.Name)})
			continue
		}
		for _, f := range t.Fields {
			if elements.IsSystemField(t.Name, f.Name) && next.Field(f.Name) == nil {
				problems = append(problems, definition.Problem{Type: t.Name, Field: f.Name, Description: fmt.Sprintf("The field `%s` is a system field and cannot be removed.", f.Name)})
			}
		}
	}
	return problems
}

// rename is an element that is called otherwise now.
type rename struct {
	old, name string
	relation  bool
}

func (m *migration) moved() elements.Move {
	return elements.Move{From: m.Before, To: m.next, Diff: m.diff, Functions: m.Functions}
}

// follow lets permissions and functions follow the types.
func (m *migration) follow() {
	var renames []rename
	kept := map[any]bool{}
	for _, t := range m.next.Model.Types {
		if old := m.diff.OldType(t); old != nil {
			kept[old] = true
			m.followFields(t, old)
			renames = append(renames, rename{old.Name, t.Name, false})
		}
	}
	for _, r := range m.next.Model.Relations {
		if old := m.diff.OldRelation(r); old != nil {
			kept[old] = true
			renames = append(renames, rename{old.Name, r.Name, true})
		}
	}
	for _, t := range m.Before.Model.Types {
		if !kept[t] {
			m.forget(t.Name, false)
		}
	}
	for _, r := range m.Before.Model.Relations {
		if !kept[r] {
			m.forget(r.Name, true)
		}
	}
	for _, r := range renames { // to names that nothing had before
		m.retarget(r.old, r.name, r.relation)
	}
	for _, t := range m.next.Model.Types {
		if m.diff.OldType(t) == nil {
			m.openType(&Type{Name: t.Name})
		}
	}
	for _, r := range m.next.Model.Relations {
		if m.diff.OldRelation(r) == nil {
			m.openRelation(&Relation{Name: r.Name})
		}
	}
}

// followFields lets the permissions of a type follow its fields.
func (m *migration) followFields(t, old *datamodel.Type) {
	now := map[string]string{}
	for _, f := range t.Fields {
		if was := m.diff.OldField(f); was != nil {
			now[was.Name] = f.Name
		}
	}
	for _, f := range old.Fields {
		if now[f.Name] == "" {
			m.forgetField(old.Name, f.Name)
		}
	}
	m.renameInPermissions(old.Name, func(fields []string) []string {
		for i := range fields {
			fields[i] = now[fields[i]]
		}
		return fields
	})
}
