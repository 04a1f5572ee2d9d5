package secret_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"icehouse/tenancy"
	"icehouse/tenancy/secret"
)

// ring wraps by remembering, and counts what it is asked for.
type ring struct {
	mu          sync.Mutex
	keys        map[string][]byte
	made, asked atomic.Int32
	wait        chan struct{} // Unwrap waits for it, unless it is nil
	broken      error
}

func newRing() *ring { return &ring{keys: map[string][]byte{}} }

func (r *ring) NewKey(context.Context) (plain, wrapped []byte, err error) {
	if r.broken != nil {
		return nil, nil, r.broken
	}
	plain, wrapped = make([]byte, secret.KeySize), fmt.Appendf(nil, "key %d of %p", r.made.Add(1), r)
	_, _ = rand.Read(plain)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys[string(wrapped)] = plain
	return plain, wrapped, nil
}

func (r *ring) Unwrap(ctx context.Context, wrapped []byte) ([]byte, error) {
	r.asked.Add(1)
	if r.wait != nil {
		<-r.wait
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if plain := r.keys[string(wrapped)]; plain != nil {
		return plain, ctx.Err()
	}
	return nil, secret.ErrUnknownKey
}

func TestSealer(t *testing.T) {
	keys := newRing()
	s, other := secret.New(keys), secret.New(keys)
	for _, text := range []string{"", "hush", `{"a":"hush"}`, strings.Repeat(`{"a":"hush"},`, 1000)} {
		sealed, err := s.Seal(t.Context(), "ca", "definition 1", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(sealed, []byte("hush")) {
			t.Error("the sealed form shows the value")
		}
		if again, _ := s.Seal(t.Context(), "ca", "definition 1", []byte(text)); bytes.Equal(again, sealed) {
			t.Error("the same value looks the same")
		}
		for _, who := range []*secret.Sealer{s, other} {
			if got, err := who.Open(t.Context(), "ca", "definition 1", sealed); err != nil || string(got) != text {
				t.Errorf("%q came back as %q, %v", text, got, err)
			}
		}
		for _, wrong := range [][2]string{{"cb", "definition 1"}, {"ca", "definition 2"}, {"ca", "payload 1"}, {"cad", "efinition 1"}} {
			if got, err := s.Open(t.Context(), tenancy.ProjectID(wrong[0]), wrong[1], sealed); err == nil {
				t.Errorf("opened as %v: %q", wrong, got)
			}
		}
		if len(sealed) > 300 {
			t.Errorf("%d bytes became %d", len(text), len(sealed))
		}
		for i := range sealed {
			broken := bytes.Clone(sealed)
			broken[i] ^= 1
			if got, err := other.Open(t.Context(), "ca", "definition 1", broken); err == nil {
				t.Errorf("byte %d changed: opened as %q", i, got)
			}
			if got, err := other.Open(t.Context(), "ca", "definition 1", sealed[:i]); i > 0 && err == nil {
				t.Errorf("cut at %d: opened as %q", i, got)
			}
		}
	}
	for _, never := range []string{"", `{"source":{}}`} {
		if got, err := s.Open(t.Context(), "ca", "x", []byte(never)); err != nil || string(got) != never {
			t.Errorf("%q, which was never sealed: %q, %v", never, got, err)
		}
	}
	if got, err := s.Seal(t.Context(), "ca", "x", nil); got != nil || err != nil {
		t.Errorf("nothing is sealed as %q, %v", got, err)
	}
	stranger := secret.New(newRing())
	sealed, err := s.Seal(t.Context(), "ca", "x", []byte("hush"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.Open(t.Context(), "ca", "x", sealed); !errors.Is(err, secret.ErrUnknownKey) {
		t.Errorf("another keyring: %v", err)
	}
	keys.broken = errors.New("out of order")
	if _, err := secret.New(keys).Seal(t.Context(), "ca", "x", []byte("hush")); !errors.Is(err, keys.broken) {
		t.Errorf("a broken keyring: %v", err)
	}
}

// TestDataKeys: a data key seals many values, not all; each is unwrapped once, whoever
// asks at once; and how many are kept is bounded.
func TestDataKeys(t *testing.T) {
	const values = 5000
	keys := newRing()
	s := secret.New(keys)
	sealed := make([][]byte, values)
	var all sync.WaitGroup
	for i := range sealed {
		all.Go(func() {
			var err error
			if sealed[i], err = s.Seal(t.Context(), "ca", "x", fmt.Append(nil, i)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := keys.made.Load(); n != (values+1023)/1024 {
		t.Errorf("%d values under %d data keys", values, n)
	}
	other := secret.New(keys)
	keys.wait = make(chan struct{})
	gone, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := other.Open(gone, "ca", "x", sealed[0])
		left <- err
	}()
	for keys.asked.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("who has gone gets %v", err)
	}
	for i := range sealed {
		all.Go(func() {
			if got, err := other.Open(t.Context(), "ca", "x", sealed[i]); err != nil || string(got) != fmt.Sprint(i) {
				t.Errorf("%d: %q, %v", i, got, err)
			}
		})
	}
	time.Sleep(10 * time.Millisecond)
	close(keys.wait)
	all.Wait()
	if asked, made := keys.asked.Load(), keys.made.Load(); asked > made+1 {
		t.Errorf("%d data keys were unwrapped %d times", made, asked)
	}
}

func TestKeptKeysAreBounded(t *testing.T) {
	keys := newRing()
	s := secret.New(keys)
	first, err := secret.New(keys).Seal(t.Context(), "ca", "x", []byte("first"))
	if err != nil {
		t.Fatal(err)
	}
	for range 10_000 {
		one, err := secret.New(keys).Seal(t.Context(), "ca", "x", []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range [][]byte{one, first} {
			if _, err := s.Open(t.Context(), "ca", "x", value); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := s.Kept(); n > 4096 {
		t.Errorf("%d keys are kept", n)
	}
	if n := keys.asked.Load(); n != 10_001 {
		t.Errorf("unwrapped %d times: what is in use was forgotten", n)
	}
}

func TestChain(t *testing.T) {
	old, now := newRing(), newRing()
	before, err := secret.New(old).Seal(t.Context(), "ca", "x", []byte("before"))
	if err != nil {
		t.Fatal(err)
	}
	s := secret.New(secret.Chain{now, old})
	after, err := s.Seal(t.Context(), "ca", "x", []byte("after"))
	if err != nil || old.made.Load() != 1 {
		t.Fatal("the second keyring wraps", err)
	}
	for text, sealed := range map[string][]byte{"before": before, "after": after} {
		if got, err := s.Open(t.Context(), "ca", "x", sealed); err != nil || string(got) != text {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
	if _, err := secret.New(secret.Chain{now, newRing()}).Open(t.Context(), "ca", "x", before); !errors.Is(err, secret.ErrUnknownKey) {
		t.Errorf("without its keyring: %v", err)
	}
}

func BenchmarkOpen(b *testing.B) {
	s := secret.New(newRing())
	sealed, err := s.Seal(b.Context(), "ca", "x", []byte(strings.Repeat(`{"name":"title","type":"String","unique":true},`, 1400)))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(64 << 10)
	for b.Loop() {
		if _, err := s.Open(b.Context(), "ca", "x", sealed); err != nil {
			b.Fatal(err)
		}
	}
}
