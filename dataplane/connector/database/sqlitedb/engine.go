package sqlitedb

import (
	sqldriver "database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"sync"

	engines "modernc.org/sqlite"

	"icehouse/dataplane/dialect/sqlite"
)

// engine is the engine with the functions that statements call, and without the
// statements that lead out of a file. It is our own: what others register with
// the package stays off our connections.
var engine = sync.OnceValues(func() (*engines.Driver, error) {
	e := &engines.Driver{}
	for _, f := range sqlite.Functions() {
		err := e.RegisterDeterministicScalarFunction(f.Name, 1, func(_ *engines.FunctionContext, args []sqldriver.Value) (sqldriver.Value, error) {
			if args[0] == nil {
				return nil, nil
			}
			return f.Call(args[0])
		})
		if err != nil {
			return nil, fmt.Errorf("register %s: %w", f.Name, err)
		}
	}
	e.RegisterConnectionHook(func(c engines.ExecQuerierContext, _ string) error {
		r, ok := c.(engines.AuthorizerRegisterer)
		if !ok {
			return errors.New("this engine can't confine a connection to its file")
		}
		return r.RegisterAuthorizer(confine)
	})
	return e, nil
})

// confine refuses what would reach another file.
func confine(action engines.AuthorizerActionCode, _, _, _, _ string) engines.AuthorizerReturnCode {
	if action == engines.AuthAttach || action == engines.AuthDetach {
		return engines.AuthorizerDeny
	}
	return engines.AuthorizerOK
}

// open connects to a file. Only create makes one that is missing; a reader can't
// write.
func (c Config) open(path string, create, reader bool) (*conn, error) {
	mode := "rw"
	if create {
		mode = "rwc"
	}
	q := url.Values{
		"mode":          {mode},
		"_busy_timeout": {fmt.Sprint(c.BusyTimeout.Milliseconds())},
		"_foreign_keys": {"1"},
		"_synchronous":  {"NORMAL"},
		"_dqs":          {"0"}, // an unknown column is an error, not a text
		"_pragma":       {"cache_size(-1000)", "temp_store(MEMORY)"},
	}
	if create {
		q.Set("_journal_mode", "WAL") // the file remembers it
	}
	if reader {
		q.Set("_query_only", "1")
	}
	e, err := engine()
	if err != nil {
		return nil, err
	}
	opened, err := e.Open((&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String())
	if err != nil {
		return nil, err
	}
	return newConn(opened, c.Statements), nil
}
