// Package deployment applies service definitions to projects.
//
// In: a project, a config string and who sends it (managementapi: push,
// addProject). Out: a Result: messages and errors in the form of platform §3.2,
// and a new release when there is something new.
//
//	config -> definition.Load -> datamodel.Parse -> schemadiff.Compare -> migrationplan.Make
//	       -> compiledschema (the release that will serve is compiled) -> checks against live rows
//	       -> dry run stops here -> migrationrun: expand, switch, publish, contract
//
// Deploys of one project run one after the other; each looks at the project only
// when its turn has come (LQ-24).
package deployment

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"icehouse/controlplane/definition"
	"icehouse/controlplane/deployment/exposure"
	"icehouse/controlplane/deployment/migrationplan"
	"icehouse/controlplane/deployment/migrationrun"
	"icehouse/controlplane/deployment/schemadiff"
	"icehouse/controlplane/elements"
	"icehouse/controlplane/functiondeploy"
	"icehouse/controlplane/problem"
	"icehouse/controlplane/store"
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/connector/function"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/relational"
	"icehouse/tenancy"
	"icehouse/tenancy/egress"
)

// Deployer deploys.
type Deployer struct {
	Store  store.Store
	Runner *migrationrun.Runner
	// RootToken makes the permanent token that a definition asks for.
	RootToken func(project tenancy.ProjectID, name, customer string) (store.RootToken, error)
	// Bundle finds an uploaded bundle by its URL: the hash of its content, and
	// false when it is not there (LQ-20).
	Bundle func(ctx context.Context, project tenancy.ProjectID, url string) (hash string, ok bool, err error)
	// Functions make callable what Code reads of a function.
	Functions functiondeploy.Runtime
	Code      func(tenancy.ProjectID, definition.Function) function.Code
	// Webhooks says which addresses functions may have elsewhere.
	Webhooks egress.Policy
	Logger   *slog.Logger
	Now      func() time.Time
}

// Request is one deploy.
type Request struct {
	Config   string
	DryRun   bool // say what would happen
	Force    bool // destructive changes are meant
	Customer string
}

// Result is what a deploy did, or why it did nothing.
type Result struct {
	Messages []migrationplan.Message
	Errors   definition.Problems
	Warnings []string // for a person to read
	Exposure Exposure
	Steps    []Step // of a dry run: what would be done to the rows
	Release  int64  // that serves now
}

// Step is what a deploy does to stored rows: whom it keeps waiting meanwhile, and how
// many rows it goes through.
type Step struct {
	Does string
	Lock migrationplan.Lock
	Rows int64
}

// Exposure is what anyone may do who has no token, for people to read: with the
// definition that was deployed (or would be), and what is new or gone.
type Exposure struct{ Now, Added, Removed []string }

// legacyOnly is the answer to deploys of projects that were never ejected.
const legacyOnly = "Only ejected projects can be deployed. This project is a legacy console project; eject it first."

// Push deploys a definition to a project.
func (d *Deployer) Push(ctx context.Context, project store.Project, r Request) (*Result, error) {
	if !project.Ejected {
		return failed(project, definition.Problems{{Type: definition.Global, Description: legacyOnly}}), nil
	}
	def, warnings, problems := definition.Load(r.Config)
	if len(problems) > 0 {
		return failed(project, problems), nil
	}
	result, err := d.Deploy(ctx, project, def, r)
	if result != nil {
		result.Warnings = append(warnings, result.Warnings...)
	}
	return result, err
}

func failed(project store.Project, problems definition.Problems) *Result {
	return &Result{Errors: problems, Release: project.Release}
}

// Deploy is Push for a definition that is read already; r.Config is not used.
func (d *Deployer) Deploy(ctx context.Context, project store.Project, def *definition.Definition, r Request) (*Result, error) {
	bundles, err := d.bundles(ctx, project.ID, def)
	if err != nil || len(bundles) > 0 {
		return failed(project, bundles), err
	}
	if r.DryRun {
		return d.dryRun(ctx, project, def, r)
	}
	var result *Result
	err = d.Runner.With(ctx, project.ID, func(ctx context.Context, lock *migrationrun.Locked) error {
		var err error
		result, err = d.deploy(ctx, lock, project.ID, def, r)
		return err
	})
	if errors.Is(err, store.ErrLockLost) {
		// The project may have been deleted meanwhile.
		var gone *problem.Error
		if _, find := Find(ctx, d.Store, string(project.ID)); errors.As(find, &gone) {
			return nil, gone
		}
	}
	if err != nil {
		return nil, err
	}
	return result, nil
}

func (d *Deployer) dryRun(ctx context.Context, project store.Project, def *definition.Definition, r Request) (*Result, error) {
	attempt, err := d.prepare(ctx, project, def, r)
	if err != nil {
		return nil, err
	}
	result := attempt.result()
	if len(result.Errors) == 0 {
		result.Steps, err = d.steps(ctx, attempt)
	}
	return result, err
}

// deploy is Deploy when the project's turn has come.
func (d *Deployer) deploy(ctx context.Context, lock *migrationrun.Locked, id tenancy.ProjectID, def *definition.Definition, r Request) (*Result, error) {
	project, err := Find(ctx, d.Store, string(id))
	if err != nil {
		return nil, err
	}
	attempt, err := d.prepare(ctx, project, def, r)
	if err != nil {
		return nil, err
	}
	result := attempt.result()
	if len(result.Errors) > 0 || attempt.nothingNew() {
		return result, nil
	}
	if problems, err := d.deployCode(ctx, project, attempt.new.Definition); err != nil || len(problems) > 0 {
		return failed(project, problems), err
	}
	job, err := d.job(attempt, r)
	if err != nil {
		return nil, err
	}
	if err := lock.Run(ctx, project, job); err != nil {
		if late := movedUnderUs(err); late != nil {
			return failed(project, definition.Problems{*late}), nil
		}
		return nil, err
	}
	var before *definition.Definition
	if attempt.old != nil {
		before = attempt.old.Definition
	}
	d.forgetCode(ctx, project, attempt.new.Definition, before)
	result.Release = job.Make.Release.Number
	d.Logger.InfoContext(ctx, "released", "project", project.ID, "release", result.Release)
	return result, nil
}

// Find finds a project that is not on its way out; 4000.
func Find(ctx context.Context, s store.Store, idOrAlias string) (store.Project, error) {
	p, err := s.Project(ctx, idOrAlias)
	if errors.Is(err, store.ErrNotFound) || err == nil && p.Withdrawn {
		return store.Project{}, problem.NoService(idOrAlias)
	}
	return p, err
}

// switchOf are the statements that make the rows fit the new release: with nobody
// changing them, the checks once more, and then the steps.
func switchOf(plan *migrationplan.Plan, d dialect.Dialect, namespace string) (out []dialect.Statement) {
	schema := func(step relational.SchemaChange) {
		for _, sql := range d.Schema(namespace, step) {
			out = append(out, dialect.Statement{SQL: sql})
		}
	}
	for _, table := range plan.Still {
		schema(relational.Still{Table: table})
	}
	for _, check := range plan.Checks {
		if check.Args == nil {
			out = append(out, d.Change(namespace, &relational.Guard{Condition: check.Condition}))
		}
	}
	for _, step := range plan.Switch {
		schema(step)
	}
	return out
}

// movedUnderUs recognises rows that came between the check and the change.
func movedUnderUs(err error) *definition.Problem {
	var e *database.Error
	if !errors.As(err, &e) {
		return nil
	}
	switch e.Kind {
	case database.MissingValue, database.UniqueViolation, database.MissingReference, database.GuardFailed:
		return &definition.Problem{Type: definition.Global, Description: "Nodes were created or changed while the deploy ran that do not fit the new schema. Nothing was deployed."}
	case database.ValueTooLong:
		return &definition.Problem{Type: definition.Global, Description: "A field can't be unique: there are nodes whose value is too long for that. Nothing was deployed."}
	}
	return nil
}

// bundles checks that uploaded code is there and notes what it contains.
func (d *Deployer) bundles(ctx context.Context, project tenancy.ProjectID, def *definition.Definition) (definition.Problems, error) {
	var problems definition.Problems
	hashes := map[string]string{}
	for i := range def.Functions {
		code := def.Functions[i].Code
		if code == nil || code.Bundle == nil {
			continue
		}
		hash, known := hashes[code.Bundle.URL]
		if !known {
			var ok bool
			var err error
			if hash, ok, err = d.Bundle(ctx, project, code.Bundle.URL); err != nil {
				return nil, err
			}
			if !ok {
				problems = append(problems, definition.Problem{Type: definition.Global, Description: fmt.Sprintf(
					"The code of the function '%s' was not uploaded: there is no bundle at the URL that its externalFiles entry gives. Ask for a new URL with getTemporaryDeployUrl and upload the bundle again.", def.Functions[i].Name)})
				continue
			}
			hashes[code.Bundle.URL] = hash
		}
		code.Bundle.Hash = hash
	}
	return problems, nil
}

// attempt is a deploy that has been thought through.
type attempt struct {
	project  store.Project
	from     *elements.Snapshot   // what serves; nil before the first release
	old      *migrationplan.State // what it is to the plan
	new      migrationplan.State
	plan     *migrationplan.Plan
	release  []byte // the new payload
	problems definition.Problems
	warnings []string
	// What anyone may do, now and with the new release.
	exposedBefore, exposed []exposure.Entry
}

func (a *attempt) result() *Result {
	if len(a.problems) > 0 {
		return failed(a.project, a.problems)
	}
	added, removed := exposure.Diff(a.exposedBefore, a.exposed)
	return &Result{
		Messages: a.plan.Messages, Warnings: append(a.warnings, a.plan.Notes...), Release: a.project.Release,
		Exposure: Exposure{Now: exposure.Lines(a.exposed), Added: exposure.Lines(added), Removed: exposure.Lines(removed)},
	}
}

// prepare thinks a deploy through. Only broken things are errors; what the
// developer can mend is in attempt.problems.
func (d *Deployer) prepare(ctx context.Context, project store.Project, def *definition.Definition, r Request) (*attempt, error) {
	a := &attempt{project: project}
	if err := d.readOld(ctx, a); err != nil {
		return nil, err
	}
	parsed, diagnostics := datamodel.Parse(def.SDL)
	if len(diagnostics) > 0 {
		a.problems = definition.SchemaProblems(diagnostics)
		return a, nil
	}
	var oldModel *datamodel.DataModel
	if a.old != nil {
		a.warnings = append(a.warnings, def.Keep(a.old.Definition)...)
		oldModel = a.old.Model
		parsed.Model.KeepSides(oldModel, parsed.Hints)
	}
	for _, w := range parsed.Warnings {
		a.warnings = append(a.warnings, w.String())
	}
	diff := schemadiff.Compare(oldModel, parsed.Model, parsed.Hints)
	def = withIDs(def, a, parsed, diff)
	a.new = migrationplan.State{Definition: def, Model: parsed.Model, Hints: parsed.Hints}
	a.plan = migrationplan.Make(migrationplan.Input{Old: a.old, New: a.new, Diff: diff, Force: r.Force, DryRun: r.DryRun})
	a.problems = append(a.plan.Problems, def.Check(parsed.Model)...)
	if len(a.problems) > 0 {
		return a, nil
	}
	release, encoded, warnings, problems, err := compile(a.new, a.plan.Layout, functions(project.ID, a.from, a.new, diff))
	if a.release, a.problems = encoded, problems; err != nil || len(problems) > 0 {
		return a, err
	}
	a.warnings = append(append(a.warnings, warnings...), def.Refused(d.Webhooks)...)
	a.exposed = exposure.Of(a.new.Model, release.Permissions)
	return a, d.checkRows(ctx, a)
}

// withIDs lets elements keep the ids that they have in the release that serves. A file
// says nothing of them; a draft of the console does.
func withIDs(def *definition.Definition, a *attempt, parsed *datamodel.Parsed, diff *schemadiff.Diff) *definition.Definition {
	if a.from == nil || def.IDs != nil {
		return def
	}
	with := *def
	with.IDs = elements.Move{From: a.from, To: parsed, Diff: diff, Functions: def.Functions}.IDs()
	return &with
}

// readOld reads the release that serves.
func (d *Deployer) readOld(ctx context.Context, a *attempt) (err error) {
	if a.project.Release == 0 {
		return nil
	}
	if a.from, err = elements.Served(ctx, d.Store, a.project); err != nil {
		return err
	}
	a.exposedBefore = exposure.Of(a.from.Model, a.from.Release.Permissions)
	a.old = &migrationplan.State{Definition: a.from.Definition, Model: a.from.Model, Layout: a.from.Release.Layout}
	// Hints are no part of a model. A text that a newer version no longer reads
	// has none to offer.
	if parsed, diagnostics := datamodel.Parse(a.from.Definition.SDL); len(diagnostics) == 0 {
		a.old.Hints = parsed.Hints
	}
	return nil
}

// nothingNew says that the project runs this definition already.
func (a *attempt) nothingNew() bool {
	if a.from == nil || len(a.plan.Messages) > 0 || !bytes.Equal(a.from.Payload, a.release) {
		return false
	}
	return definition.Same(a.from.Definition, a.new.Definition)
}

// job turns the plan into what migrationrun carries out.
func (d *Deployer) job(a *attempt, r Request) (migrationrun.Job, error) {
	scope, db, err := d.Runner.Place(a.project.ID, a.project.Placement)
	if err != nil {
		return migrationrun.Job{}, err
	}
	encoded, err := a.new.Definition.Encode()
	if err != nil {
		return migrationrun.Job{}, fmt.Errorf("encode definition: %w", err)
	}
	job := migrationrun.Job{Make: store.Publication{
		Previous: a.project.Release, RemoveTokens: a.plan.RemoveTokens,
		Release: store.Release{Project: a.project.ID, Number: a.project.Release + 1, Definition: encoded, Payload: a.release, CreatedAt: d.Now()},
	}}
	namespace := scope.Namespace()
	render := func(steps []relational.SchemaChange) (out []string) {
		for _, step := range steps {
			out = append(out, db.Dialect().Schema(namespace, step)...)
		}
		return out
	}
	job.Expand, job.Contract, job.Undo = render(a.plan.Expand), render(a.plan.Contract), render(a.plan.Undo)
	job.Switch = switchOf(a.plan, db.Dialect(), namespace)
	release, err := compiledschema.DecodeRelease(a.release)
	if err != nil {
		return migrationrun.Job{}, err
	}
	job.Handlers = migrationrun.Handlers(release, db.Dialect(), namespace)
	for _, name := range a.plan.AddTokens {
		token, err := d.RootToken(a.project.ID, name, r.Customer)
		if err != nil {
			return migrationrun.Job{}, err
		}
		job.Make.AddTokens = append(job.Make.AddTokens, token)
	}
	return job, nil
}
