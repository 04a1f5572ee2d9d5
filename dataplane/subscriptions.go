package dataplane

import (
	"context"
	"net/http"
	"time"

	"icehouse/dataplane/connector/queue"
	"icehouse/dataplane/internal/eventgateway"
	"icehouse/dataplane/internal/subscription"
	"icehouse/tenancy"
	"icehouse/tenancy/authn"
	"icehouse/tenancy/token"
)

// Subscriptions serves the projects' Subscriptions API (data-api §4).
type Subscriptions struct {
	gateway  *eventgateway.Gateway
	sessions *subscription.Server
}

// Subscribe serves subscriptions with the events that the queue brings. The caller
// closes what it returns.
func (d *DataPlane) Subscribe(messages *queue.Queue) *Subscriptions {
	gateway := eventgateway.New(eventgateway.Config{
		Directory: d.config.Directory,
		Schemas:   d.schemas,
		Documents: d.documents,
		Database:  d.config.Database,
		Requester: func(ctx context.Context, project tenancy.ProjectID, text string) (authn.Requester, time.Time, error) {
			who, err := d.who(ctx, project, text)
			if err != nil || who == (authn.Requester{}) {
				return who, time.Time{}, err
			}
			return who, token.Expiry(text), nil
		},
		Messages: messages,
		Used:     d.config.Meter.Add,
		Mark:     d.mark,
		Timeout:  d.config.Timeout,
		Clock:    d.config.Clock,
		Log:      d.config.Log,
	})
	return &Subscriptions{gateway: gateway, sessions: subscription.New(gateway, subscription.Options{}, d.config.Log)}
}

// Service is what the protocols call.
func (s *Subscriptions) Service() subscription.Service { return s.gateway }

// Handler serves /subscriptions/v1/.
func (s *Subscriptions) Handler() http.Handler { return s.sessions }

// Changed says that something about a project may have changed. It does not wait.
func (s *Subscriptions) Changed(project tenancy.ProjectID) { s.gateway.Changed(project) }

// CheckAll is Changed for all projects.
func (s *Subscriptions) CheckAll() { s.gateway.CheckAll() }

// Stop ends all sessions, with a word to their clients, until ctx ends.
func (s *Subscriptions) Stop(ctx context.Context) error { return s.sessions.Stop(ctx) }

// Close ends what is left.
func (s *Subscriptions) Close() {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_ = s.sessions.Stop(ended)
	s.gateway.Close()
}
