package cli

import (
	"cmp"
	"errors"
	"log/slog"
	"net/url"
	"strconv"

	"icehouse/cmd/icehouse/internal/config"
	"icehouse/cmd/icehouse/internal/connectors"
	"icehouse/cmd/icehouse/internal/rungroup"
	"icehouse/controlplane/placement"
	"icehouse/controlplane/store"
	"icehouse/tenancy"
)

// adminCommand is for operators. Its commands work on the platform's database, beside
// the servers, and are run with a server's environment.
type adminCommand struct {
	Placement placementCommand `cmd:"" help:"Say which databases hold projects, and move projects between them."`
	Secrets   secretsCommand   `cmd:"" help:"Keys that seal what services are deployed with."`
}

type placementCommand struct {
	List   placementListCommand   `cmd:"" help:"List the databases, and how many projects each holds."`
	Add    placementAddCommand    `cmd:"" help:"Let a PostgreSQL database hold projects."`
	Set    placementSetCommand    `cmd:"" help:"Change what is known of a database."`
	Remove placementRemoveCommand `cmd:"" help:"Forget a closed database that holds no project."`
	Move   placementMoveCommand   `cmd:"" help:"Move a project to another database while it serves."`
}

// operator says where the platform is.
type operator struct {
	DatabaseURL string `envvar:"DATABASE_URL" help:"postgres://... of the platform."`
	QueueURL    string `envvar:"QUEUE_URL,GLOBAL_RABBIT_URI,RABBITMQ_URI" default:"memory" help:"amqp://... of the servers, to tell them."`
	keys
}

// keys say where the keys of the platform are.
type keys struct {
	SecretKeyFile string `envvar:"ICEHOUSE_SECRET_KEY_FILE" help:"File with the keys of the servers."`
	KMSKey        string `envvar:"ICEHOUSE_KMS_KEY" name:"kms-key" help:"Key of AWS KMS that the servers use."`
}

func (o operator) config() config.Config {
	return config.Config{DatabaseURL: o.DatabaseURL, QueueURL: o.QueueURL, SecretKeyFile: o.SecretKeyFile, KMSKey: o.KMSKey}
}

// do opens the platform for a command.
func (o operator) do(s *session, do func(*placement.Service) error) (err error) {
	c, err := o.config().CompleteForOperator(s.Dir)
	if err != nil {
		return err
	}
	var closers rungroup.Closers
	defer func() { err = errors.Join(err, closers.Close()) }()
	service, err := connectors.Operate(s.ctx, c, slog.New(slog.NewTextHandler(s.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})), &closers)
	if err != nil {
		return err
	}
	return do(service)
}

// shownPlacement is a placement without secrets.
type shownPlacement struct {
	Name     string `json:"name"`
	Region   string `json:"region"`
	URL      string `json:"url,omitempty"`
	Reader   string `json:"readerUrl,omitempty"`
	Projects int64  `json:"projects"`
	Capacity int64  `json:"capacity"`
	Open     bool   `json:"open"`
}

func shown(p store.Placement) shownPlacement {
	return shownPlacement{string(p.Name), p.Region, redacted(p.URL), redacted(p.ReaderURL), p.Projects, p.Capacity, p.Open}
}

func redacted(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "not a URL"
	}
	return u.Redacted()
}

type placementListCommand struct {
	operator
	output
}

func (c *placementListCommand) Run(s *session) error {
	return c.do(s, func(placements *placement.Service) error {
		all, err := placements.List(s.ctx)
		if err != nil {
			return err
		}
		out := make([]shownPlacement, len(all))
		for i, p := range all {
			out[i] = shown(p)
		}
		return c.show(s, out, func() { s.printPlacements(out) })
	})
}

func (s *session) printPlacements(all []shownPlacement) {
	rows := make([][]string, len(all))
	for i, p := range all {
		open := "yes"
		if !p.Open {
			open = "no"
		}
		where := cmp.Or(p.URL, "the platform's own")
		if p.Reader != "" {
			where += ", read from " + p.Reader
		}
		rows[i] = []string{p.Name, p.Region, strconv.FormatInt(p.Projects, 10), strconv.FormatInt(p.Capacity, 10), open, where}
	}
	s.table([]string{"NAME", "REGION", "PROJECTS", "CAPACITY", "NEW PROJECTS", "DATABASE"}, rows)
}

type placementAddCommand struct {
	operator
	output
	Name      string `arg:"" help:"Its name: lower-case letters, digits and -."`
	URL       string `required:"" name:"url" placeholder:"URL" help:"postgres://...; every server has to reach it. With auth=aws-iam no password is kept, nor when it is in each server's PGPASSFILE."`
	ReaderURL string `name:"reader-url" placeholder:"URL" help:"postgres://... that follows it, to read from."`
	Region    string `default:"EU_WEST_1" help:"EU_WEST_1, US_WEST_2 or AP_NORTHEAST_1."`
	Capacity  int64  `default:"10000" help:"How many projects fill it."`
	Closed    bool   `help:"No new projects come; some may be moved there."`
}

func (c *placementAddCommand) Run(s *session) error {
	return c.do(s, func(placements *placement.Service) error {
		p := store.Placement{Name: tenancy.Placement(c.Name), Region: c.Region, URL: c.URL, ReaderURL: c.ReaderURL, Capacity: c.Capacity, Open: !c.Closed}
		if err := connectors.Try(s.ctx, c.config(), p); err != nil {
			return err
		}
		if err := placements.Add(s.ctx, p); err != nil {
			return err
		}
		return c.show(s, shown(p), func() { s.printf("Projects can be in %s.\n", c.Name) })
	})
}

type placementSetCommand struct {
	operator
	output
	Name      string  `arg:"" help:"Its name."`
	URL       *string `name:"url" placeholder:"URL" help:"postgres://... where the same database is now. Servers go there when they are started anew."`
	ReaderURL *string `name:"reader-url" placeholder:"URL" help:"postgres://... that follows it; empty for none."`
	Region    *string `help:"EU_WEST_1, US_WEST_2 or AP_NORTHEAST_1."`
	Capacity  *int64  `help:"How many projects fill it."`
	Open      bool    `xor:"open" help:"New projects may come."`
	Closed    bool    `xor:"open" help:"No new projects come."`
}

func (c *placementSetCommand) Run(s *session) error {
	return c.do(s, func(placements *placement.Service) error {
		p, err := placements.Change(s.ctx, tenancy.Placement(c.Name), func(p *store.Placement) {
			set(&p.URL, c.URL)
			set(&p.ReaderURL, c.ReaderURL)
			set(&p.Region, c.Region)
			set(&p.Capacity, c.Capacity)
			p.Open = (p.Open || c.Open) && !c.Closed
		})
		if err != nil {
			return err
		}
		return c.show(s, shown(p), func() { s.printf("%s is changed.\n", c.Name) })
	})
}

func set[T any](to, value *T) {
	if value != nil {
		*to = *value
	}
}

type placementRemoveCommand struct {
	operator
	output
	Name string `arg:"" help:"Its name."`
}

func (c *placementRemoveCommand) Run(s *session) error {
	return c.do(s, func(placements *placement.Service) error {
		if err := placements.Remove(s.ctx, tenancy.Placement(c.Name)); err != nil {
			return err
		}
		return c.show(s, map[string]string{"removed": c.Name}, func() { s.printf("%s is forgotten. The database itself is untouched.\n", c.Name) })
	})
}

type placementMoveCommand struct {
	operator
	output
	Project string `arg:"" help:"Its id or alias."`
	To      string `arg:"" optional:"" help:"A placement; without one the least full of the others."`
}

func (c *placementMoveCommand) Run(s *session) error {
	return c.do(s, func(placements *placement.Service) error {
		ctx, _, release := rungroup.Interrupts(s.ctx, s.Signals)
		defer release()
		at, err := placements.Move(ctx, c.Project, tenancy.Placement(c.To), func(step string) { s.notef("%s", step) })
		if err != nil {
			return err
		}
		return c.show(s, map[string]string{"project": c.Project, "placement": string(at)}, func() { s.printf("%s is at %s.\n", c.Project, at) })
	})
}
