package managementapi

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/graphql-go/graphql"

	"icehouse/controlplane/problem"
	"icehouse/controlplane/store"
	"icehouse/tenancy"
	"icehouse/tenancy/token"
)

// auditWait bounds how long an answer waits for its line in the log.
const auditWait = 5 * time.Second

// The results of calls in the log.
const (
	resultOK      = "OK"
	resultRefused = "REFUSED" // the caller's mistake, or not their right
	resultFailed  = "FAILED"  // ours
)

// attempts are the codes of wrong passwords, codes and secrets. They are worth a line,
// and slowed down (account).
var attempts = map[int]bool{problem.CodeWrongPassword: true, problem.CodeWrongCode: true, problem.CodeLoginFailed: true, problem.CodeWrongSecret: true}

// touch remembers which project a mutation is about, once its caller has a right to it.
func touch(ctx context.Context, project tenancy.ProjectID) {
	ctx.Value(callerKey{}).(*caller).project = project
}

// record writes a mutation into the log. It is written also when its sender is gone. A
// log that can't be written undoes nothing: what it should have is in the server's log.
func (c *caller) record(ctx context.Context, name string, in input, answer payload, err error) {
	entry := store.Audit{At: c.api.Accounts.Now().UTC(), Project: c.project, Action: name, Target: target(in), Result: resultOK,
		Address: c.address, RequestID: c.request}
	if c.who != nil {
		entry.Customer, entry.Session = c.who.ID, c.who.Session
	}
	if p, ok := answer["project"].(*projectNode); ok {
		entry.Project = p.ID
	}
	var known *problem.Error
	switch {
	case errors.As(err, &known):
		entry.Result, entry.Code = resultRefused, known.Code
	case err != nil:
		entry.Result = resultFailed
	default:
		if problems, ok := answer["errors"].([]map[string]any); ok && len(problems) > 0 {
			entry.Result = resultRefused // a deploy that changed nothing
		}
	}
	if c.who == nil && entry.Result == resultRefused && !attempts[entry.Code] {
		return // nobody was refused: a log that only grows is not for everyone to fill
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditWait)
	defer cancel()
	if err := c.api.Store.AddAudit(ctx, entry); err != nil {
		c.api.Logger.ErrorContext(ctx, "the audit log can't be written", "error", err, "entry", entry)
	}
}

// target is what an input names: never a secret.
func target(in input) string {
	for _, name := range []string{"projectId", "id", "serviceId", "customerId", "permanentAuthTokenId", "email", "name"} {
		if text := in.text(name); text != "" {
			text = strings.ReplaceAll(strings.ToValidUTF8(text[:min(len(text), 256)], ""), "\x00", "")
			return text
		}
	}
	return ""
}

// auditEntry is a line of the log with the address of whose call it was.
type auditEntry struct {
	store.Audit
	email string
}

func (auditEntry) typeName() string    { return "AuditEntry" }
func (e auditEntry) elementID() string { return strconv.FormatInt(e.Number, 10) }

// auditFields let the owner of a project, and everyone for themselves, read the log.
func auditFields() fields {
	text := func(read func(auditEntry) string) graphql.FieldResolveFn {
		return value(func(e auditEntry) any {
			if s := read(e); s != "" {
				return s
			}
			return nil
		})
	}
	return fields{
		"id":     value(func(e auditEntry) any { return e.elementID() }),
		"at":     value(func(e auditEntry) any { return e.At }),
		"action": value(func(e auditEntry) any { return e.Action }),
		"result": value(func(e auditEntry) any { return e.Result }),
		"code": value(func(e auditEntry) any {
			if e.Code == 0 {
				return nil
			}
			return e.Code
		}),
		"target":     text(func(e auditEntry) string { return e.Target }),
		"customerId": text(func(e auditEntry) string { return e.Customer }),
		"email":      text(func(e auditEntry) string { return e.email }),
		"tokenId":    text(func(e auditEntry) string { return e.Session }),
		"projectId":  text(func(e auditEntry) string { return string(e.Project) }),
		"address":    text(func(e auditEntry) string { return e.Address }),
		"requestId":  value(func(e auditEntry) any { return e.RequestID }),
	}
}

func (p *projectNode) auditLog(ctx context.Context, in input) (any, error) {
	who, err := signedIn(ctx, token.Read)
	if err != nil {
		return nil, err
	}
	if who.ID != p.Owner {
		return nil, problem.OwnerOnly()
	}
	return p.api.auditPage(ctx, store.AuditFilter{Project: p.ID}, in)
}

// How many lines of the log are read at once.
const (
	auditPage = 100
	auditMost = 1000
)

func (a *API) auditPage(ctx context.Context, f store.AuditFilter, args input) (any, error) {
	if args["last"] != nil || args["before"] != nil {
		return nil, problem.New(problem.CodeArgument, "The log is read from its newest line on: use first and after")
	}
	first, given := args["first"].(int)
	if given && first < 0 {
		return nil, problem.New(problem.CodeFirstNegative, "'first' must not be negative")
	}
	if !given {
		first = auditPage
	}
	first = min(first, auditMost)
	if after, ok := args["after"].(string); ok {
		n, err := strconv.ParseInt(after, 10, 64)
		if err != nil || n < 1 {
			return nil, problem.New(problem.CodeArgument, "'after' is no cursor of this log")
		}
		f.Before = n
	}
	f.Limit = first + 1 // one more tells whether there is a next page
	lines, err := a.Store.Audits(ctx, f)
	if err != nil {
		return nil, err
	}
	emails := map[string]string{"": ""}
	list := make([]auditEntry, len(lines))
	for i, line := range lines {
		if _, known := emails[line.Customer]; !known {
			c, err := a.Store.Customer(ctx, line.Customer)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return nil, err
			}
			emails[line.Customer] = c.Email
		}
		list[i] = auditEntry{line, emails[line.Customer]}
	}
	page, err := pageOf(list, auditEntry.elementID, map[string]any{"first": first})
	if err != nil {
		return nil, err
	}
	page["pageInfo"].(map[string]any)["hasPreviousPage"] = f.Before != 0
	return page, nil
}
