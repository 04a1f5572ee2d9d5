package storetest

import (
	"bytes"
	"context"
	"database/sql"
	"testing"
	"time"

	"icehouse/controlplane/store"
	"icehouse/tenancy"
	"icehouse/tenancy/secret"
)

// Keys opens keys for tests. They hide nothing.
func Keys(context.Context, bool) (secret.Keyring, error) { return Keyring{1}, nil }

// Keyring wraps data keys by turning them over. The first is the one that wraps; all
// unwrap.
type Keyring []byte

// NewKey implements secret.Keyring.
func (k Keyring) NewKey(context.Context) (plain, wrapped []byte, err error) {
	plain = []byte(tenancy.NewID() + "0123456789")[:secret.KeySize]
	wrapped = []byte{k[0]}
	for _, b := range plain {
		wrapped = append(wrapped, ^b)
	}
	return plain, wrapped, nil
}

// Unwrap implements secret.Keyring.
func (k Keyring) Unwrap(_ context.Context, wrapped []byte) (plain []byte, err error) {
	if !bytes.Contains(k, wrapped[:1]) {
		return nil, secret.ErrUnknownKey
	}
	for _, b := range wrapped[1:] {
		plain = append(plain, ^b)
	}
	return plain, nil
}

// Rows reads and changes what is in the tables, past the store.
type Rows interface {
	// Columns are all values of a column.
	Columns(t *testing.T, table, column string) [][]byte
	// Set sets a column of all rows.
	Set(t *testing.T, table, column string, value []byte)
	// Clear removes all rows.
	Clear(t *testing.T, table string)
}

// Sealing is the specification of what is sealed. open opens one database again and
// again, and rows reaches into it.
func Sealing(t *testing.T, open func(t *testing.T, keys store.OpenKeys) (store.Store, error), rows Rows) {
	var fresh []bool
	with := func(ids ...byte) store.OpenKeys {
		return func(_ context.Context, isFresh bool) (secret.Keyring, error) {
			fresh = append(fresh, isFresh)
			return Keyring(ids), nil
		}
	}
	must := func(keys store.OpenKeys) *fixture {
		t.Helper()
		s, err := open(t, keys)
		if err != nil {
			t.Fatal(err)
		}
		return &fixture{Store: s, t: t}
	}
	f := must(with(1))
	owner := f.customer().ID
	p := f.project(owner, "a", "")
	canary := []byte(`{"a": "planted"}`)
	const releases = 110
	for n := range int64(releases) {
		_, err := f.Lock(t.Context(), p.ID, "me", time.Minute)
		f.must(err)
		with := publication(p, n, "me")
		with.Release.Definition, with.Release.Payload, with.Unfinished = canary, canary, true
		f.must(f.Publish(t.Context(), with))
		f.must(f.Record(t.Context(), p.ID, "me", canary))
		f.must(f.Unlock(t.Context(), p.ID, "me"))
	}
	columns := [][2]string{{"release", "definition"}, {"release", "payload"}, {"deployment", "record"}}
	sealed := func(yes bool) {
		t.Helper()
		for _, c := range columns {
			values := rows.Columns(t, c[0], c[1])
			if len(values) != map[string]int{"release": releases, "deployment": 1}[c[0]] {
				t.Fatalf("%d values of %v", len(values), c)
			}
			for _, value := range values {
				if bytes.Contains(value, []byte("planted")) == yes {
					t.Fatalf("%v: %q", c, value)
				}
			}
		}
	}
	opens := func(f *fixture) {
		t.Helper()
		for _, n := range []int64{1, releases} {
			r, err := f.Release(t.Context(), p.ID, n)
			f.must(err)
			payload, err := f.Payload(t.Context(), p.ID, n)
			f.must(err)
			f.same([]string{string(r.Definition), string(r.Payload), string(payload)}, []string{string(canary), string(canary), string(canary)})
		}
		record, err := f.Lock(t.Context(), p.ID, "me", time.Minute)
		f.must(err)
		f.same(string(record), string(canary))
		f.must(f.Unlock(t.Context(), p.ID, "me"))
	}
	whole := func(f *fixture, want bool) {
		t.Helper()
		is, err := f.IsSealed(t.Context())
		f.must(err)
		f.same(is, want)
	}
	sealed(true)
	opens(f)
	whole(f, true)

	// Another keyring is refused; one that has the key, too, is not.
	_, err := open(t, with(2))
	f.is(err, store.ErrOtherKeys)
	both := must(with(2, 1))
	opens(both)
	f.same(fresh, []bool{true, false, false})
	n, err := both.SealAnew(t.Context())
	f.must(err)
	f.same(n, releases)
	sealed(true)
	opens(both)
	opens(must(with(2)))
	_, err = open(t, with(1))
	f.is(err, store.ErrOtherKeys)

	// A value opens in its place only.
	stolen := rows.Columns(t, "release", "payload")[0]
	rows.Set(t, "release", "payload", stolen)
	found := 0
	for n := range int64(releases) {
		if _, err := both.Payload(t.Context(), p.ID, n+1); err == nil {
			found++
		}
	}
	f.same(found, 1)

	// What was stored before there was sealing is read, and sealed when asked for.
	for _, c := range columns {
		rows.Set(t, c[0], c[1], canary)
	}
	sealed(false)
	opens(both)
	_, err = both.SealAnew(t.Context())
	f.must(err)
	sealed(true)
	opens(both)
	rows.Clear(t, "sealing")
	for _, c := range columns {
		rows.Set(t, c[0], c[1], canary)
	}
	old := must(with(1))
	whole(old, false)
	opens(old)
	_, err = old.SealAnew(t.Context())
	f.must(err)
	whole(old, true)
	sealed(true)
	opens(old)
}

// Column reads what a table has in a column.
func Column(t *testing.T, db *sql.DB, table, column string) (out [][]byte) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT "+column+" FROM "+table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var value []byte
		if err := rows.Scan(&value); err != nil {
			t.Fatal(err)
		}
		out = append(out, value)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
