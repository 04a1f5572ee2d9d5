package rungroup

import (
	"context"
	"errors"
	"net"
	"net/http"
)

// HTTP serves on a listener that is open already, so that whoever started the
// process may connect as soon as it says that it is ready.
func HTTP(name string, server *http.Server, listener net.Listener) Member {
	return Member{
		Name: name,
		Run: func(base context.Context) error {
			server.BaseContext = func(net.Listener) context.Context { return base }
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		},
		Stop: func(ctx context.Context) error {
			if server.Shutdown(ctx) == nil {
				return nil
			}
			// Patience is over: hang up on those who still talk.
			return server.Close()
		},
	}
}
