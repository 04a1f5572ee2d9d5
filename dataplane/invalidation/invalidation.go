// Package invalidation tells every process when a project changes (platform §6.3).
//
// In: the ids of projects that changed, on one side. Out: the same ids on the
// other sides, and whether some may be missing. Callers: cmd, which hangs it
// between the control plane's OnRelease and the directory.
//
// The message is the project's id as plain text under the topic of that id, on the
// channel project-schema-invalidation. It needs no revision: whoever gets it asks
// the store, which has the change already.
package invalidation

import (
	"context"
	"log/slog"
	"time"

	"icehouse/dataplane/connector/queue"
	"icehouse/tenancy"
	"icehouse/tenancy/directory"
	"icehouse/tenancy/isolation"
)

var channel = queue.Channel{Name: "project-schema-invalidation", Durable: true}

// Announcer tells of changes.
type Announcer struct {
	queue *queue.Queue
	log   *slog.Logger
	ctx   context.Context
	end   context.CancelFunc
}

// NewAnnouncer makes an announcer.
func NewAnnouncer(q *queue.Queue, log *slog.Logger) *Announcer {
	a := &Announcer{queue: q, log: log}
	a.ctx, a.end = context.WithCancel(context.Background())
	return a
}

// Announce tells of a change that is stored. It returns when no process serves
// what was before for longer than it takes to deliver a message: because the queue
// has taken it, or, when the queue can't be reached, because every directory's
// lease has run out.
func (a *Announcer) Announce(project tenancy.ProjectID) {
	began := time.Now()
	err := a.queue.Publish(a.ctx, channel, queue.Message{Topic: string(project), Body: []byte(project)})
	if err == nil || a.ctx.Err() != nil {
		return
	}
	left := directory.Lease - time.Since(began)
	a.log.Warn("a change of a project can't be told; waiting until every process asks for it", "project", project, "wait", left, "error", err)
	select {
	case <-time.After(left):
	case <-a.ctx.Done():
	}
}

// Close ends all waiting.
func (a *Announcer) Close() { a.end() }

// Watch calls changed for each change that another process, or this one, tells of.
// It calls watching with true when from now on each change of every process is
// told, and with false when some may not be. Both must be quick. A message that is
// no project's id is logged and dropped.
func Watch(q *queue.Queue, log *slog.Logger, changed func(tenancy.ProjectID), watching func(bool)) (stop func(), err error) {
	shared := q.Features().Shared
	return q.Subscribe(channel, queue.All, queue.Subscriber{
		Receive: func(m queue.Message) { told(m, channel, log, changed) },
		// A queue of this process alone can't tell of what others do.
		Watching: func(all bool) { watching(all && shared) },
	})
}

// told hands on the project that a message names.
func told(m queue.Message, c queue.Channel, log *slog.Logger, of func(tenancy.ProjectID)) {
	project := tenancy.ProjectID(m.Body)
	if _, err := isolation.ForProject(project, tenancy.DefaultPlacement); err != nil {
		log.Warn("a message is dropped", "channel", c.Name, "topic", m.Topic, "error", err)
		return
	}
	of(project)
}
