package nodefunc_test

import (
	"path/filepath"
	"testing"

	"icehouse/dataplane/connector/function/nodefunc"
)

// TestNobodyIsLeft: everything that a function has started ends with it.
func TestNobodyIsLeft(t *testing.T) {
	h := open(t, nodefunc.Options{})
	h.deploy("f", `
		const { spawn, execSync } = require('child_process')
		module.exports = (event) => {
			const pids = [process.pid]
			for (const options of [{ stdio: 'inherit' }, { detached: true, stdio: 'ignore' }, { detached: true, stdio: 'inherit', env: { PATH: process.env.PATH } }]) {
				const child = spawn('sleep', ['1000'], options)
				child.unref()
				pids.push(child.pid)
			}
			pids.push(Number(execSync('setsid sleep 1000 >/dev/null 2>&1 & echo $!', { encoding: 'utf8' })))
			return pids
		}`)
	pids := value[[]int](h, "f", "{}")
	other := value[[]int](h, "f", "{}")
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range append(pids, other[1:]...) {
		ended(t, pid)
	}
	left, err := filepath.Glob(filepath.Join(h.dir, "run-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("%q is left (%v)", left, err)
	}
}
