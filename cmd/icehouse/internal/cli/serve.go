package cli

import (
	"context"
	"fmt"
	"log/slog"

	"icehouse/cmd/icehouse/internal/config"
	"icehouse/cmd/icehouse/internal/graphcoolrc"
	"icehouse/cmd/icehouse/internal/rungroup"
	"icehouse/cmd/icehouse/internal/server"
	"icehouse/cmd/icehouse/internal/systemapi"
)

type serveCommand struct {
	Role config.Role `envvar:"ICEHOUSE_ROLE" default:"all" help:"control, data, worker or all."`
	config.Config
}

func (c *serveCommand) Run(s *session) error {
	c.Config.Role = c.Role
	return s.serve(c.Config, func(_ context.Context, srv *server.Server, log *slog.Logger) {
		log.Info("ready", "role", string(c.Role), "api", srv.URL())
	})
}

type devCommand struct {
	Announce string `hidden:"" enum:"local,none" default:"local" help:"none: the command line is not told of this server."`
	config.Config
}

func (c *devCommand) Run(s *session) error {
	c.Role, c.Dev = config.All, true
	began := s.Now()
	return s.serve(c.Config, func(ctx context.Context, srv *server.Server, log *slog.Logger) {
		if c.Announce == localCluster {
			// Whoever cannot write the home directory can still connect by hand.
			if err := s.announce(ctx, srv); err != nil {
				log.Warn("the command line will not find this server by itself", "error", err)
			}
		}
		s.printf("Icehouse is ready after %.1f s. Stop it with Ctrl-C.\n\n", s.Now().Sub(began).Seconds())
		s.printf("  Data API    %s/simple/v1/<service>\n", srv.URL())
		s.printf("  System API  %s/system\n", srv.URL())
		s.printf("  Functions   %s\n", srv.FunctionsURL())
		s.printf("  Data        %s\n\n", srv.DataDir())
		s.printf("Next, in another terminal:\n\n")
		s.printf("  %s init blog && cd blog\n", s.Program)
		s.printf("  %s deploy\n\n", s.Program)
	})
}

// announce makes this server the cluster local, for the command line, and the default
// cluster if there is none: the original command line asks that one before it has looked
// at a target.
func (s *session) announce(ctx context.Context, srv *server.Server) error {
	api := systemapi.Client{Host: srv.URL(), HTTP: systemapi.NewHTTP()}
	defer api.HTTP.CloseIdleConnections()
	token, err := api.Authenticate(ctx, srv.MasterToken())
	if err != nil {
		return err
	}
	env, err := graphcoolrc.Load("", s.Home, s.sources())
	if err != nil {
		return err
	}
	return env.SaveCluster(graphcoolrc.Cluster{
		Name: localCluster, Host: srv.URL(), FaaSHost: srv.FunctionsURL(), Secret: token,
	}, true)
}

// serve runs a server until a signal stops it.
func (s *session) serve(c config.Config, ready func(context.Context, *server.Server, *slog.Logger)) error {
	complete, err := c.Complete(s.Dir)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(s.Stderr, nil))
	stop, force, release := rungroup.Interrupts(s.ctx, s.Signals)
	defer release()
	srv, err := server.New(stop, complete, log)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(stop, force) }()
	ready(stop, srv, log)
	return <-ended
}
