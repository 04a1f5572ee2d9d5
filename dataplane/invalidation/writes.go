package invalidation

import (
	"context"
	"log/slog"
	"time"

	"icehouse/dataplane/connector/queue"
	"icehouse/tenancy"
)

// written is the channel on which processes tell which projects they write to, for those
// that read from a database that follows (database.Reader). A message is the project's
// id, under that topic.
var written = queue.Channel{Name: "project-written"}

// tellTime is how long a writer waits until others can know. Without a queue they read
// what may be moments old.
const tellTime = 250 * time.Millisecond

// Written tells of a write that is done.
func (a *Announcer) Written(project tenancy.ProjectID) {
	ctx, cancel := context.WithTimeout(a.ctx, tellTime)
	defer cancel()
	if err := a.queue.Publish(ctx, written, queue.Message{Topic: string(project), Body: []byte(project)}); err != nil {
		a.log.Debug("a write is not told of", "project", project, "error", err)
	}
}

// WatchWrites calls wrote for each project that another process, or this one, tells of.
// It must be quick.
func WatchWrites(q *queue.Queue, log *slog.Logger, wrote func(tenancy.ProjectID)) (stop func(), err error) {
	return q.Subscribe(written, queue.All, queue.Subscriber{
		Receive:  func(m queue.Message) { told(m, written, log, wrote) },
		Watching: func(bool) {},
	})
}
