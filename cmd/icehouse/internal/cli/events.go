package cli

import (
	"context"
	"errors"

	"icehouse/cmd/icehouse/internal/systemapi"
)

type eventsCommand struct {
	Dead   eventsDeadCommand   `cmd:"" help:"Show the events that functions failed at for the last time. They are kept for 14 days."`
	Replay eventsReplayCommand `cmd:"" help:"Tell functions again of events that they failed at."`
}

type eventsDeadCommand struct {
	Target   string `short:"t" help:"The target whose events are shown."`
	Function string `short:"f" placeholder:"NAME" help:"Only what this function failed at."`
	output
}

// Run shows dead events, the oldest first.
func (c *eventsDeadCommand) Run(s *session) error {
	conn, _, project, err := s.service(c.Target)
	if err != nil {
		return err
	}
	shown := []systemapi.DeadEvent{}
	err = conn.try(func(ctx context.Context) error {
		if c.Function != "" {
			functions, err := conn.Functions(ctx, project.ID)
			if err != nil {
				return err
			}
			if _, err := functionNamed(functions, c.Function); err != nil {
				return err
			}
		}
		all, err := conn.DeadEvents(ctx, project.ID)
		for _, e := range all {
			if c.Function == "" || e.Function == c.Function {
				shown = append(shown, e)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	return c.show(s, shown, func() {
		if len(shown) == 0 {
			s.printf("No function of service %s has failed at an event.\n", project.Name)
		}
		for _, e := range shown {
			s.printf("%s %s %s %s %s %s (%d): %s\n", s.paint("36", e.HappenedAt.UTC().Format("2006-01-02T15:04:05.000Z")), s.bold(e.ID), e.Function, s.paint("34", e.Mutation), e.Model, e.Node, e.Attempts, e.Error)
		}
	})
}

type eventsReplayCommand struct {
	IDs      []string `arg:"" optional:"" name:"id" help:"The ids of events, as \"icehouse events dead\" shows them."`
	Target   string   `short:"t" help:"The target whose functions are told."`
	Function string   `short:"f" placeholder:"NAME" help:"All that this function failed at."`
	All      bool     `help:"All that any function failed at."`
	output
}

// Run tells functions again.
func (c *eventsReplayCommand) Run(s *session) error {
	given := 0
	for _, is := range []bool{len(c.IDs) > 0, c.Function != "", c.All} {
		if is {
			given++
		}
	}
	if given != 1 {
		return errors.New("say which events: their ids, --function NAME or --all")
	}
	conn, _, project, err := s.service(c.Target)
	if err != nil {
		return err
	}
	count := 0
	if err := conn.try(func(ctx context.Context) (err error) {
		count, err = conn.ReplayEvents(ctx, project.ID, c.Function, c.IDs)
		return err
	}); err != nil {
		return err
	}
	return c.show(s, map[string]int{"count": count}, func() {
		switch {
		case count == 1:
			s.printf("1 event is told again.\n")
		default:
			s.printf("%d events are told again.\n", count)
		}
	})
}
