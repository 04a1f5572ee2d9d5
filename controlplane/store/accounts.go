package store

import (
	"context"
	"errors"
	"time"

	"icehouse/tenancy"
	"icehouse/tenancy/directory"
)

// Errors of accounts and seats.
var (
	// ErrEmailTaken says that another account has this e-mail address.
	ErrEmailTaken = errors.New("store: e-mail taken")
	// ErrOwns says that the account still owns projects.
	ErrOwns = errors.New("store: account owns projects")
	// ErrOwner says that the seat is the owner's, or that it is not the owner's where
	// it had to be.
	ErrOwner = errors.New("store: owner")
	// ErrFull says that MaxLetters wait already.
	ErrFull = errors.New("store: too many letters wait")
)

// Invited is the status of an invitation, which is no customer's yet.
const Invited = "INVITED_TO_PROJECT"

// Member is a seat, or an invitation to one, with whose it is.
type Member struct {
	Seat
	Email, Name string
}

// Purpose is what the secret in a mail is for.
type Purpose string

// The purposes.
const (
	SignUp      Purpose = "signup" // make the account of Email, Name and PasswordHash
	ChangeEmail Purpose = "email"  // give the account its new Email
	Reset       Purpose = "reset"  // give the account a new password
)

// OneTime is what a secret that was mailed may do, once.
type OneTime struct {
	Hash         string // of the secret
	Purpose      Purpose
	Customer     string // "" for a sign-up
	Email, Name  string
	PasswordHash string
	ExpiresAt    time.Time
}

// Session is a platform token that can be taken back: of a sign-in, or one that its
// account made for a purpose.
type Session struct {
	ID        string
	Customer  string
	Name      string
	Scopes    string // separated by spaces; "" for all
	CreatedAt time.Time
	ExpiresAt time.Time // zero: never
}

// ProjectChange says what to change; nil leaves a value as it is.
type ProjectChange struct {
	Name, Alias                  *string // an empty alias removes it
	AllowQueries, AllowMutations *bool
	Exceeded                     ExceededChange
}

// ExceededChange says which limits of a plan a project has gone over or come back
// under; nil leaves one as it is.
type ExceededChange struct{ Requests, Database, Invocations *bool }

// Over is what holds after the change.
func (c ExceededChange) Over(before directory.Exceeded) directory.Exceeded {
	set := func(to *bool, given *bool) {
		if given != nil {
			*to = *given
		}
	}
	set(&before.Requests, c.Requests)
	set(&before.Database, c.Database)
	set(&before.Invocations, c.Invocations)
	return before
}

// Letter is a mail that is to be sent. With a Purpose it is written when it is sent: its
// secret is made then, so that none waits anywhere.
type Letter struct {
	ID           string
	Purpose      Purpose // of the secret in it; "" for none
	Customer     string  // whose secret it is; "" when there is no account, or no secret
	Email        string  // where it goes
	Name         string  // of a sign-up, as PasswordHash
	PasswordHash string
	Subject      string // of a letter without a Purpose, as Text
	Text         string
	Attempts     int       // that were begun
	DueAt        time.Time // when to send it; while somebody sends it, the end of their lease
	ExpiresAt    time.Time // nobody wants it any more
}

// MaxLetters is how many letters wait at most.
const MaxLetters = 10_000

// Audit is one management call.
type Audit struct {
	Number    int64 // given by the store; grows
	At        time.Time
	Customer  string // "" when nobody was signed in
	Session   string
	Project   tenancy.ProjectID // "" when it was about none, or none that the caller has a seat in
	Action    string            // the mutation
	Target    string            // what it names in its input
	Result    string            // OK, REFUSED or FAILED
	Code      int               // of a refusal, when it has one
	Address   string
	RequestID string
}

// AuditFilter says which calls to read: of a project, or of an account.
type AuditFilter struct {
	Project  tenancy.ProjectID
	Customer string // counts when Project is ""
	Before   int64  // calls with smaller numbers only; 0 for the newest
	Limit    int
}

// Accounts is the part of a Store that keeps accounts, seats and the log.
type Accounts interface {
	// CustomerByEmail finds an account.
	CustomerByEmail(ctx context.Context, email string) (Customer, error)
	// AddCustomer stores an account and turns invitations of its address into seats.
	// ErrEmailTaken.
	AddCustomer(ctx context.Context, c Customer) (Customer, error)
	// UpdateCustomer changes what is not nil. Invitations of a new address become
	// seats. ErrEmailTaken, ErrNotFound.
	UpdateCustomer(ctx context.Context, id string, name, email *string, at time.Time) (Customer, error)
	// SetPassword also ends all sessions but one, and forgets secrets that were mailed
	// or are to be.
	SetPassword(ctx context.Context, id, hash, keepSession string, at time.Time) (Customer, error)
	// RemoveCustomer forgets an account with its seats and sessions. ErrOwns when it
	// has projects, ErrNotFound.
	RemoveCustomer(ctx context.Context, id string) error

	// AddOneTime stores what a mailed secret may do.
	AddOneTime(ctx context.Context, o OneTime) error
	// Confirm does what a secret for SignUp or ChangeEmail is for. newID is the id of a
	// new account. Another address adds the letter tell, unless it is nil. ErrNotFound
	// when there is no such secret or its time is over, ErrFull; ErrEmailTaken, and the
	// secret is gone then, too.
	Confirm(ctx context.Context, hash, newID string, at time.Time, tell *Letter) (Customer, error)
	// ResetPassword is SetPassword for whoever has a secret for Reset. ErrNotFound.
	ResetPassword(ctx context.Context, hash, passwordHash string, at time.Time) (Customer, error)

	// AddLetter stores a letter. ErrFull.
	AddLetter(ctx context.Context, l Letter) error
	// TakeLetter takes the letter that is due for the longest time, and counts an
	// attempt. Nobody else gets it until the lease ends. ErrNotFound when none is due.
	// Leases go by now, so the clocks of those who send must not be a lease apart.
	TakeLetter(ctx context.Context, now time.Time, lease time.Duration) (Letter, error)
	// RemoveLetter forgets a letter that was taken, unless somebody took it since.
	RemoveLetter(ctx context.Context, l Letter) error
	// DelayLetter lets a letter that was taken be due again, unless somebody took it
	// since.
	DelayLetter(ctx context.Context, l Letter, until time.Time) error

	// AddSession stores a session.
	AddSession(ctx context.Context, s Session) error
	// Session finds a session, also one that is over.
	Session(ctx context.Context, id string) (Session, error)
	// SessionsOf lists the sessions of an account, oldest first.
	SessionsOf(ctx context.Context, customer string) ([]Session, error)
	// RemoveSession ends a session of an account. ErrNotFound.
	RemoveSession(ctx context.Context, customer, id string) error
	// RemoveSessions ends all sessions of an account but one; "" for none.
	RemoveSessions(ctx context.Context, customer, but string) error

	// Attempt counts one more under a key and says how many there were since the
	// first of this window, and when the window ends.
	Attempt(ctx context.Context, key string, now time.Time, window time.Duration) (count int, ends time.Time, err error)
	// Attempts says how many were counted under a key in the window that now is in,
	// and when that ends; zero when there is none.
	Attempts(ctx context.Context, key string, now time.Time) (count int, ends time.Time, err error)
	// ForgetAttempts begins a key's count anew.
	ForgetAttempts(ctx context.Context, key string) error
	// Sweep forgets attempts, secrets and sessions whose time is over.
	Sweep(ctx context.Context, now time.Time) error

	// Members lists seats and invitations of a project, oldest first.
	Members(ctx context.Context, project tenancy.ProjectID) ([]Member, error)
	// ProjectOfSeat finds the project of a seat or an invitation. ErrNotFound.
	ProjectOfSeat(ctx context.Context, id string) (tenancy.ProjectID, error)
	// Invite gives the account of an e-mail address a seat, or stores an invitation
	// when there is none. It may be repeated. ErrNameTaken when the account has a seat
	// in another project of this name, ErrNotFound without the project. It adds the letter
	// that tell writes to them, unless that is nil; ErrFull.
	Invite(ctx context.Context, project tenancy.ProjectID, email, id string, at time.Time, tell func(Member) *Letter) (Member, error)
	// RemoveMember takes a seat or an invitation back. ErrNotFound, ErrOwner.
	RemoveMember(ctx context.Context, project tenancy.ProjectID, email string) (Member, error)
	// TransferOwnership makes another member the owner. ErrOwner when from is not the
	// owner, ErrNotFound when the new one has no seat, ErrNameTaken.
	TransferOwnership(ctx context.Context, project tenancy.ProjectID, from, to string, at time.Time) error
	// ChangeProject changes a project. ErrNameTaken, ErrAliasTaken, ErrAliasIsID,
	// ErrNotFound.
	ChangeProject(ctx context.Context, id tenancy.ProjectID, c ProjectChange, at time.Time) (Project, error)

	// AddAudit appends a call to the log. The engine refuses to change or remove one.
	AddAudit(ctx context.Context, a Audit) error
	// Audits reads calls, the newest first.
	Audits(ctx context.Context, f AuditFilter) ([]Audit, error)
}
