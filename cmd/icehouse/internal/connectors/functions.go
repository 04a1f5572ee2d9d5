package connectors

import (
	"cmp"
	"context"
	"path/filepath"
	"strings"
	"time"

	"icehouse/cmd/icehouse/internal/config"
	"icehouse/cmd/icehouse/internal/rungroup"
	"icehouse/dataplane"
	"icehouse/dataplane/connector/function"
	"icehouse/dataplane/connector/function/lambdafunc"
	"icehouse/dataplane/connector/function/nodefunc"
	"icehouse/dataplane/connector/function/webhookfunc"
	"icehouse/tenancy/egress"
	"icehouse/tenancy/secret"
)

// openFunctions opens what runs functions. keys seal what it keeps of them.
func openFunctions(ctx context.Context, c config.Config, keys secret.Keyring, closers *rungroup.Closers) (*function.Functions, error) {
	client := egress.New(webhooks(c))
	closers.Push("calls of webhooks", func() error { client.Close(); return nil })
	var code function.Driver
	var err error
	switch c.Functions {
	case config.NodeFunctions:
		code, err = nodefunc.Open(nodefunc.Options{Dir: filepath.Join(c.DataDir, "functions"), Sealer: secret.New(keys)})
	case config.LambdaFunctions:
		code, err = lambdafunc.Open(ctx, lambdafunc.Options{Role: c.LambdaRole, Bucket: c.LambdaBucket, Prefix: c.LambdaPrefix})
	}
	if err != nil {
		return nil, err
	}
	functions := function.Open(code, webhookfunc.New(client, time.Now))
	closers.Push("functions", functions.Close)
	return functions, nil
}

// webhooks says which addresses functions may have elsewhere.
func webhooks(c config.Config) egress.Policy {
	return egress.Policy{Open: c.WebhookOpen, Loopback: c.Dev}
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
