//go:build unix

package nodefunc

import (
	"container/list"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"icehouse/dataplane/connector/function"
)

// maxWaiting is how many calls wait for a process.
const maxWaiting = 1000

// nestedPlaces is how many times PerProject a project may have when a call is one that a
// function waits for: those that wait take no time of a processor, and would keep each
// other waiting until the last has used up its time.
const nestedPlaces = 3

type driver struct {
	Options
	run    string // a folder that ends with the driver
	script string
	pool

	deploying map[string]chan struct{} // under mu; full while a project's turn is taken
	calls     sync.WaitGroup           // to the driver
	workers   sync.WaitGroup
	processes sync.WaitGroup
	stop      sync.Once
}

// pool is who has which process. Each process is of one set, and in it busy or idle.
type pool struct {
	starts  chan starting
	stopped chan struct{}

	mu       sync.Mutex
	closed   bool
	sets     map[key]*set
	all      map[*process]bool
	projects map[string]int // how many processes each has
	idle     list.List      // of *process, the one that was used longest ago first
	waiting  list.List      // of *waiter, who came first first
	victims  []*process     // to be ended once the lock is free
}

// set is the processes of one version.
type set struct {
	key
	record
	root    string // of the bundle
	idle    []*process
	count   int
	removed bool
	ended   chan struct{} // closed when it is removed and has no process
}

// waiter is a call without a process.
type waiter struct {
	set    *set
	nested bool
	got    chan *process // nil: there will be none
}

func newPool() pool {
	return pool{
		starts: make(chan starting), stopped: make(chan struct{}),
		sets: map[key]*set{}, all: map[*process]bool{}, projects: map[string]int{},
	}
}

// unlock frees the lock, and ends who had to go meanwhile.
func (d *driver) unlock() {
	victims := d.victims
	d.victims = nil
	d.mu.Unlock()
	for _, p := range victims {
		p.kill()
	}
}

func (d *driver) add(k key, r record) *set {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.sets[k]; s != nil {
		return s
	}
	s := &set{key: k, record: r, root: d.bundle(k.project, r.Bundle), ended: make(chan struct{})}
	d.sets[k] = s
	return s
}

// forget takes sets out of the pool and returns them. Calls that are under way go on.
func (d *driver) forget(which func(key) bool) []*set {
	d.mu.Lock()
	defer d.unlock()
	var out []*set
	for k, s := range d.sets {
		if !which(k) {
			continue
		}
		delete(d.sets, k)
		out = append(out, s)
		for _, p := range slices.Clone(s.idle) {
			d.evict(p)
		}
		if s.removed = true; s.count == 0 {
			close(s.ended)
		}
	}
	d.dismiss(func(w *waiter) bool { return w.set.removed })
	return out
}

// bundlesInUse are those of a project's processes.
func (d *driver) bundlesInUse(project string) map[string]bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := map[string]bool{}
	for p := range d.all {
		if p.set.project == project {
			out[p.set.Bundle] = true
		}
	}
	return out
}

// dismiss lets waiters go without a process.
func (d *driver) dismiss(which func(*waiter) bool) {
	for e := d.waiting.Front(); e != nil; {
		next := e.Next()
		if w := e.Value.(*waiter); which(w) {
			d.waiting.Remove(e)
			w.got <- nil
		}
		e = next
	}
}

// acquire gets a process of a set for one call: one that waits, else a new one. Where there
// are as many as there may be it waits for its turn.
func (d *driver) acquire(ctx context.Context, s *set, nested bool) (*process, error) {
	d.mu.Lock()
	p := d.grant(s, nested)
	if p == nil {
		switch {
		case d.closed:
			d.unlock()
			return nil, closing()
		case s.removed:
			d.unlock()
			return nil, notFound()
		case d.waiting.Len() >= maxWaiting:
			d.unlock()
			return nil, busy()
		}
		w := &waiter{s, nested, make(chan *process, 1)}
		place := d.waiting.PushBack(w)
		d.unlock()
		select {
		case p = <-w.got:
		case <-ctx.Done():
			d.mu.Lock()
			d.waiting.Remove(place)
			d.unlock()
			select {
			case p = <-w.got: // just before
			default:
				if errors.Is(ctx.Err(), context.DeadlineExceeded) {
					return nil, busy()
				}
				return nil, ctx.Err()
			}
		}
		if p == nil {
			d.mu.Lock()
			defer d.unlock()
			if d.closed {
				return nil, closing()
			}
			return nil, notFound()
		}
	} else {
		d.unlock()
	}
	if p.cmd == nil {
		if err := p.begin(); err != nil {
			d.leave(p)
			return nil, &function.Error{Kind: function.Unavailable, Text: "the function's process could not be started", Cause: err}
		}
	}
	return p, nil
}

func busy() error {
	return &function.Error{Kind: function.Busy, Text: "too many functions run at the same time"}
}

// grant returns a process if one may be had: an idle one, or the place for a new one. The
// process that was idle for longest makes place.
func (d *driver) grant(s *set, nested bool) *process {
	if d.closed || s.removed {
		return nil
	}
	if n := len(s.idle); n > 0 { // the last one: others may become old
		p := s.idle[n-1]
		d.unlist(p)
		return p
	}
	inVersion, inProject := d.PerVersion, d.PerProject
	if nested {
		inProject *= nestedPlaces
		inVersion = inProject
	}
	if s.count >= inVersion ||
		d.projects[s.project] >= inProject && !d.evictOne(func(p *process) bool { return p.set.project == s.project }) ||
		len(d.all) >= d.Processes && !d.evictOne(func(*process) bool { return true }) {
		return nil
	}
	p := &process{driver: d, set: s}
	d.all[p] = true
	s.count++
	d.projects[s.project]++
	return p
}

func (d *driver) evictOne(which func(*process) bool) bool {
	for e := d.idle.Front(); e != nil; e = e.Next() {
		if p := e.Value.(*process); which(p) {
			d.evict(p)
			return true
		}
	}
	return false
}

// evict ends an idle process. Its place is free at once.
func (d *driver) evict(p *process) {
	d.unlist(p)
	d.uncount(p)
	d.victims = append(d.victims, p)
}

// unlist takes an idle process out of the idle ones.
func (d *driver) unlist(p *process) {
	d.idle.Remove(p.place)
	p.place = nil
	p.set.idle = slices.DeleteFunc(p.set.idle, func(other *process) bool { return other == p })
}

func (d *driver) uncount(p *process) {
	if !d.all[p] {
		return
	}
	delete(d.all, p)
	s := p.set
	if s.count--; s.count == 0 && s.removed {
		close(s.ended)
	}
	if d.projects[s.project]--; d.projects[s.project] == 0 {
		delete(d.projects, s.project)
	}
}

// release gives a process back after a call.
func (d *driver) release(p *process) {
	d.mu.Lock()
	defer d.unlock()
	switch {
	case !d.all[p] || p.gone: // it has ended meanwhile
	case d.closed || p.set.removed:
		d.victims = append(d.victims, p)
	default:
		p.since = time.Now()
		p.place = d.idle.PushBack(p)
		p.set.idle = append(p.set.idle, p)
	}
	d.serve()
}

// leave notes that a process has ended.
func (d *driver) leave(p *process) {
	d.mu.Lock()
	defer d.unlock()
	if p.place != nil {
		d.unlist(p)
	}
	d.uncount(p)
	d.serve()
}

// dying notes that a process takes no more calls.
func (d *driver) dying(p *process) {
	d.mu.Lock()
	defer d.unlock()
	p.gone = true
	if p.place != nil {
		d.unlist(p)
	}
}

// serve gives what is free to those who wait, in their order.
func (d *driver) serve() {
	for e := d.waiting.Front(); e != nil; {
		next := e.Next()
		w := e.Value.(*waiter)
		if p := d.grant(w.set, w.nested); p != nil {
			d.waiting.Remove(e)
			w.got <- p
		}
		e = next
	}
}

// endIdle ends processes that have waited for long.
func (d *driver) endIdle() {
	tick := time.NewTicker(max(d.Idle/4, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-d.stopped:
			return
		case now := <-tick.C:
			d.mu.Lock()
			for e := d.idle.Front(); e != nil && now.Sub(e.Value.(*process).since) >= d.Idle; e = d.idle.Front() {
				d.evict(e.Value.(*process))
			}
			d.unlock()
		}
	}
}

// close lets nobody in any more, and ends who has nothing to do.
func (d *driver) close() {
	d.mu.Lock()
	defer d.unlock()
	d.closed = true
	d.dismiss(func(*waiter) bool { return true })
	for d.idle.Len() > 0 {
		d.evict(d.idle.Front().Value.(*process))
	}
}

// kill ends all processes.
func (d *driver) kill() {
	d.mu.Lock()
	defer d.unlock()
	for p := range d.all {
		d.victims = append(d.victims, p)
	}
}
