package functiontest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"icehouse/dataplane/connector/function"
)

func throws(t *testing.T, h *house) {
	h.deploy("f", `
		class Refused extends Error { constructor(m) { super(m); this.name = 'Refused'; this.status = 402; this.self = this; this.f = () => 1 } }
		const ways = {
			throw() { throw new Refused('no money') },
			reject: () => Promise.reject(new Refused('no money')),
			later: () => new Promise((_, reject) => setTimeout(() => reject(new Refused('no money')), 2)),
			text() { throw 'only a text' }, undefined() { throw undefined }, null() { throw null }, number: () => Promise.reject(42),
			object() { throw { code: 'E1' } }, big() { throw { n: 1n } }, symbol() { throw Symbol('sign') },
			hostile() { throw new Proxy({}, { ownKeys() { throw new Error('x') }, get() { throw new Error('x') } }) },
			huge() { throw new Error('x'.repeat(1e7)) },
			fine: () => 1,
		}
		module.exports = (event) => { console.log('before'); return ways[event.way]() }`)
	for _, way := range []string{"throw", "reject", "later"} {
		e := h.expectError("f", `{"way":"`+way+`"}`, function.Crashed)
		for _, want := range []string{"Refused", "no money", "src/f.js:"} {
			if !strings.Contains(e.Text, want) {
				t.Errorf("%s: the text %q does not have %q", way, e.Text, want)
			}
		}
		h.inOrder(e.Logs, "before")
	}
	for way, want := range map[string]string{
		"text": "only a text", "undefined": "undefined", "null": "null", "number": "42", "object": "E1", "big": "1", "symbol": "sign",
		"hostile": "", "huge": "xxx",
	} {
		e := h.expectError("f", `{"way":"`+way+`"}`, function.Crashed)
		if !strings.Contains(e.Text, want) {
			t.Errorf("%s: the text %q does not have %q", way, e.Text, want)
		}
		if len(e.Text) > 100_000 {
			t.Errorf("%s: the text has %d bytes", way, len(e.Text))
		}
	}
	h.expect("f", `{"way":"fine"}`, "1")
}

func loads(t *testing.T, h *house) {
	for name, c := range map[string]struct{ module, want string }{
		"syntax":  {"const x = 1\nconst y = ;\nmodule.exports = () => 1", "SyntaxError"},
		"missing": {"require('no-such-package'); module.exports = () => 1", "no-such-package"},
		"throws":  {"throw new Error('not today')", "not today"},
		"exits":   {"console.error('last words'); process.exit(3)", "last words"},
	} {
		h.deploy(name, c.module)
		for range 2 {
			e := h.expectError(name, "{}", function.Crashed)
			if !strings.Contains(said(e.Logs), c.want) {
				t.Errorf("%s: %q is not logged: %q", name, c.want, said(e.Logs))
			}
		}
	}
}

func exits(t *testing.T, h *house) {
	h.deploy("f", `
		module.exports = async (event) => {
			console.log('so far')
			if (event.how === 'exit') process.exit(0)
			if (event.how === 'later') setTimeout(() => process.exit(1), 5)
			if (event.how === 'abort') process.abort()
			if (event.how === 'kill') process.kill(process.pid, 'SIGKILL')
			if (event.how === 'throw') setTimeout(() => { throw new Error('from a timer') }, 1)
			return event.how ? new Promise(() => {}) : 1
		}`)
	for _, how := range []string{"exit", "later", "abort", "kill", "throw"} {
		e := h.expectError("f", `{"how":"`+how+`"}`, function.Crashed)
		h.inOrder(e.Logs, "so far")
		h.expect("f", "{}", "1")
	}
}

// loops waits as long as a function may run, with all that don't end at once. Another
// project does not notice.
func loops(t *testing.T, h *house) {
	h.deploy("loop", `module.exports = (event) => { console.log('begun'); while (event.forever) ; return 1 }`)
	h.deploy("wait", `module.exports = (event) => { console.log('begun'); return event.forever ? new Promise(() => {}) : 1 }`)
	h.deploy("talk", `module.exports = (event) => { console.log('begun'); while (event.forever) process.stdout.write('begun and on '.repeat(1000)); return 1 }`)
	h.deploy("load", `console.log('begun'); while (true) ;`)
	h.deployFiles(h.other, "loop", "1", files{"src/loop.js": `module.exports = () => 'other'`}, nil)
	var all sync.WaitGroup
	type result struct {
		out function.Output
		err error
	}
	names := []string{"loop", "wait", "talk", "load"}
	results := make([]result, len(names))
	began := time.Now()
	for i, name := range names {
		all.Go(func() { results[i].out, results[i].err = h.invoke(name, `{"forever":true}`) })
	}
	for range 20 {
		h.within(5*time.Second, func() { h.expectOf(h.other, function.Call{Name: "loop", Version: "1"}, `"other"`) })
		time.Sleep(50 * time.Millisecond)
	}
	all.Wait()
	if took := time.Since(began); took < function.DefaultTimeout || took > function.DefaultTimeout+5*time.Second {
		t.Errorf("it was ended after %v", took)
	}
	for i, name := range names {
		e := h.isError(name, results[i].out, results[i].err, function.TimedOut)
		h.inOrder(e.Logs, "begun")
		if name != "load" {
			h.expect(name, "{}", "1")
		}
	}
}

func memory(t *testing.T, h *house) {
	h.deploy("f", `
		module.exports = (event) => {
			const all = []
			if (event.how === 'heap') for (let i = 0; ; i++) all.push(new Array(10000).fill(i + 0.5))
			if (event.how === 'buffers') for (;;) all.push(Buffer.alloc(50 << 20, 1))
			return 1
		}`)
	for _, how := range []string{"heap", "buffers"} {
		h.expectError("f", `{"how":"`+how+`"}`, function.OutOfMemory, function.Crashed)
		h.expect("f", "{}", "1")
	}
}

func forks(t *testing.T, h *house) {
	h.deploy("f", `
		const { spawn, fork } = require('child_process')
		if (process.argv[2] === 'child') setInterval(() => {}, 1000)
		module.exports = async (event) => {
			for (let i = 0; i < event.n; i++) {
				const child = i % 2 ? spawn('sleep', ['1000'], { stdio: 'inherit' }) : spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' })
				child.on('error', () => {})
				child.unref()
			}
			fork(__filename, ['child']).unref()
			if (event.exit) process.exit(1)
			return 1
		}`)
	h.deployFiles(h.other, "f", "1", files{"src/f.js": `module.exports = () => 'other'`}, nil)
	for range 2 {
		h.within(10*time.Second, func() { h.expect("f", `{"n":20}`, "1") })
		h.within(10*time.Second, func() { h.expectError("f", `{"n":20,"exit":true}`, function.Crashed) })
		h.within(5*time.Second, func() { h.expectOf(h.other, function.Call{Name: "f", Version: "1"}, `"other"`) })
	}
}

func between(t *testing.T, h *house) {
	h.deploy("f", `
		let soon
		module.exports = (event) => {
			setTimeout(() => {
				if (event.how === 'reject') Promise.reject(new Error('later'))
				if (event.how === 'throw') throw new Error('later')
				if (event.how === 'exit') process.exit(0)
			}, event.after)
			return 1
		}`)
	for _, how := range []string{"reject", "throw", "exit"} {
		for _, after := range []string{"0", "1", "5"} {
			h.expect("f", `{"how":"`+how+`","after":`+after+`}`, "1")
			time.Sleep(100 * time.Millisecond)
			h.expect("f", `{"how":"","after":0}`, "1")
		}
	}
}

func cancel(t *testing.T, h *house) {
	h.deploy("f", `module.exports = (event) => { while (event.forever) ; return 1 }`)
	ctx, end := context.WithCancel(t.Context())
	time.AfterFunc(500*time.Millisecond, end)
	h.within(5*time.Second, func() {
		_, err := h.functions.Invoke(ctx, h.scope, function.Call{Name: "f", Version: "1", Event: []byte(`{"forever":true}`)})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the error is %v", err)
		}
	})
	h.expect("f", "{}", "1")
}

func parallel(t *testing.T, h *house) {
	h.deploy("f", `module.exports = (event) => new Promise((resolve) => setTimeout(() => resolve(event.n), event.ms))`)
	h.expect("f", `{"n":0,"ms":0}`, "0")
	var all sync.WaitGroup
	began := time.Now()
	for range 3 {
		all.Go(func() {
			if out, err := h.invoke("f", `{"n":1,"ms":2000}`); err != nil || string(out.Value) != "1" {
				t.Errorf("%s %v", out.Value, err)
			}
		})
	}
	all.Wait()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("3 calls of 2 seconds took %v", took)
	}
	for i := range 50 { // more than run at once
		all.Go(func() {
			n := string(rune('0' + i%10))
			if out, err := h.invoke("f", `{"n":`+n+`,"ms":5}`); err != nil || string(out.Value) != n {
				t.Errorf("%s, not %s: %v", out.Value, n, err)
			}
		})
	}
	all.Wait()
}
