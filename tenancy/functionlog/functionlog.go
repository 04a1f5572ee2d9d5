// Package functionlog brings what functions log to where it is kept (platform §2.11).
//
// In: one Entry for each call of a function, from whoever ran it. Out: batches for a
// Store. Nobody who adds an entry waits for the Store: entries wait in memory, in
// bounded room, and the oldest go when it is full. Callers: the data plane and the
// workers add; cmd opens a Log over the platform's store, which the management API reads.
package functionlog

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"icehouse/tenancy"
)

// Entry is what one call of a function left.
type Entry struct {
	ID        string // a cuid; Add makes one when it is ""
	Project   tenancy.ProjectID
	Function  string // its id among the project's elements
	RequestID string // Add keeps what is behind the last colon
	Success   bool
	Duration  time.Duration
	At        time.Time // in whole milliseconds, which is how Add leaves it
	Message   []byte    // a JSON object, MaxMessage at most, which is how Add leaves it
}

// How much is kept of a function (platform §10).
const (
	Kept    = 1000 // entries
	KeptFor = 14 * 24 * time.Hour
)

// Store keeps entries. What it returns an error for is offered again; an entry that it
// has already changes nothing.
type Store interface {
	AddFunctionLogs(ctx context.Context, entries []Entry) error
}

// Options say how entries are handed over. Zero values take defaults.
type Options struct {
	Gather time.Duration // how long an entry waits for others; default 250 ms
	Limit  time.Duration // of one call of the Store, and of Close; default 5 s
	Pause  time.Duration // after the Store failed; default 1 s
	Room   int           // bytes that wait; default 32 MiB
	Log    *slog.Logger
}

func (o Options) withDefaults() Options {
	set := func(d *time.Duration, value time.Duration) {
		if *d <= 0 {
			*d = value
		}
	}
	set(&o.Gather, 250*time.Millisecond)
	set(&o.Limit, 5*time.Second)
	set(&o.Pause, time.Second)
	if o.Room <= 0 {
		o.Room = 32 << 20
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// The bounds of a batch.
const (
	batchEntries = 256
	batchBytes   = 4 << 20
)

// tellEvery is how often it is said, at most, that entries were dropped.
const tellEvery = 10 * time.Second

// Log takes entries. Its methods may be used from any goroutine.
type Log struct {
	store   Store
	options Options
	added   chan struct{} // holds one when entries wait
	closing chan struct{}
	done    chan struct{}
	end     sync.Once

	mu      sync.Mutex
	waiting []Entry // oldest first
	size    int     // of waiting
	dropped int
	untold  int // of dropped
	told    time.Time
	closed  bool
}

// New opens a log over a store. Close it.
func New(store Store, o Options) *Log {
	l := &Log{store: store, options: o.withDefaults(), added: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{})}
	go l.run()
	return l
}

// Add takes an entry, whose Message must not change any more. It never waits for the
// store. What is added to a closed log counts as dropped.
func (l *Log) Add(e Entry) {
	if e.ID == "" {
		e.ID = tenancy.NewID()
	}
	e.RequestID = e.RequestID[strings.LastIndexByte(e.RequestID, ':')+1:]
	e.At = e.At.UTC().Truncate(time.Millisecond)
	e.Message = fit(e.Message)
	l.mu.Lock()
	if l.closed {
		l.drop(1)
	} else {
		l.waiting = append(l.waiting, e)
		l.size += e.size()
		l.makeRoom()
	}
	l.mu.Unlock()
	select {
	case l.added <- struct{}{}:
	default:
	}
}

// Dropped is how many entries were never stored.
func (l *Log) Dropped() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dropped
}

// Close stores what waits, as far as Options.Limit lets it.
func (l *Log) Close() {
	l.end.Do(func() { close(l.closing) })
	<-l.done
}

// size is about what an entry takes in memory.
func (e *Entry) size() int { return len(e.Message) + len(e.RequestID) + 200 }

func (l *Log) drop(n int) {
	l.dropped += n
	l.untold += n
}

// makeRoom drops the oldest entries that there is no room for.
func (l *Log) makeRoom() {
	n := 0
	for l.size > l.options.Room && n < len(l.waiting) {
		l.size -= l.waiting[n].size()
		n++
	}
	clear(l.waiting[:n])
	l.waiting = l.waiting[n:]
	l.drop(n)
}

func (l *Log) run() {
	defer close(l.done)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { // a store that hangs may do so for Limit
		select {
		case <-l.closing:
			time.AfterFunc(l.options.Limit, cancel)
		case <-ctx.Done():
		}
	}()
	for {
		select {
		case <-l.added:
			select {
			case <-time.After(l.options.Gather):
			case <-l.closing:
			}
			l.flush(ctx)
		case <-l.closing:
			l.mu.Lock()
			l.closed = true
			l.mu.Unlock()
			l.flush(ctx)
			l.giveUp(ctx)
			return
		}
	}
}

// flush stores what waits, batch by batch, until nothing does or ctx ends.
func (l *Log) flush(ctx context.Context) {
	failing := false
	for ctx.Err() == nil {
		batch := l.take()
		if len(batch) == 0 {
			return
		}
		call, cancel := context.WithTimeout(ctx, l.options.Limit)
		err := l.store.AddFunctionLogs(call, batch)
		cancel()
		if err != nil {
			l.giveBack(batch)
			if !failing {
				l.options.Log.WarnContext(ctx, "what functions logged is not stored yet", "error", err)
			}
		}
		l.tell(ctx, tellEvery)
		if failing = err != nil; failing {
			select {
			case <-time.After(l.options.Pause):
			case <-ctx.Done():
			}
		}
	}
}

// take takes the oldest entries.
func (l *Log) take() []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, size := 0, 0
	for n < len(l.waiting) && n < batchEntries && size < batchBytes {
		size += l.waiting[n].size()
		n++
	}
	batch := append([]Entry(nil), l.waiting[:n]...)
	clear(l.waiting[:n])
	l.waiting, l.size = l.waiting[n:], l.size-size
	return batch
}

// giveBack lets entries wait again, before those that came meanwhile.
func (l *Log) giveBack(batch []Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range batch {
		l.size += batch[i].size()
	}
	l.waiting = append(batch, l.waiting...)
	l.makeRoom()
}

// tell says how many entries were dropped, unless it did a short time ago.
func (l *Log) tell(ctx context.Context, every time.Duration) {
	l.mu.Lock()
	n := l.untold
	if now := time.Now(); n == 0 || now.Sub(l.told) < every {
		n = 0
	} else {
		l.untold, l.told = 0, now
	}
	l.mu.Unlock()
	if n > 0 {
		l.options.Log.WarnContext(ctx, "what functions logged was dropped: the store takes it too slowly", "entries", n)
	}
}

// giveUp drops what could not be stored before the end.
func (l *Log) giveUp(ctx context.Context) {
	l.mu.Lock()
	l.drop(len(l.waiting))
	l.waiting, l.size = nil, 0
	l.mu.Unlock()
	l.tell(ctx, 0)
}
