package connectors

import (
	"cmp"
	"context"
	"log/slog"

	"icehouse/cmd/icehouse/internal/config"
	"icehouse/cmd/icehouse/internal/rungroup"
	"icehouse/controlplane"
	"icehouse/controlplane/mail"
	"icehouse/controlplane/store"
	"icehouse/dataplane"
	"icehouse/dataplane/connector/queue"
	"icehouse/dataplane/connector/queue/memqueue"
	"icehouse/dataplane/connector/queue/rabbitqueue"
	"icehouse/dataplane/event"
	"icehouse/dataplane/invalidation"
	"icehouse/dataplane/outbox"
	"icehouse/tenancy"
	"icehouse/tenancy/authn"
	"icehouse/tenancy/directory"
	"icehouse/tenancy/functionlog"
	"icehouse/tenancy/meter"
	"icehouse/tenancy/quota"
	"icehouse/tenancy/secret"
)

// Open opens the products of a set-up and hangs the planes of its role on them.
func Open(ctx context.Context, c config.Config, a Addresses, log *slog.Logger, closers *rungroup.Closers) (*Planes, error) {
	p, err := openProducts(ctx, c, log, closers)
	if err != nil {
		return nil, err
	}
	planes := new(Planes)
	if c.Role.Has(config.Data) || c.Role.Has(config.Worker) {
		planes.FunctionLog = functionlog.New(p.store, functionlog.Options{Log: log})
		closers.Push("functions' logs", func() error { planes.FunctionLog.Close(); return nil })
	}
	if c.Role.Has(config.Worker) {
		planes.Relay = (&outbox.Worker{
			Placements: p.databases.placements,
			Open:       func(of tenancy.Placement) (outbox.Streams, error) { return p.databases.of(of) },
			Queue:      p.messages, Keep: c.EventRetention, Log: log,
		}).Run
	}
	functions, err := openFunctions(ctx, c, p.keys, closers)
	if err != nil {
		return nil, err
	}
	sender, err := openMail(c)
	if err != nil {
		return nil, err
	}
	// The directory and the rights are read from what the control plane stores, and
	// the control plane tells when that changes: this process at once, others
	// through the queue.
	var projects *directory.Directory
	var grants *authn.Cache
	forget := func(project tenancy.ProjectID) {
		projects.Invalidate(project)
		grants.Forget(project)
	}
	var plane *dataplane.DataPlane
	var subscriptions *dataplane.Subscriptions // nil: another role's
	changed := func(project tenancy.ProjectID) {
		forget(project)
		if subscriptions != nil {
			subscriptions.Changed(project)
		}
	}
	control, err := controlplane.New(controlplane.Config{
		Store: p.store, Databases: p.databases.of,
		CopyNodes: func(ctx context.Context, from, to tenancy.ProjectID) error { return plane.Copy(ctx, from, to) },
		Plan:      c.Plan,
		JWTSecret: c.JWTSecret, MasterToken: c.MasterToken,
		FunctionsURL: cmp.Or(a.Functions, a.API), // not used by a role that takes no uploads
		DataDir:      c.DataDir,
		Functions:    functions,
		Webhooks:     webhooks(c),
		OnRelease: func(project tenancy.ProjectID) {
			changed(project)
			p.announcer.Announce(project)
		},
		OnDue: p.due,
		Mail:  sender, MailLinks: c.MailLinks, SignUpClosed: c.SignUp == config.SignUpClosed, Proxies: c.Proxies,
		Logger: log,
	})
	if err != nil {
		return nil, err
	}
	closers.Push("mails", control.Close)
	projects = directory.New(control.Registry(), directory.Options{})
	closers.Push("directory", func() error { projects.Close(); return nil })
	grants = authn.NewCache(control.Grants())
	closers.Push("rights", func() error { grants.Close(); return nil })

	usage := meter.New(p.store, meter.Options{Log: log})
	plane = dataplane.New(dataplane.Config{
		Meter:       usage,
		Directory:   projects,
		Releases:    control.Registry(),
		Database:    p.databases.of,
		Tokens:      control.Tokens(),
		Grants:      grants,
		Quota:       quota.Limits{Rate: c.RequestRate, Burst: c.RequestBurst, Concurrent: c.Concurrent},
		Timeout:     c.Timeout,
		Proxies:     c.Proxies,
		Functions:   functions,
		Reach:       reach(c, a),
		FunctionLog: functionLog(planes),
		Log:         log,
	})
	if c.Role.Has(config.Data) {
		subscriptions = plane.Subscribe(p.messages)
		closers.Push("subscriptions", func() error { subscriptions.Close(); return nil })
	}
	unwatch, err := invalidation.Watch(p.messages, log, changed, func(all bool) {
		projects.Watch(all)
		if all && subscriptions != nil {
			subscriptions.CheckAll()
		}
	})
	if err != nil {
		return nil, err
	}
	closers.Push("invalidation", func() error { unwatch(); return nil })
	if c.Role.Has(config.Control) {
		if err := sealOlder(ctx, c, p.store, log); err != nil {
			return nil, err
		}
		if err := control.Start(ctx); err != nil {
			return nil, err
		}
		planes.System, planes.Functions, planes.Tidy = control.SystemHandler(), control.FunctionsHandler(), control.Tidy
	}
	if c.Role.Has(config.Data) || c.Role.Has(config.Worker) {
		planes.Count = usage.Run
	}
	if c.Role.Has(config.Worker) {
		planes.Handle = func(ctx context.Context) { plane.TellFunctions(ctx, p.messages, p.databases.placements) }
	}
	if c.Role.Has(config.Data) {
		planes.Data = plane.Handler()
		planes.Subscriptions, planes.EndSubscriptions = subscriptions.Handler(), subscriptions.Stop
	}
	return planes, nil
}

// products are what processes of every kind work with.
type products struct {
	store     store.Store
	keys      secret.Keyring // that seal what the store has of services
	messages  *queue.Queue
	announcer *invalidation.Announcer
	events    *outbox.Announcer
	databases *databases
}

// due tells all who tell functions of events that some wait.
func (p *products) due(of tenancy.Placement) {
	ctx, cancel := context.WithTimeout(context.Background(), queue.PublishTimeout)
	defer cancel()
	_ = p.messages.Publish(ctx, event.Due, queue.Message{Topic: string(of)}) // else they find it by themselves
}

func openProducts(ctx context.Context, c config.Config, log *slog.Logger, closers *rungroup.Closers) (p products, err error) {
	if p.store, p.keys, err = openStore(ctx, c, closers); err != nil {
		return p, err
	}
	if p.messages, p.announcer, err = openMessages(c, log, closers); err != nil {
		return p, err
	}
	p.events = outbox.NewAnnouncer(p.messages, log)
	closers.Push("events", func() error { p.events.Close(); return nil })
	p.databases, err = openDatabases(ctx, c, p, log, closers)
	return p, err
}

// openMail is the way of mails; nil where none is sent.
func openMail(c config.Config) (mail.Sender, error) {
	if c.SMTPURL == "" || !c.Role.Has(config.Control) {
		return nil, nil
	}
	return mail.NewSMTP(c.SMTPURL, c.MailFrom, nil)
}

// openMessages opens what carries messages between processes.
func openMessages(c config.Config, log *slog.Logger, closers *rungroup.Closers) (*queue.Queue, *invalidation.Announcer, error) {
	var q *queue.Queue
	var err error
	if c.QueueURL == config.MemoryQueue {
		if c.Role != config.All {
			log.Info("without a queue this process asks the database for changes of projects")
		}
		q, err = memqueue.Open(log)
	} else {
		q, err = rabbitqueue.Open(rabbitqueue.Config{URL: c.QueueURL, Log: log})
	}
	if err != nil {
		return nil, nil, err
	}
	closers.Push("queue", q.Close)
	announcer := invalidation.NewAnnouncer(q, log)
	closers.Push("announcer", func() error { announcer.Close(); return nil })
	return q, announcer, nil
}
