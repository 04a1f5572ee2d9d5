package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"icehouse/cmd/icehouse/internal/graphcoolrc"
	"icehouse/cmd/icehouse/internal/systemapi"
)

type infoCommand struct {
	Target        string `short:"t" help:"The target to show."`
	WebhookSecret bool   `help:"Print only the secret that signs what its webhooks are sent."`
	output
}

func (c *infoCommand) Run(s *session) error {
	conn, target, project, err := s.service(c.Target)
	if err != nil {
		return err
	}
	if c.WebhookSecret {
		var secret string
		if err := conn.try(func(ctx context.Context) error {
			secret, err = conn.WebhookSecret(ctx, project.ID)
			return err
		}); err != nil {
			return err
		}
		return c.show(s, map[string]string{"webhookSecret": secret}, func() { s.printf("%s\n", secret) })
	}
	return c.show(s, map[string]any{
		"project": described(project), "cluster": target.Cluster, "target": target.Name, "region": project.Region,
		"endpoints": addresses(conn.cluster.Host, project.ID),
	}, func() {
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
	})
}

// project asks for the service of a target.
func (c *connection) project(t graphcoolrc.Target) (project systemapi.Project, err error) {
	err = c.try(func(ctx context.Context) error {
		project, err = c.Project(ctx, t.Project)
		return err
	})
	return project, err
}

type listCommand struct{ output }

// deployed is a service of a cluster, with the targets that lead to it.
type deployed struct {
	Cluster string   `json:"cluster"`
	Name    string   `json:"name"`
	ID      string   `json:"id"`
	Alias   *string  `json:"alias"`
	Targets []string `json:"targets"`
}

func (c *listCommand) Run(s *session) error {
	env, _, err := s.environment()
	if err != nil {
		return err
	}
	clusters := env.Clusters()
	if len(clusters) == 0 {
		clusters = []graphcoolrc.Cluster{{Name: localCluster}}
	}
	all, failed := []deployed{}, false
	for _, cluster := range clusters {
		projects, err := s.projectsOf(env, cluster.Name)
		if err != nil {
			s.errorf("cluster %s: %v", cluster.Name, err)
			failed = true
			continue
		}
		for _, p := range projects {
			d := deployed{Cluster: cluster.Name, Name: p.Name, ID: p.ID, Alias: p.Alias, Targets: []string{}}
			for _, t := range env.Targets() {
				if t.Cluster == cluster.Name && (t.Project == p.ID || p.Alias != nil && t.Project == *p.Alias) {
					d.Targets = append(d.Targets, t.Name)
				}
			}
			all = append(all, d)
		}
	}
	err = c.show(s, all, func() {
		var rows [][]string
		for _, d := range all {
			alias := ""
			if d.Alias != nil {
				alias = *d.Alias
			}
			rows = append(rows, []string{d.Cluster, d.Name, d.ID, alias, strings.Join(d.Targets, ", ")})
		}
		s.table([]string{"CLUSTER", "SERVICE", "ID", "ALIAS", "TARGETS"}, rows)
	})
	if err == nil && failed {
		err = errReported
	}
	return err
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
	output
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
			return c.show(s, map[string]string{"name": token.Name, "token": token.Token}, func() { s.printf("%s\n", token.Token) })
		}
		names = append(names, token.Name)
	}
	if c.Name != "" {
		return fmt.Errorf("there is no root token %q; there are: %s", c.Name, strings.Join(names, ", "))
	}
	return c.show(s, list(names), func() {
		if len(names) == 0 {
			s.notef("This service has no root tokens. Name some under rootTokens in graphcool.yml.")
			return
		}
		s.printf("%s\n", strings.Join(names, "\n"))
	})
}

type resetCommand struct {
	Target string `short:"t" help:"The target whose data are deleted."`
	Force  bool   `short:"f" help:"Do not ask."`
	output
}

// Run deletes all nodes and edges of a service; what it is made of stays.
func (c *resetCommand) Run(s *session) error {
	conn, target, project, err := s.confirmed(c.Target, c.Force, "Delete all data of service")
	if err != nil {
		return err
	}
	err = s.during("deleting its data", func() error {
		return conn.try(func(ctx context.Context) error { return conn.ResetData(ctx, project.ID) })
	})
	if err != nil {
		return err
	}
	return c.show(s, map[string]any{"reset": described(project)}, func() {
		s.printf("Deleted all data of service %s (%s).\n", project.Name, target)
	})
}

type deleteCommand struct {
	Target string `short:"t" help:"The target whose service is deleted."`
	Force  bool   `short:"f" help:"Do not ask."`
	output
}

func (c *deleteCommand) Run(s *session) error {
	conn, target, project, err := s.confirmed(c.Target, c.Force, "Delete with all its data service")
	if err != nil {
		return err
	}
	err = s.during("deleting it", func() error {
		return conn.try(func(ctx context.Context) error { return conn.DeleteProject(ctx, project.ID) })
	})
	if err != nil {
		return err
	}
	if err := conn.env.Forget(target); err != nil {
		return err
	}
	return c.show(s, map[string]any{"deleted": described(project)}, func() {
		s.printf("Deleted service %s (%s).\n", project.Name, target)
	})
}

// confirmed finds the service of a target and has its name typed, unless by force,
// before what can't be taken back.
func (s *session) confirmed(target string, force bool, what string) (*connection, graphcoolrc.Target, systemapi.Project, error) {
	conn, t, project, err := s.service(target)
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
	s.prompt(question)
	line, err := s.in.ReadString('\n')
	if err != nil && line == "" {
		return "", errors.New("nobody answers; give the flags instead")
	}
	return strings.TrimSpace(line), nil
}

func (s *session) prompt(question string) { _, _ = fmt.Fprint(s.Stderr, question) }
