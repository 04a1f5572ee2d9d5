package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"icehouse/cmd/icehouse/internal/graphcoolrc"
	"icehouse/cmd/icehouse/internal/systemapi"
)

type infoCommand struct {
	Target string `short:"t" help:"The target to show."`
}

func (c *infoCommand) Run(s *session) error {
	conn, target, err := s.reach(c.Target)
	if err != nil {
		return err
	}
	project, err := conn.project(target)
	if err != nil {
		return err
	}
	rows := [][2]string{
		{"Service", project.Name}, {"ID", project.ID}, {"Cluster", target.Cluster}, {"Target", target.Name},
	}
	if project.Alias != nil {
		rows = append(rows, [2]string{"Alias", *project.Alias})
	}
	for _, row := range append(rows, endpoints(conn.cluster.Host, project.ID)...) {
		if row[1] != "" {
			s.printf("%-18s %s\n", row[0]+":", row[1])
		}
	}
	return nil
}

// project asks for the service of a target.
func (c *connection) project(t graphcoolrc.Target) (project systemapi.Project, err error) {
	err = c.try(func(ctx context.Context) error {
		project, err = c.Project(ctx, t.Project)
		return err
	})
	return project, err
}

type listCommand struct{}

func (*listCommand) Run(s *session) error {
	env, _, err := s.environment()
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(s.Stdout, 0, 0, 3, ' ', 0)
	row := func(cells ...string) { _, _ = fmt.Fprintln(table, strings.Join(cells, "\t")) }
	row("CLUSTER", "SERVICE", "ID", "ALIAS", "TARGETS")
	clusters := env.Clusters()
	if len(clusters) == 0 {
		clusters = []graphcoolrc.Cluster{{Name: localCluster}}
	}
	failed := false
	for _, cluster := range clusters {
		projects, err := s.projectsOf(env, cluster.Name)
		if err != nil {
			s.errorf("cluster %s: %v", cluster.Name, err)
			failed = true
			continue
		}
		for _, p := range projects {
			alias := ""
			if p.Alias != nil {
				alias = *p.Alias
			}
			var targets []string
			for _, t := range env.Targets() {
				if t.Cluster == cluster.Name && (t.Project == p.ID || alias != "" && t.Project == alias) {
					targets = append(targets, t.Name)
				}
			}
			row(cluster.Name, p.Name, p.ID, alias, strings.Join(targets, ", "))
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if failed {
		return errReported
	}
	return nil
}

func (s *session) projectsOf(env *graphcoolrc.Environment, cluster string) (projects []systemapi.Project, err error) {
	conn, err := s.connect(env, cluster)
	if err != nil {
		return nil, err
	}
	err = conn.try(func(ctx context.Context) error {
		projects, err = conn.Projects(ctx)
		return err
	})
	return projects, err
}

type rootTokenCommand struct {
	Name   string `arg:"" optional:"" help:"The token to print; without it the names of all are printed."`
	Target string `short:"t" help:"The target whose token it is."`
}

func (c *rootTokenCommand) Run(s *session) error {
	conn, target, err := s.reach(c.Target)
	if err != nil {
		return err
	}
	var tokens []systemapi.RootToken
	err = conn.try(func(ctx context.Context) error {
		tokens, err = conn.RootTokens(ctx, target.Project)
		return err
	})
	if err != nil {
		return err
	}
	var names []string
	for _, token := range tokens {
		if token.Name == c.Name {
			s.printf("%s\n", token.Token)
			return nil
		}
		names = append(names, token.Name)
	}
	switch {
	case c.Name != "":
		return fmt.Errorf("there is no root token %q; there are: %s", c.Name, strings.Join(names, ", "))
	case len(names) == 0:
		s.notef("This service has no root tokens. Name some under rootTokens in graphcool.yml.")
	default:
		s.printf("%s\n", strings.Join(names, "\n"))
	}
	return nil
}

type resetCommand struct {
	Target string `short:"t" help:"The target whose data are deleted."`
	Force  bool   `short:"f" help:"Do not ask."`
}

// Run deletes all nodes and edges of a service; what it is made of stays.
func (c *resetCommand) Run(s *session) error {
	conn, target, project, err := s.confirmed(c.Target, c.Force, "Delete all data of service")
	if err != nil {
		return err
	}
	if err := conn.try(func(ctx context.Context) error { return conn.ResetData(ctx, project.ID) }); err != nil {
		return err
	}
	s.printf("Deleted all data of service %s (%s).\n", project.Name, target)
	return nil
}

type deleteCommand struct {
	Target string `short:"t" help:"The target whose service is deleted."`
	Force  bool   `short:"f" help:"Do not ask."`
}

func (c *deleteCommand) Run(s *session) error {
	conn, target, project, err := s.confirmed(c.Target, c.Force, "Delete with all its data service")
	if err != nil {
		return err
	}
	if err := conn.try(func(ctx context.Context) error { return conn.DeleteProject(ctx, project.ID) }); err != nil {
		return err
	}
	s.printf("Deleted service %s (%s).\n", project.Name, target)
	return conn.env.Forget(target)
}

// confirmed finds the service of a target and has its name typed, unless by force,
// before what can't be taken back.
func (s *session) confirmed(target string, force bool, what string) (*connection, graphcoolrc.Target, systemapi.Project, error) {
	conn, t, err := s.reach(target)
	if err != nil {
		return nil, t, systemapi.Project{}, err
	}
	project, err := conn.project(t)
	if err != nil || force {
		return conn, t, project, err
	}
	answer, err := s.ask(fmt.Sprintf("%s %s (%s)? Type its name to confirm: ", what, project.Name, t))
	if err == nil && answer != project.Name {
		err = errors.New("nothing was deleted")
	}
	return conn, t, project, err
}

// ask reads one line from the user.
func (s *session) ask(question string) (string, error) {
	_, _ = fmt.Fprint(s.Stderr, question)
	line, err := s.in.ReadString('\n')
	if err != nil && line == "" {
		return "", errors.New("nobody answers; give the flags instead")
	}
	return strings.TrimSpace(line), nil
}
