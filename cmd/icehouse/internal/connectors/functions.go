package connectors

import (
	"cmp"
	"context"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"icehouse/cmd/icehouse/internal/config"
	"icehouse/cmd/icehouse/internal/rungroup"
	"icehouse/dataplane"
	"icehouse/dataplane/connector/function"
	"icehouse/dataplane/connector/function/nodefunc"
	"icehouse/dataplane/connector/function/webhookfunc"
	"icehouse/tenancy/egress"
	"icehouse/tenancy/secret"
)

// openFunctions opens what runs functions.
func openFunctions(ctx context.Context, c config.Config, closers *rungroup.Closers) (*function.Functions, error) {
	open := make([]netip.Prefix, len(c.WebhookOpen))
	for i, text := range c.WebhookOpen {
		var err error
		if open[i], err = netip.ParsePrefix(text); err != nil {
			return nil, err // config has looked at it
		}
	}
	client := egress.New(egress.Policy{Open: open, Loopback: c.Dev})
	closers.Push("calls of webhooks", func() error { client.Close(); return nil })
	var code function.Driver
	if c.Functions == config.NodeFunctions {
		keys, err := openKeys(ctx, c, false)
		if err != nil {
			return nil, err
		}
		if code, err = nodefunc.Open(nodefunc.Options{Dir: filepath.Join(c.DataDir, "functions"), Sealer: secret.New(keys)}); err != nil {
			return nil, err
		}
	}
	functions := function.Open(code, webhookfunc.New(client, time.Now))
	closers.Push("functions", functions.Close)
	return functions, nil
}

// functionLog takes what functions did; nobody does in roles that run none.
func functionLog(p *Planes) dataplane.FunctionLog {
	if p.FunctionLog == nil {
		return nil
	}
	return p.FunctionLog
}

// reach is where functions reach the platform.
func reach(c config.Config, a Addresses) dataplane.Addresses {
	base := strings.TrimRight(cmp.Or(c.FunctionsReach, a.API), "/")
	return dataplane.Addresses{HTTP: base, WebSocket: "ws" + strings.TrimPrefix(base, "http")}
}
