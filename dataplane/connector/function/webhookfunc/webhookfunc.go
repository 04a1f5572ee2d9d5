// Package webhookfunc invokes functions that run elsewhere: at a URL that their owner
// named (platform §2.10).
//
// In: an event. Out: a POST of it, signed as Standard Webhooks says, and what was
// answered. Callers: cmd hands it to function.Open. All calls go through the egress
// client, which says where none may go.
package webhookfunc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"icehouse/dataplane/connector/function"
	"icehouse/tenancy"
	"icehouse/tenancy/egress"
	"icehouse/tenancy/egress/signature"
	"icehouse/tenancy/isolation"
)

// Webhooks invokes.
type Webhooks struct {
	client *egress.Client
	now    func() time.Time
}

// New makes an invoker.
func New(client *egress.Client, now func() time.Time) *Webhooks { return &Webhooks{client, now} }

// Invoke implements function.Invoker.
func (w *Webhooks) Invoke(ctx context.Context, scope isolation.Scope, c function.Call) (function.Output, error) {
	if err := scope.Valid(); err != nil {
		return function.Output{}, err
	}
	header := http.Header{"Content-Type": {"application/json"}}
	for name, value := range c.Webhook.Headers {
		header.Set(name, value)
	}
	if c.Webhook.Secret != "" {
		secret, err := signature.ParseSecret(c.Webhook.Secret)
		if err != nil {
			return function.Output{}, fmt.Errorf("sign a webhook: %w", err)
		}
		id := c.ID
		if id == "" {
			id = "msg_" + tenancy.NewID()
		}
		signature.Sign(header, id, w.now(), c.Event, secret)
	}
	answer, err := w.client.Do(ctx, egress.Request{Method: http.MethodPost, URL: c.Webhook.URL, Header: header, Body: c.Event})
	if err != nil {
		return function.Output{}, failure(ctx, err)
	}
	switch {
	case answer.Status == http.StatusNoContent:
		return function.Output{}, nil
	case answer.Status < 200 || answer.Status > 299:
		return function.Output{}, &function.Error{
			Kind: function.BadStatus, Text: fmt.Sprintf("the webhook answered with the status %d", answer.Status), Status: answer.Status, Body: answer.Body, Header: answer.Header,
		}
	case answer.Body == nil: // which is an answer, and none that can be used
		answer.Body = []byte{}
	}
	return function.Output{Value: answer.Body}, nil
}

func failure(ctx context.Context, err error) error {
	var known *egress.Error
	switch {
	case ctx.Err() != nil && !errors.Is(err, egress.ErrTimeout) || !errors.As(err, &known):
		return err
	case errors.Is(err, egress.ErrTooLarge):
		return &function.Error{Kind: function.TooLarge, Text: known.Text, Cause: err}
	case errors.Is(err, egress.ErrTimeout):
		return &function.Error{Kind: function.TimedOut, Text: known.Text, Cause: err}
	default:
		return &function.Error{Kind: function.Unreachable, Text: known.Text, Cause: err}
	}
}
