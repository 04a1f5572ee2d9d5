//go:build unix

package lambdafunc_test

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"icehouse/dataplane/connector/function"
	"icehouse/dataplane/connector/function/functiontest"
	"icehouse/dataplane/connector/function/lambdafunc"
	"icehouse/deploy/testbed/lambdaserver"
	"icehouse/tenancy"
	"icehouse/tenancy/isolation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSuite(t *testing.T) {
	lambdaserver.Start(t).Lead()
	functiontest.Suite(t, functiontest.Rig{Open: func(t *testing.T) *function.Functions {
		return open(t, lambdafunc.Options{Memory: 128 << 20})
	}})
}

func open(t testing.TB, o lambdafunc.Options) *function.Functions {
	t.Helper()
	o.Role = cmp.Or(o.Role, lambdaserver.Role)
	d, err := lambdafunc.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return function.Open(d, nil)
}

// house is a product with one project.
type house struct {
	testing.TB
	*lambdaserver.Server
	*function.Functions
	scope isolation.Scope
}

func newHouse(t testing.TB, o lambdafunc.Options) *house {
	t.Helper()
	s := lambdaserver.Start(t)
	s.Lead()
	h := &house{t, s, open(t, o), scope(t)}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func scope(t testing.TB) isolation.Scope {
	t.Helper()
	s, err := isolation.ForProject(tenancy.ProjectID(tenancy.NewID()), tenancy.DefaultPlacement)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type bundle struct{ *bytes.Reader }

func (bundle) Close() error { return nil }

// code is version 1 of a function f, with a file beside it that can't be compressed.
func code(t testing.TB, module string, environment map[string]string, beside int) function.Code {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	w, err := z.Create("src/f.js")
	if err == nil {
		_, err = w.Write([]byte(module))
	}
	if err == nil && beside > 0 {
		noise := make([]byte, beside)
		_, _ = rand.Read(noise)
		if w, err = z.CreateHeader(&zip.FileHeader{Name: "noise", Method: zip.Store}); err == nil {
			_, err = w.Write(noise)
		}
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return function.Code{Name: "f", Version: "1", Entry: "src/f.js", Environment: environment,
		Bundle: func(context.Context) (function.Bundle, error) { return bundle{bytes.NewReader(out.Bytes())}, nil }}
}

// inflated has files of so many megabytes that are none when they are packed.
func inflated(t testing.TB, size int) function.Code {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for i := range size {
		w, err := z.Create([]string{"src/f.js", fmt.Sprint("zeros", i)}[min(i, 1)])
		if err == nil {
			_, err = w.Write(make([]byte, 1<<20))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	c := code(t, one, nil, 0)
	c.Bundle = func(context.Context) (function.Bundle, error) { return bundle{bytes.NewReader(out.Bytes())}, nil }
	return c
}

func (h *house) deploy(c function.Code) {
	h.Helper()
	if err := h.Deploy(h.Context(), h.scope, c); err != nil {
		h.Fatal(err)
	}
}

func (h *house) invoke() (function.Output, error) {
	return h.Invoke(h.Context(), h.scope, function.Call{Name: "f", Version: "1", Event: []byte(`{}`)})
}

func (h *house) expect(want string) {
	h.Helper()
	if out, err := h.invoke(); err != nil || string(out.Value) != want {
		h.Fatalf("it returned %.200s, not %s: %v", out.Value, want, err)
	}
}

func isKind(t testing.TB, err error, kind function.Kind, text string) {
	t.Helper()
	known, ok := errors.AsType[*function.Error](err)
	if !ok || known.Kind != kind || !strings.Contains(known.Text, text) {
		t.Errorf("the error is %v, want the kind %d with %q", err, kind, text)
	}
}

const one = `module.exports = () => 1`

func TestLargeCode(t *testing.T) {
	h := newHouse(t, lambdafunc.Options{Bucket: lambdaserver.Bucket})
	c := code(t, `module.exports = () => require('fs').statSync('noise').size`, nil, 51<<20)
	h.deploy(c)
	h.expect(fmt.Sprint(51 << 20))
	if left := h.Objects(); len(left) > 0 {
		t.Errorf("left in the bucket: %q", left)
	}
	without := open(t, lambdafunc.Options{})
	isKind(t, without.Deploy(t.Context(), scope(t), c), function.TooLarge, "need a bucket")
	if err := without.Close(); err != nil {
		t.Error(err)
	}
	other := open(t, lambdafunc.Options{Bucket: "elsewhere"})
	if err := other.Deploy(t.Context(), scope(t), c); err == nil || !strings.Contains(err.Error(), "bucket elsewhere") {
		t.Errorf("a bucket that is not there: %v", err)
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	isKind(t, h.Deploy(t.Context(), scope(t), inflated(t, 260)), function.TooLarge, "Unzipped size")
}

// TestEnvironment: names that Lambda reserves are a function's own, and there are 4 KB.
func TestEnvironment(t *testing.T) {
	h := newHouse(t, lambdafunc.Options{})
	h.deploy(code(t, `module.exports = () => [process.env.AWS_ACCESS_KEY_ID, process.env._X, process.env.ICEHOUSE_FUNCTION]`,
		map[string]string{"AWS_ACCESS_KEY_ID": "mine", "_X": "x\n\"é"}, 0))
	h.expect(`["mine","x\n\"é",null]`)
	large := code(t, one, map[string]string{"LARGE": strings.Repeat("x", 4096)}, 0)
	isKind(t, h.Deploy(t.Context(), scope(t), large), function.TooLarge, "the environment of the function f has 4")
	if n := h.Calls("CreateFunction"); n != 1 {
		t.Errorf("%d functions were created", n)
	}
}

// TestRoles: each project may have a role of its own.
func TestRoles(t *testing.T) {
	h := newHouse(t, lambdafunc.Options{Role: lambdaserver.Role + "-{project}"})
	h.deploy(code(t, one, nil, 0))
	if got, want := h.Roles(), []string{lambdaserver.Role + "-" + h.scope.Namespace()}; !slices.Equal(got, want) {
		t.Errorf("the roles are %q, not %q", got, want)
	}
}

// TestInterrupted: a deploy that ended anywhere is done once more, by another process.
func TestInterrupted(t *testing.T) {
	h := newHouse(t, lambdafunc.Options{})
	h.Change(func(s *lambdaserver.Settings) { s.Pending = 2 * time.Second })
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := h.Deploy(ctx, h.scope, code(t, one, nil, 0)); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("it was not interrupted: %v", err)
	}
	_, err := h.invoke()
	isKind(t, err, function.Busy, "can't be called yet")
	other := open(t, lambdafunc.Options{})
	if err := other.Deploy(t.Context(), h.scope, code(t, `module.exports = () => 2`, nil, 0)); err != nil {
		t.Fatal(err)
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	h.expect("1")
	if n := h.Calls("CreateFunction"); n != 1 {
		t.Errorf("it was created %d times", n)
	}
}

// TestFailed: what Lambda could not make is made anew.
func TestFailed(t *testing.T) {
	h := newHouse(t, lambdafunc.Options{})
	h.Change(func(s *lambdaserver.Settings) { s.Fails = true })
	if err := h.Deploy(t.Context(), h.scope, code(t, one, nil, 0)); err == nil || !strings.Contains(err.Error(), "could not be created") {
		t.Fatalf("it was made: %v", err)
	}
	if left := h.Names(); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 70*time.Millisecond)
	defer cancel()
	_ = h.Deploy(ctx, h.scope, code(t, one, nil, 0)) // it fails while nobody looks
	h.Change(func(s *lambdaserver.Settings) { s.Fails = false })
	time.Sleep(200 * time.Millisecond)
	h.deploy(code(t, one, nil, 0))
	h.expect("1")
}

func TestThrottled(t *testing.T) {
	h := newHouse(t, lambdafunc.Options{})
	h.deploy(code(t, one, nil, 0))
	h.Change(func(s *lambdaserver.Settings) { s.Throttled = 2 })
	h.expect("1")
	h.Change(func(s *lambdaserver.Settings) { s.Throttled = 1000 })
	before := h.Calls("Invoke")
	_, err := h.invoke()
	isKind(t, err, function.Busy, "too many")
	if n := h.Calls("Invoke") - before; n > 4 {
		t.Errorf("Lambda was asked %d times", n)
	}
}

// TestRunsOnce: a call whose answer is lost is not made once more.
func TestRunsOnce(t *testing.T) {
	h := newHouse(t, lambdafunc.Options{})
	h.deploy(code(t, `let calls = 0; module.exports = () => ++calls`, nil, 0))
	h.expect("1")
	h.Change(func(s *lambdaserver.Settings) { s.Lost = 1 })
	_, err := h.invoke()
	isKind(t, err, function.Unavailable, "could not run")
	h.expect("3")
	h.Change(func(s *lambdaserver.Settings) { s.Broken = 1 })
	_, err = h.invoke()
	isKind(t, err, function.Unavailable, "could not run")
}

// TestRetries: what changes nothing twice is asked for again.
func TestRetries(t *testing.T) {
	h := newHouse(t, lambdafunc.Options{})
	h.Change(func(s *lambdaserver.Settings) { s.Broken = 2 })
	h.deploy(code(t, one, nil, 0))
	h.expect("1")
	h.Change(func(s *lambdaserver.Settings) { s.Broken = 1000 })
	before := h.Calls("GetFunctionConfiguration")
	if err := h.Deploy(t.Context(), scope(t), code(t, one, nil, 0)); err == nil {
		t.Error("it was deployed")
	}
	if n := h.Calls("GetFunctionConfiguration") - before; n != 5 {
		t.Errorf("Lambda was asked %d times", n)
	}
}

// TestRemove looks at all pages, and takes the project's own functions only.
func TestRemove(t *testing.T) {
	h := newHouse(t, lambdafunc.Options{Prefix: "ice"})
	h.deploy(code(t, one, nil, 0))
	kept := h.Names()
	project := h.scope.Namespace()
	var others, gone []string
	for i := range 120 {
		others = append(others, fmt.Sprintf("aws-%03d", i), fmt.Sprintf("zzz-%03d", i))
	}
	others = append(others, "ice-"+project+"-short", "ice-"+project+"-"+scope(t).Namespace()+"-0123456789abcdef0123", "ice-x-"+project+"-0123456789abcdef0123", "ice-"+project+"x-0123456789abcdef0123")
	for i := range 60 {
		gone = append(gone, fmt.Sprintf("ice-%s-%020x", project, i))
	}
	h.Add(append(others, gone...)...)
	if err := h.Remove(t.Context(), h.scope, function.Version{Name: "f", Version: "1"}); err != nil {
		t.Fatal(err)
	}
	if n := len(h.Names()); n != len(others)+len(kept) {
		t.Errorf("%d functions are left, want %d", n, len(others)+len(kept))
	}
	h.expect("1")
	if n := h.Calls("ListFunctions"); n != 7 {
		t.Errorf("%d pages", n)
	}
	// What this process deploys it knows of; of others it hears when nothing is kept.
	c := code(t, one, nil, 0)
	c.Version = "2"
	h.deploy(c)
	another := open(t, lambdafunc.Options{Prefix: "ice"})
	c.Version = "3"
	if err := errors.Join(another.Deploy(t.Context(), h.scope, c), another.Close()); err != nil {
		t.Fatal(err)
	}
	if err := h.Remove(t.Context(), h.scope, function.Version{Name: "f", Version: "1"}); err != nil {
		t.Fatal(err)
	}
	if n := len(h.Names()); n != len(others)+2 {
		t.Errorf("%d functions are left, want %d", n, len(others)+2)
	}
	if n := h.Calls("ListFunctions"); n != 7 {
		t.Errorf("%d pages", n)
	}
	if err := h.Remove(t.Context(), h.scope); err != nil {
		t.Fatal(err)
	}
	_, err := h.invoke()
	isKind(t, err, function.NotFound, "not deployed")
	if n := len(h.Names()); n != len(others) {
		t.Errorf("%d functions are left, want %d", n, len(others))
	}
}

// TestLog has one entry for each line of console.log, by its time.
func TestLog(t *testing.T) {
	h := newHouse(t, lambdafunc.Options{})
	h.deploy(code(t, `module.exports = () => { process.stdout.write('raw\n'); console.log('one\n two'); console.warn('three'); process.stderr.write('four\n'); console.log('') }`, nil, 0))
	out, err := h.invoke()
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for i, l := range out.Logs {
		texts = append(texts, l.Text)
		if _, err := time.Parse("2006-01-02T15:04:05.000Z", l.Key); (err != nil) != (i == 0) {
			t.Errorf("entry %d is of %q", i, l.Key)
		}
	}
	if got := strings.Join(texts, "|"); got != "raw|one\n two|three\nfour" {
		t.Errorf("logged: %q", got)
	}
}

func TestOptions(t *testing.T) {
	lambdaserver.Start(t).Lead()
	for _, prefix := range []string{"Ice", "-ice", "a-prefix-that-is-too-long", "ice_house"} {
		if _, err := lambdafunc.Open(t.Context(), lambdafunc.Options{Prefix: prefix}); err == nil {
			t.Errorf("the prefix %s is taken", prefix)
		}
	}
	d := open(t, lambdafunc.Options{})
	if d.Features().Product != "lambda" {
		t.Error("it has another name")
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	if _, err := lambdafunc.Open(t.Context(), lambdafunc.Options{}); err == nil || !strings.Contains(err.Error(), "AWS_REGION") {
		t.Errorf("without a region: %v", err)
	}
}

// BenchmarkInvoke calls a function that does nothing, and reports the first call's time.
func BenchmarkInvoke(b *testing.B) {
	h := newHouse(b, lambdafunc.Options{})
	h.Change(func(s *lambdaserver.Settings) { s.Pending = 0 })
	began := time.Now()
	h.deploy(code(b, one, nil, 0))
	deployed := time.Since(began)
	began = time.Now()
	h.expect("1")
	cold := time.Since(began)
	for b.Loop() {
		h.expect("1")
	}
	b.ReportMetric(float64(deployed.Microseconds())/1000, "deploy-ms")
	b.ReportMetric(float64(cold.Microseconds())/1000, "cold-ms")
}
