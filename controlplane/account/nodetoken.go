package account

import (
	"context"
	"time"

	"icehouse/controlplane/problem"
	"icehouse/tenancy"
	"icehouse/tenancy/authn"
)

// Limits of node tokens (platform §4.5).
const (
	defaultNodeToken = 30 * 24 * time.Hour
	longestNodeToken = 100 * 365 * 24 * time.Hour
)

// NodeToken signs a token for a node, for the one who holds a root token, a
// temporary root token or the platform token of a collaborator; 4028 otherwise.
// asked is how the caller named the project.
func (s *Service) NodeToken(ctx context.Context, project tenancy.ProjectID, asked, rootToken, node, model string, lifetime *time.Duration) (string, error) {
	judge := authn.Authenticator{Keys: s.Tokens, Grants: s}
	who, err := judge.Requester(ctx, project, rootToken)
	if err != nil {
		return "", err
	}
	if !who.Admin {
		return "", problem.PATInvalid(asked)
	}
	lasts := defaultNodeToken
	if lifetime != nil {
		lasts = min(*lifetime, longestNodeToken)
	}
	return s.Tokens.Node(project, node, model, lasts)
}
