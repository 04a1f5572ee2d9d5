package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"icehouse/cmd/icehouse/internal/graphcoolrc"
	"icehouse/cmd/icehouse/internal/servicedef"
	"icehouse/cmd/icehouse/internal/systemapi"
)

type deployCommand struct {
	Target            string `short:"t" help:"The target to deploy to."`
	Force             bool   `short:"f" help:"Accept destructive changes."`
	Watch             bool   `short:"w" help:"Deploy again whenever a file changes."`
	NewService        string `short:"n" placeholder:"NAME" help:"Make a new service of this name."`
	NewServiceCluster string `short:"c" placeholder:"CLUSTER" help:"The cluster for a new service."`
	Alias             string `short:"a" help:"The alias of a new service."`
	Interactive       bool   `short:"i" help:"Ask for cluster, target and name of a new service."`
	Default           bool   `short:"D" help:"Make the target the default."`
	DryRun            bool   `short:"d" help:"Only show what would change."`
	JSON              bool   `short:"j" name:"json" help:"Print the outcome as JSON."`
}

func (c *deployCommand) asJSON() bool { return c.JSON }

func (c *deployCommand) Run(s *session) error {
	env, dir, err := s.environment()
	if err != nil {
		return err
	}
	if dir == "" {
		return fmt.Errorf("no %s here or above; make a service with: %s init", servicedef.FileName, s.Program)
	}
	if c.Watch && c.DryRun {
		return errors.New("--watch and --dry-run exclude each other")
	}
	definition, err := s.bundled(dir)
	if err != nil {
		return err
	}
	d := &deployment{session: s, command: c, env: env, dir: dir}
	if err := d.choose(); err != nil {
		return err
	}
	err = d.push(definition)
	if c.Watch && (err == nil || errors.Is(err, errReported)) {
		return d.watch(definition)
	}
	return err
}

// deployment is one service on its way to its target.
type deployment struct {
	*session
	command *deployCommand
	env     *graphcoolrc.Environment
	dir     string
	cluster *connection
	target  graphcoolrc.Target
	project systemapi.Project
	pushed  servicedef.Definition
}

// choose finds the service to deploy to, or makes it (platform §5.4).
func (d *deployment) choose() error {
	if d.command.Interactive {
		return d.interview()
	}
	target, err := d.env.Target(d.command.Target)
	var unknown *graphcoolrc.UnknownTargetError
	fresh := errors.Is(err, graphcoolrc.ErrNoTarget) ||
		errors.As(err, &unknown) && (d.command.NewService != "" || len(d.env.Targets()) == 0)
	switch {
	case err != nil && !fresh:
		return fmt.Errorf("%w\nA new target is made with --new-service NAME", err)
	case d.command.DryRun && (fresh || d.command.NewService != ""):
		return errors.New("a dry run needs a target that has been deployed to")
	case fresh || d.command.NewService != "":
		return d.create()
	}
	if d.command.Alias != "" || d.command.NewServiceCluster != "" {
		return fmt.Errorf("%s exists already: --alias and --new-service-cluster are for new services; make one with --new-service", target)
	}
	if d.cluster, err = d.connect(d.env, target.Cluster); err != nil {
		return err
	}
	d.target = target
	err = d.cluster.try(func(ctx context.Context) error {
		var err error
		d.project, err = d.cluster.Project(ctx, target.Project)
		return err
	})
	switch {
	case systemapi.NoService(err):
		return fmt.Errorf("%w\nThe cluster %s does not have it any more. Make a new service with: %s deploy --new-service NAME --target %s",
			err, target.Cluster, d.Program, target.Name)
	case err != nil:
		return err
	case !d.project.Ejected:
		return fmt.Errorf("service %s is managed in the web console; upgrade it there before you deploy to it", d.project.Name)
	}
	if d.command.Default && target.Name != "" {
		return d.env.SaveTarget(target, true)
	}
	return nil
}

// interview asks for what flags did not say about a new service.
func (d *deployment) interview() error {
	if d.command.DryRun {
		return errors.New("--interactive and --dry-run exclude each other: a new service has nothing to compare with")
	}
	cluster, err := chooseCluster(d.env, d.command.NewServiceCluster, "--new-service-cluster")
	if err != nil { // there are several: the question has no default
		cluster = ""
	}
	var names []string
	for _, c := range d.env.Clusters() {
		names = append(names, c.Name)
	}
	for _, q := range []struct {
		given          *string
		question, none string
	}{
		{&d.command.NewServiceCluster, "Cluster (" + strings.Join(names, ", ") + ")", cluster},
		{&d.command.Target, "Name of the target", d.newTargetName()},
		{&d.command.NewService, "Name of the service", serviceName(filepath.Base(d.dir))},
	} {
		if *q.given != "" {
			continue
		}
		answer, err := d.ask(fmt.Sprintf("%s [%s]: ", q.question, q.none))
		if err != nil {
			return err
		}
		*q.given = cmp.Or(answer, q.none)
	}
	return d.create()
}

// create makes a new service and a target for it.
func (d *deployment) create() error {
	cluster, err := chooseCluster(d.env, d.command.NewServiceCluster, "--new-service-cluster")
	if err != nil {
		return err
	}
	if d.cluster, err = d.connect(d.env, cluster); err != nil {
		return err
	}
	name := d.command.NewService
	if name == "" {
		name = serviceName(filepath.Base(d.dir))
	}
	d.notef("Creating service %s in cluster %s", name, cluster)
	err = d.cluster.try(func(ctx context.Context) error {
		var err error
		d.project, err = d.cluster.AddProject(ctx, name, d.command.Alias, servicedef.Empty().Config())
		return err
	})
	if err != nil {
		return err
	}
	d.target = graphcoolrc.Target{Name: d.newTargetName(), Cluster: cluster, Project: d.project.ID}
	return d.env.SaveTarget(d.target, d.command.Default)
}

// newTargetName is the flag's, or dev with the first number that is free.
func (d *deployment) newTargetName() string {
	if name := d.command.Target; name != "" && !strings.Contains(name, "/") {
		return name
	}
	taken := map[string]bool{}
	for _, t := range d.env.Targets() {
		taken[t.Name] = true
	}
	name := "dev"
	for n := 2; taken[name]; n++ {
		name = fmt.Sprintf("dev-%d", n)
	}
	return name
}

var (
	notInNames = regexp.MustCompile(`[^a-zA-Z0-9\-_ ]+`)
	notFirst   = regexp.MustCompile(`^[^a-zA-Z]+`)
)

// serviceName makes the name of a folder fit for a service (platform §1.6).
func serviceName(folder string) string {
	name := notFirst.ReplaceAllString(notInNames.ReplaceAllString(folder, "-"), "")
	if len(name) > 64 {
		name = name[:64]
	}
	if name = strings.Trim(name, "- "); name == "" {
		return "service"
	}
	return name
}

// push sends the definition and shows what came of it.
func (d *deployment) push(definition bundledService) error {
	began := d.Now()
	d.pushed = definition.Definition
	d.notef("Deploying service %s to %s%s", d.project.Name, d.target, named(d.target.Name))
	sent, err := d.upload(definition)
	if err != nil {
		return err
	}
	var outcome systemapi.Outcome
	err = d.during("deploying", func() error {
		return d.cluster.try(func(ctx context.Context) error {
			var err error
			outcome, err = d.cluster.Push(ctx, d.project.ID, sent.Config(), d.command.DryRun, d.command.Force)
			return err
		})
	})
	if err != nil {
		return err
	}
	if d.command.JSON {
		err = d.printOutcomeJSON(outcome)
	} else {
		d.printOutcome(outcome, d.Now().Sub(began))
	}
	if err == nil && len(outcome.Errors) > 0 {
		err = errReported
	}
	return err
}

func named(target string) string {
	if target == "" {
		return ""
	}
	return " (target " + target + ")"
}

func (d *deployment) printOutcome(outcome systemapi.Outcome, took time.Duration) {
	switch {
	case len(outcome.Errors) > 0:
		d.printf("\nThere are issues with the new service definition:\n")
		d.printErrors(d.placed(outcome.Errors))
		if strings.Contains(outcome.Errors[0].Description, "destructive changes") {
			d.printf("\nIf you are sure that these data may go, deploy again with --force.\n")
		}
	case len(outcome.Messages) == 0 && d.command.DryRun:
		d.printf("\nThe local and the deployed definition are identical.\n")
	case len(outcome.Messages) == 0:
		d.printf("\nEverything up-to-date.\n")
	case d.command.DryRun:
		d.printf("\nA deploy would make these changes:\n")
		d.printMessages(outcome.Messages)
		d.printSteps(outcome.Steps)
	default:
		d.printf("\nDeployed in %.1f s. These changes were made:\n", took.Seconds())
		d.printMessages(outcome.Messages)
	}
	for _, w := range outcome.Warnings {
		d.printf("\n%s %s\n", d.paint("33", "Warning:"), w)
	}
	if len(outcome.Errors) == 0 {
		d.printExposure(outcome.Exposure)
	}
	if d.command.DryRun {
		return
	}
	d.printf("\n")
	for _, endpoint := range endpoints(d.cluster.cluster.Host, d.project.ID)[:3] {
		d.printf("%-18s %s\n", endpoint[0]+":", endpoint[1])
	}
}

// placed is an error with the place in a file that it is about, if there is one.
type placed struct {
	systemapi.SchemaError
	Place   *spot `json:"place,omitempty"`
	excerpt string
}

func (d *deployment) placed(all []systemapi.SchemaError) []placed {
	out := []placed{}
	for _, e := range all {
		field := ""
		if e.Field != nil {
			field = *e.Field
		}
		one := placed{SchemaError: e}
		if p, ok := d.pushed.Locate(e.Type, field, e.Description); ok {
			one.Place, one.excerpt = &spot{File: p.File, Line: p.At.Line, Column: p.At.Column}, p.Excerpt
		}
		out = append(out, one)
	}
	return out
}

func (d *deployment) printOutcomeJSON(outcome systemapi.Outcome) error {
	return d.printJSON(map[string]any{
		"target":            d.target.Name,
		"cluster":           d.target.Cluster,
		"project":           described(d.project),
		"dryRun":            d.command.DryRun,
		"migrationMessages": list(outcome.Messages),
		"errors":            d.placed(outcome.Errors),
		"warnings":          list(outcome.Warnings),
		"steps":             list(outcome.Steps),
		"exposure":          map[string]any{"now": list(outcome.Exposure.Now), "added": list(outcome.Exposure.Added), "removed": list(outcome.Exposure.Removed)},
		"endpoints":         addresses(d.cluster.cluster.Host, d.project.ID),
	})
}

// list makes an empty list of none, so that JSON never says null.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}
