// Package isolation holds Scope, the only key that a connector accepts.
//
// A Scope is made in few places (the directory for requests, the control plane
// for deploys) and passed straight after the context. Connectors turn it into
// what their product isolates by: a schema and role, a file, a virtual host, a
// key prefix. The zero Scope is refused by each of them.
package isolation

import (
	"fmt"

	"icehouse/tenancy"
)

// Scope binds a call to one project and its placement.
type Scope struct {
	project   tenancy.ProjectID
	placement tenancy.Placement
}

// ForProject makes the scope of one project. The id must be a cuid: it becomes
// part of schema, role and file names.
func ForProject(id tenancy.ProjectID, placement tenancy.Placement) (Scope, error) {
	if len(id) < 2 || len(id) > 25 || id[0] < 'a' || id[0] > 'z' {
		return Scope{}, fmt.Errorf("project id %q can't name a tenant", id)
	}
	for i := 0; i < len(id); i++ {
		if c := id[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return Scope{}, fmt.Errorf("project id %q can't name a tenant", id)
		}
	}
	return Scope{project: id, placement: placement}, nil
}

// Project is the tenant. It is empty only for the zero Scope.
func (s Scope) Project() tenancy.ProjectID { return s.project }

// Placement is the database that holds the tenant's rows.
func (s Scope) Placement() tenancy.Placement { return s.placement }

// Namespace is the name that sets this tenant apart inside a shared product:
// lower-case letters and digits, at most 25 of them.
func (s Scope) Namespace() string { return string(s.project) }

// Valid returns tenancy.ErrZeroScope for the zero Scope.
func (s Scope) Valid() error {
	if s.project == "" {
		return tenancy.ErrZeroScope
	}
	return nil
}
