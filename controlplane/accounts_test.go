package controlplane_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"icehouse/controlplane"
	"icehouse/controlplane/mail"
	"icehouse/controlplane/mail/mailtest"
	"icehouse/controlplane/store"
	"icehouse/tenancy"
	"icehouse/tenancy/directory"
)

// mailHouse sends mails through a real server.
func mailHouse(t *testing.T) (*house, *mailtest.Server) {
	t.Helper()
	server := mailtest.Start(t, false, false)
	return newHouseWith(t, func(c *controlplane.Config) {
		sender, err := mail.NewSMTP("smtp://"+mailtest.User+":p%40ss%20word@127.0.0.1:"+server.Port, "no-reply@example.org", server.Trust)
		if err != nil {
			t.Fatal(err)
		}
		c.Mail, c.MailPause, c.MailLinks = sender, time.Millisecond, "https://icehouse.example.org/account"
	}), server
}

const (
	signUp = `mutation ($e: String!, $p: String!) { signup(input: {email: $e, password: $p, name: "Bob", clientMutationId: "m"}) { token user { id email name source } viewer { id } clientMutationId } }`
	signIn = `mutation ($e: String!, $p: String!) { signin(input: {email: $e, password: $p}) { token user { id email } viewer { user { id } } } }`
	verify = `mutation ($t: String!) { verifyEmail(input: {token: $t}) { token user { id email } } }`
	forgot = `mutation ($e: String!) { requestPasswordReset(input: {email: $e}) { viewer { id } } }`
	reset  = `mutation ($t: String!, $p: String!) { resetPassword(input: {resetPasswordToken: $t, newPassword: $p}) { token user { id } viewer { user { id } } } }`
	whoAmI = `{ viewer { user { id email name } } }`
	invite = `mutation ($p: ID!, $e: String!) { inviteCollaborator(input: {projectId: $p, email: $e}) { seat { id isOwner email name status } seatEdge { node { id } cursor } seatConnection(last: 1) { edges { node { email } } } project { id } user { id } } }`
	remove = `mutation ($p: ID!, $e: String!) { removeCollaborator(input: {projectId: $p, email: $e}) { deletedId project { id } seatConnection { edges { node { email } } } } }`
)

// as sends as the holder of a token and gives errors back.
func (h *house) as(token, text string, variables map[string]any) map[string]any {
	h.t.Helper()
	_, out := h.post(token, query(text, variables))
	return out
}

// good is as, without errors.
func (h *house) good(token, text string, variables map[string]any) map[string]any {
	h.t.Helper()
	out := h.as(token, text, variables)
	if out["errors"] != nil {
		h.t.Fatalf("%.60s: %v", text, out["errors"])
	}
	return out
}

func (h *house) refused(code int, message, token, text string, variables map[string]any) {
	h.t.Helper()
	out := h.as(token, text, variables)
	got, _ := dig(h.t, out, "errors.0.code").(float64)
	if said := dig(h.t, out, "errors.0.message").(string); int(got) != code || !strings.Contains(said, message) {
		h.t.Fatalf("%.60s: %v %q, want %d %q", text, got, said, code, message)
	}
}

// account signs somebody up where no mail is sent.
func (h *house) account(email string) (token, id string) {
	h.t.Helper()
	out := h.good("", signUp, map[string]any{"e": email, "p": "correct horse"})
	return dig(h.t, out, "data.signup.token").(string), dig(h.t, out, "data.signup.user.id").(string)
}

var codes = regexp.MustCompile(`(?m)^[A-Za-z0-9_-]{43}$`)

func code(t *testing.T, m mailtest.Mail) string {
	t.Helper()
	found := codes.FindString(m.Text)
	if found == "" || !strings.Contains(m.Text, "https://icehouse.example.org/account#code="+found) {
		t.Fatalf("no code in %q", m.Text)
	}
	return found
}

func TestSignUpWithoutMail(t *testing.T) {
	h := newHouse(t)
	for _, bad := range []struct{ email, password, message string }{
		{"nobody", "correct horse", "is not an e-mail address"}, {"a b@example.org", "correct horse", "is not an e-mail address"},
		{"Bob <bob@example.org>", "correct horse", "is not an e-mail address"}, {"bob@example.org", "short", "at least 8 characters"},
		{"bob@example.org", strings.Repeat("x", 513), "at most 512 bytes"},
	} {
		h.refused(0, bad.message, "", signUp, map[string]any{"e": bad.email, "p": bad.password})
	}
	out := h.good("", signUp, map[string]any{"e": " Bob@Example.org", "p": "correct horse"})
	token := dig(t, out, "data.signup.token").(string)
	if dig(t, out, "data.signup.user.email") != "bob@example.org" || dig(t, out, "data.signup.user.name") != "Bob" || dig(t, out, "data.signup.clientMutationId") != "m" {
		t.Fatal(out)
	}
	if dig(t, h.good(token, whoAmI, nil), "data.viewer.user.email") != "bob@example.org" {
		t.Fatal("the token is somebody else's")
	}
	h.refused(2017, "already in use", "", signUp, map[string]any{"e": "bob@example.org", "p": "correct horse"})
	h.refused(0, "sends no mail", "", forgot, map[string]any{"e": "bob@example.org"})
	out = h.good("", signIn, map[string]any{"e": "BOB@example.org", "p": "correct horse"})
	if dig(t, out, "data.signin.user.id") != dig(t, out, "data.signin.viewer.user.id") {
		t.Fatal(out)
	}
	h.refused(2013, "wrong", "", signIn, map[string]any{"e": "bob@example.org", "p": "Correct horse"})
	h.refused(2013, "wrong", "", signIn, map[string]any{"e": "nobody@example.org", "p": "correct horse"})
	h.refused(2013, "wrong", "", signIn, map[string]any{"e": "bob@example.org", "p": strings.Repeat("x", 1<<20)})
	h.refused(2013, "wrong", "", signIn, map[string]any{"e": "admin@localhost", "p": ""}) // has no password

	closed := newHouseWith(t, func(c *controlplane.Config) { c.SignUpClosed = true })
	closed.refused(0, "closed", "", signUp, map[string]any{"e": "bob@example.org", "p": "correct horse"})
}

func TestSignUpWithMail(t *testing.T) {
	h, server := mailHouse(t)
	ask := func(email string) string {
		return fmt.Sprint(h.good("", signUp, map[string]any{"e": email, "p": "correct horse"})["data"])
	}
	first := ask("bob@example.org")
	letter := server.Next(t)
	if letter.To != "bob@example.org" || letter.From != "no-reply@example.org" || strings.Contains(letter.Text, "Bob") {
		t.Fatalf("%+v", letter)
	}
	// Nobody is there yet.
	h.refused(2013, "wrong", "", signIn, map[string]any{"e": "bob@example.org", "p": "correct horse"})
	h.refused(2006, "not valid", "", verify, map[string]any{"t": "guessed"})
	out := h.good("", verify, map[string]any{"t": code(t, letter)})
	token := dig(t, out, "data.verifyEmail.token").(string)
	if dig(t, h.good(token, whoAmI, nil), "data.viewer.user.email") != "bob@example.org" {
		t.Fatal(out)
	}
	h.refused(2006, "not valid", "", verify, map[string]any{"t": code(t, letter)})
	h.good("", signIn, map[string]any{"e": "bob@example.org", "p": "correct horse"})

	// Whoever asks again is told the same; its owner gets another mail.
	if again := ask("bob@example.org"); again != first {
		t.Errorf("the answer tells that there is an account:\n%s\n%s", first, again)
	}
	if letter := server.Next(t); !strings.Contains(letter.Text, "has an account already") || codes.MatchString(letter.Text) {
		t.Errorf("%+v", letter)
	}
	h.good("", forgot, map[string]any{"e": "nobody@example.org"})
	h.good("", forgot, map[string]any{"e": "bob@example.org"})
	letter = server.Next(t)
	if letter.To != "bob@example.org" || !server.None() {
		t.Fatalf("%+v", letter)
	}
	h.refused(0, "at least 8", "", reset, map[string]any{"t": code(t, letter), "p": "short"})
	h.refused(2006, "not valid", "", verify, map[string]any{"t": code(t, letter)}) // it is for something else
	out = h.good("", reset, map[string]any{"t": code(t, letter), "p": "battery staple"})
	if dig(t, out, "data.resetPassword.viewer.user.id") != dig(t, out, "data.resetPassword.user.id") {
		t.Fatal(out)
	}
	h.refused(2006, "not valid", "", reset, map[string]any{"t": code(t, letter), "p": "battery staple"})
	h.refused(2001, "No valid session", token, whoAmI, nil) // sessions ended with the old password
	h.refused(2013, "wrong", "", signIn, map[string]any{"e": "bob@example.org", "p": "correct horse"})
	token = dig(t, h.good("", signIn, map[string]any{"e": "bob@example.org", "p": "battery staple"}), "data.signin.token").(string)

	// Another address counts when its code came back from who is signed in. What was
	// mailed to the old one is void then.
	const update = `mutation ($n: String, $e: String) { updateCustomer(input: {name: $n, email: $e}) { user { name email } viewer { user { name } } } }`
	out = h.good(token, update, map[string]any{"n": "Robert", "e": "robert@example.org"})
	if dig(t, out, "data.updateCustomer.user.email") != "bob@example.org" || dig(t, out, "data.updateCustomer.viewer.user.name") != "Robert" {
		t.Fatal(out)
	}
	letter = server.Next(t)
	h.good("", forgot, map[string]any{"e": "bob@example.org"})
	old := code(t, server.Next(t))
	ask("stranger@example.org")
	stranger := dig(t, h.good("", verify, map[string]any{"t": code(t, server.Next(t))}), "data.verifyEmail.token").(string)
	for _, who := range []string{"", stranger} {
		h.refused(2006, "not valid", who, verify, map[string]any{"t": code(t, letter)})
	}
	out = h.good(token, verify, map[string]any{"t": code(t, letter)})
	if told := server.Next(t); told.To != "bob@example.org" || !strings.Contains(told.Text, "another e-mail address") {
		t.Errorf("%+v", told)
	}
	h.refused(2006, "not valid", "", reset, map[string]any{"t": old, "p": "battery staple"})
	if letter.To != "robert@example.org" || dig(t, out, "data.verifyEmail.user.email") != "robert@example.org" || dig(t, out, "data.verifyEmail.token") != nil {
		t.Fatal(out)
	}

	// Codes end.
	ask("carol@example.org")
	letter = server.Next(t)
	h.mu.Lock()
	h.now = h.now.Add(24 * time.Hour)
	h.mu.Unlock()
	h.refused(2006, "not valid", "", verify, map[string]any{"t": code(t, letter)})
}

// TestGuessing: who guesses is slowed down, for an account that is there as for one that
// is not.
func TestGuessing(t *testing.T) {
	for _, email := range []string{"bob@example.org", "nobody@example.org"} {
		t.Run(email, func(t *testing.T) {
			h := newHouse(t)
			token, _ := h.account("bob@example.org")
			for range 10 {
				h.refused(2013, "wrong", "", signIn, map[string]any{"e": email, "p": "guess"})
			}
			h.refused(0, "Too many attempts. Try again in", "", signIn, map[string]any{"e": email, "p": "correct horse"})
			h.good(token, whoAmI, nil)
			h.account("other@example.org") // from the same address
			h.mu.Lock()
			h.now = h.now.Add(15 * time.Minute)
			h.mu.Unlock()
			h.refused(2013, "wrong", "", signIn, map[string]any{"e": email, "p": "guess"})
		})
	}
}

// TestGuessingTheMasterToken: only wrong ones count, together for all mutations that ask
// for it, and who guessed too often learns nothing more for a while.
func TestGuessingTheMasterToken(t *testing.T) {
	h := newHouse(t).login()
	id := h.add("a", "")
	const in = `mutation ($s: String!) { authenticateCustomer(input: {auth0IdToken: $s}) { token user { id } } }`
	const update = `mutation ($i: String!, $s: String!) { trustedUpdateProject(input: {id: $i, secret: $s}) { project { id } } }`
	const signUp = `mutation ($s: String!) { trustedSignupCustomer(input: {email: "x@example.org", source: DOCS, secret: $s}) { token } }`
	const signIn = `mutation ($s: String!) { trustedSigninCustomer(input: {email: "admin@localhost", secret: $s}) { token } }`
	for range 30 { // the right one may come as often as one likes
		h.good("", in, map[string]any{"s": master})
		h.good("", update, map[string]any{"i": id, "s": master})
	}
	for range 4 {
		h.refused(0, "invalid token for local env", "", in, map[string]any{"s": "guess"})
	}
	for range 2 {
		h.refused(4021, "The secret is wrong", "", update, map[string]any{"i": id, "s": "guess"})
		h.refused(4021, "The secret is wrong", "", signUp, map[string]any{"s": "guess"})
		h.refused(4021, "The secret is wrong", "", signIn, map[string]any{"s": ""})
	}
	for _, secret := range []string{"guess", master} {
		for _, text := range []string{in, signUp, signIn} {
			h.refused(0, "Too many attempts. Try again in", "", text, map[string]any{"s": secret})
		}
		h.refused(0, "Too many attempts. Try again in", "", update, map[string]any{"i": id, "s": secret})
	}
	h.good(h.token, whoAmI, nil) // who is in stays in
	h.mu.Lock()
	h.now = h.now.Add(15 * time.Minute)
	h.mu.Unlock()
	h.good("", in, map[string]any{"s": master})
	h.good("", update, map[string]any{"i": id, "s": master})

	open := newHouseWith(t, func(c *controlplane.Config) { c.MasterToken = "" })
	for range 20 {
		open.good("", in, map[string]any{"s": "anything"})
		if out := open.as("", signIn, map[string]any{"s": "anything"}); out["errors"] == nil { // and nothing is the secret of what asks for one
			t.Fatal(out)
		}
	}
}

func TestPasswordsAndSessions(t *testing.T) {
	h := newHouse(t)
	token, id := h.account("bob@example.org")
	other := dig(t, h.good("", signIn, map[string]any{"e": "bob@example.org", "p": "correct horse"}), "data.signin.token").(string)
	const change = `mutation ($o: String!, $n: String!) { updatePassword(input: {oldPassword: $o, newPassword: $n}) { user { id } viewer { id } } }`
	h.refused(2001, "No valid session", "", change, map[string]any{"o": "correct horse", "n": "battery staple"})
	h.refused(2005, "wrong", token, change, map[string]any{"o": "wrong", "n": "battery staple"})
	h.good(token, change, map[string]any{"o": "correct horse", "n": "battery staple"})
	h.good(token, whoAmI, nil)
	h.refused(2001, "No valid session", other, whoAmI, nil)

	// The first account has no password until it sets one.
	h.login()
	h.refused(2005, "wrong", h.token, change, map[string]any{"o": "guess", "n": "battery staple"})
	h.good(h.token, change, map[string]any{"o": "", "n": "battery staple"})
	h.good("", signIn, map[string]any{"e": "admin@localhost", "p": "battery staple"})
	h.good(h.token, whoAmI, nil) // a token without a session stays

	const make = `mutation ($s: [String!], $x: Int) { createPlatformToken(input: {name: "ci", scopes: $s, expiresInSeconds: $x}) { token platformToken { id name scopes expiresAt isCurrent } } }`
	made := func(by string, scopes []string, seconds any) (text, tokenID string) {
		t.Helper()
		out := h.good(by, make, map[string]any{"s": scopes, "x": seconds})
		return dig(t, out, "data.createPlatformToken.token").(string), dig(t, out, "data.createPlatformToken.platformToken.id").(string)
	}
	h.refused(0, "The scopes of a token are", token, make, map[string]any{"s": []string{"everything"}})
	h.refused(0, "at least a second", token, make, map[string]any{"x": 0})
	reader, readerID := made(token, []string{"read"}, nil)
	h.good(reader, whoAmI, nil)
	h.refused(0, "scope 'manage'", reader, addProject, map[string]any{"name": "a", "config": emptyConfig})
	h.refused(0, "scope 'account'", reader, make, map[string]any{})
	h.refused(0, "scope 'account'", reader, change, map[string]any{"o": "battery staple", "n": "correct horse"})
	keeper, _ := made(token, []string{"account"}, nil)
	h.refused(0, "scope 'data'", keeper, make, map[string]any{"s": []string{"data"}})
	h.refused(0, "scope 'manage'", keeper, make, map[string]any{"s": []string{"read", "manage"}})
	same, _ := made(keeper, nil, nil) // no more than its maker
	h.refused(0, "scope 'manage'", same, addProject, map[string]any{"name": "a", "config": emptyConfig})

	manager, _ := made(token, []string{"manage"}, nil)
	project := dig(t, h.good(manager, addProject, map[string]any{"name": "a", "config": emptyConfig}), "data.addProject.project.id").(string)
	h.good(token, `mutation ($p: ID!) { addPermanentAuthToken(input: {projectId: $p, name: "ops"}) { permanentAuthToken { id } } }`, map[string]any{"p": project})
	const roots = `query ($p: ID!) { viewer { project(id: $p) { permanentAuthTokens { edges { node { token } } } } } }`
	h.good(token, roots, map[string]any{"p": project})
	h.refused(0, "scope 'data'", manager, roots, map[string]any{"p": project})
	admin := func(text string, want bool) {
		t.Helper()
		if got, err := h.isAdmin(t, tenancy.ProjectID(project), text); got != want || err != nil {
			t.Errorf("admin %v %v, want %v", got, err, want)
		}
	}
	data, dataID := made(token, []string{"data"}, nil)
	admin(token, true)
	admin(data, true)
	admin(manager, false)
	h.refused(0, "scope 'read'", data, whoAmI, nil)

	brief, _ := made(token, nil, 60)
	admin(brief, true)
	const list = `{ viewer { user { platformTokens { id name scopes isCurrent } } } }`
	if n := len(dig(t, h.good(token, list, nil), "data.viewer.user.platformTokens").([]any)); n != 7 {
		t.Errorf("%d tokens", n)
	}
	h.mu.Lock()
	h.now = h.now.Add(time.Minute)
	h.mu.Unlock()
	admin(brief, false)
	h.refused(2001, "No valid session", brief, whoAmI, nil)
	if n := len(dig(t, h.good(token, list, nil), "data.viewer.user.platformTokens").([]any)); n != 6 {
		t.Errorf("%d tokens", n)
	}

	const drop = `mutation ($i: ID!) { deletePlatformToken(input: {id: $i}) { deletedId user { id } } }`
	h.refused(2000, "No token with id", h.token, drop, map[string]any{"i": dataID}) // a stranger's
	h.refused(2000, "No token with id", token, drop, map[string]any{"i": "no id"})
	h.good(token, drop, map[string]any{"i": dataID})
	admin(data, false)
	h.good(token, drop, map[string]any{"i": readerID})
	h.refused(2001, "No valid session", reader, whoAmI, nil)

	const out = `mutation ($e: Boolean) { signout(input: {everywhere: $e}) { user { id } } }`
	h.refused(0, "no session", h.token, out, nil)
	another := dig(t, h.good("", signIn, map[string]any{"e": "bob@example.org", "p": "battery staple"}), "data.signin.token").(string)
	h.good(another, out, nil)
	h.refused(2001, "No valid session", another, whoAmI, nil)
	h.good(token, out, map[string]any{"e": true})
	for _, text := range []string{token, keeper, same, manager} {
		h.refused(2001, "No valid session", text, whoAmI, nil)
		admin(text, false)
	}
	_ = id
}

func TestDeleteCustomer(t *testing.T) {
	h := newHouse(t).login()
	token, id := h.account("bob@example.org")
	const drop = `mutation ($i: String!) { deleteCustomer(input: {customerId: $i}) { deletedId user { id } viewer { id } } }`
	firstID := dig(t, h.ask(whoAmI, nil), "data.viewer.user.id").(string)
	h.refused(4023, "no account", token, drop, map[string]any{"i": firstID})
	h.refused(4008, "first account", h.token, drop, map[string]any{"i": firstID})
	h.good(token, addProject, map[string]any{"name": "a", "config": emptyConfig})
	h.refused(4008, "owns projects", token, drop, map[string]any{"i": id})
	project := dig(t, h.good(token, `{ viewer { user { projects { edges { node { id } } } } } }`, nil), "data.viewer.user.projects.edges.0.node.id").(string)
	h.good(token, `mutation ($p: String!) { deleteProject(input: {projectId: $p}) { deletedId } }`, map[string]any{"p": project})
	out := h.good(token, drop, map[string]any{"i": id})
	if dig(t, out, "data.deleteCustomer.deletedId") != id {
		t.Fatal(out)
	}
	h.refused(2001, "No valid session", token, whoAmI, nil)
	h.refused(2013, "wrong", "", signIn, map[string]any{"e": "bob@example.org", "p": "correct horse"})
	if _, again := h.account("bob@example.org"); again == id {
		t.Fatal("the account is back")
	}
}

func TestTrusted(t *testing.T) {
	h := newHouse(t)
	const up = `mutation ($e: String!, $s: String!) { trustedSignupCustomer(input: {email: $e, name: "Bob", source: LEARN_RELAY, secret: $s}) { client { id email source } clientEdge { cursor node { id } } resetPasswordToken token viewer { user { id } } } }`
	const in = `mutation ($e: String!, $s: String!) { trustedSigninCustomer(input: {email: $e, secret: $s}) { resetPasswordToken token viewer { user { id } } } }`
	h.refused(4021, "wrong", "", up, map[string]any{"e": "bob@example.org", "s": "guess"})
	h.refused(4021, "wrong", "", in, map[string]any{"e": "bob@example.org", "s": ""})
	out := h.good("", up, map[string]any{"e": "bob@example.org", "s": master})
	if dig(t, out, "data.trustedSignupCustomer.client.source") != "LEARN_RELAY" || dig(t, out, "data.trustedSignupCustomer.viewer.user.id") != dig(t, out, "data.trustedSignupCustomer.clientEdge.cursor") {
		t.Fatal(out)
	}
	h.good(dig(t, out, "data.trustedSignupCustomer.token").(string), whoAmI, nil)
	h.refused(2017, "in use", "", up, map[string]any{"e": "bob@example.org", "s": master})
	h.good("", reset, map[string]any{"t": dig(t, out, "data.trustedSignupCustomer.resetPasswordToken"), "p": "battery staple"})
	h.good("", signIn, map[string]any{"e": "bob@example.org", "p": "battery staple"})
	h.good(dig(t, h.good("", in, map[string]any{"e": "bob@example.org", "s": master}), "data.trustedSigninCustomer.token").(string), whoAmI, nil)
	h.refused(2013, "no account", "", in, map[string]any{"e": "nobody@example.org", "s": master})

	open := newHouseWith(t, func(c *controlplane.Config) { c.MasterToken = "" })
	open.refused(4021, "wrong", "", up, map[string]any{"e": "bob@example.org", "s": ""})
}

func TestCollaborators(t *testing.T) {
	h := newHouse(t).login()
	bob, _ := h.account("bob@example.org")
	carol, _ := h.account("carol@example.org")
	id := h.add("a", "alias")
	project := tenancy.ProjectID(id)
	admin := func(token string, want bool) {
		t.Helper()
		if got, err := h.isAdmin(t, project, token); got != want || err != nil {
			t.Errorf("admin %v %v, want %v", got, err, want)
		}
	}
	h.refused(4000, "No service with id", bob, invite, map[string]any{"p": id, "e": "bob@example.org"})
	h.refused(2036, "not the e-mail address", h.token, invite, map[string]any{"p": id, "e": "nobody"})
	admin(bob, false)
	out := h.ask(invite, map[string]any{"p": "alias", "e": "Bob@example.org"})
	if got := fmt.Sprintln(dig(t, out, "data.inviteCollaborator.seat.status"), dig(t, out, "data.inviteCollaborator.seat.name"), dig(t, out, "data.inviteCollaborator.seat.isOwner"), dig(t, out, "data.inviteCollaborator.seatConnection.edges.0.node.email")); got != "JOINED Bob false bob@example.org\n" {
		t.Fatal(got)
	}
	admin(bob, true)
	h.good(bob, addProject, map[string]any{"name": "taken", "config": emptyConfig})
	h.refused(2037, "has a project with the name 'taken'", h.token, invite, map[string]any{"p": h.add("taken", ""), "e": "bob@example.org"})

	// An invitation waits for its account.
	out = h.good(bob, invite, map[string]any{"p": id, "e": "dave@example.org"})
	seat := dig(t, out, "data.inviteCollaborator.seat.id").(string)
	if dig(t, out, "data.inviteCollaborator.seat.status") != "INVITED_TO_PROJECT" || dig(t, out, "data.inviteCollaborator.seat.name") != nil {
		t.Fatal(out)
	}
	dave, _ := h.account("dave@example.org")
	admin(dave, true)
	const seats = `{ viewer { project(id: "alias") { seats { edges { node { id email isOwner status } } } } } }`
	if list := dig(t, h.good(dave, seats, nil), "data.viewer.project.seats.edges").([]any); len(list) != 3 || dig(t, list[2], "node.id") != seat || dig(t, list[0], "node.isOwner") != true {
		t.Fatal(list)
	}
	if got := dig(t, h.good(dave, `query ($i: ID!) { node(id: $i) { ... on Seat { email } } }`, map[string]any{"i": seat}), "data.node.email"); got != "dave@example.org" {
		t.Fatal(got)
	}
	if got := dig(t, h.good(carol, `query ($i: ID!) { node(id: $i) { id } }`, map[string]any{"i": seat}), "data.node"); got != nil {
		t.Fatal("a stranger sees a seat")
	}

	h.refused(4027, "No seat", bob, remove, map[string]any{"p": id, "e": "nobody@example.org"})
	h.refused(0, "owner", bob, remove, map[string]any{"p": id, "e": "admin@localhost"})
	h.refused(4000, "No service", carol, remove, map[string]any{"p": id, "e": "dave@example.org"})
	out = h.good(bob, remove, map[string]any{"p": id, "e": "dave@example.org"})
	if dig(t, out, "data.removeCollaborator.deletedId") != seat || len(dig(t, out, "data.removeCollaborator.seatConnection.edges").([]any)) != 2 {
		t.Fatal(out)
	}
	admin(dave, false)
	h.refused(4000, "No service", dave, seats, nil)

	const transfer = `mutation ($p: ID!, $e: String!) { transferOwnership(input: {projectId: $p, email: $e}) { project { seats { edges { node { email isOwner } } } } user { id } } }`
	const drop = `mutation ($p: String!) { deleteProject(input: {projectId: $p}) { deletedId } }`
	h.refused(4052, "Only the owner", bob, transfer, map[string]any{"p": id, "e": "bob@example.org"})
	h.refused(4053, "has not joined", h.token, transfer, map[string]any{"p": id, "e": "carol@example.org"})
	h.ask(invite, map[string]any{"p": id, "e": "new@example.org"})
	h.refused(4053, "has not joined", h.token, transfer, map[string]any{"p": id, "e": "new@example.org"})
	h.refused(4054, "is the owner", h.token, transfer, map[string]any{"p": id, "e": "admin@localhost"})
	h.refused(4052, "Only the owner", bob, drop, map[string]any{"p": id})
	h.ask(transfer, map[string]any{"p": id, "e": "bob@example.org"})
	h.refused(4052, "Only the owner", h.token, drop, map[string]any{"p": id})
	admin(h.token, true)
	h.good(bob, remove, map[string]any{"p": id, "e": "admin@localhost"})
	admin(h.token, false)
	h.good(bob, drop, map[string]any{"p": id})
}

func TestInvitationMail(t *testing.T) {
	h, server := mailHouse(t)
	h.login()
	id := h.add("a", "")
	h.ask(invite, map[string]any{"p": id, "e": "dave@example.org"})
	if letter := server.Next(t); letter.To != "dave@example.org" || !strings.Contains(letter.Text, "admin@localhost invites you to work on the project a") || !strings.Contains(letter.Text, "Sign up") {
		t.Fatalf("%+v", letter)
	}
	// Who signs up with the address and can't read its mail gets nothing.
	h.good("", signUp, map[string]any{"e": "dave@example.org", "p": "correct horse"})
	letter := server.Next(t)
	seats := `query ($p: ID!) { viewer { project(id: $p) { seats { edges { node { status } } } } } }`
	if got := dig(t, h.ask(seats, map[string]any{"p": id}), "data.viewer.project.seats.edges.1.node.status"); got != "INVITED_TO_PROJECT" {
		t.Fatal(got)
	}
	h.good("", verify, map[string]any{"t": code(t, letter)})
	if got := dig(t, h.ask(seats, map[string]any{"p": id}), "data.viewer.project.seats.edges.1.node.status"); got != "JOINED" {
		t.Fatal(got)
	}
}

// TestMailOutlivesItsProcess: what was asked for while the mail server was away is sent by
// the process that runs when it is back, once, with a code that counts.
func TestMailOutlivesItsProcess(t *testing.T) {
	server := mailtest.Start(t, false, true)
	var away atomic.Bool
	away.Store(true)
	server.Fail = func() error {
		if away.Load() {
			return &smtp.SMTPError{Code: 421, Message: "away"}
		}
		return nil
	}
	var platform store.Store
	set := func(c *controlplane.Config) {
		sender, err := mail.NewSMTP("smtp+plain://127.0.0.1:"+server.Port, "no-reply@example.org", nil)
		if err != nil {
			t.Fatal(err)
		}
		c.Mail, c.MailPause, c.MailLinks = sender, time.Millisecond, "https://icehouse.example.org/account"
		if platform == nil {
			platform = c.Store
		}
		c.Store = platform
	}
	h := newHouseWith(t, set).login()
	h.good("", signUp, map[string]any{"e": "bob@example.org", "p": "correct horse"})
	h.good("", forgot, map[string]any{"e": "nobody@example.org"})
	h.ask(invite, map[string]any{"p": h.add("a", ""), "e": "bob@example.org"})
	for end := time.Now().Add(10 * time.Second); !strings.Contains(h.log.String(), "a mail is not sent yet"); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody tries to send")
		}
	}
	if err := h.cp.Close(); err != nil {
		t.Fatal(err)
	}
	if !server.None() {
		t.Fatal("it was sent")
	}
	for _, hidden := range []string{"correct horse", "#code="} {
		if strings.Contains(h.log.String(), hidden) {
			t.Errorf("%q is in the log", hidden)
		}
	}

	away.Store(false)
	later := newHouseWith(t, func(c *controlplane.Config) {
		set(c)
		now := time.Now().Add(20 * time.Minute)
		c.Clock = func() time.Time { return now }
	})
	letters := map[string]string{}
	for range 2 {
		m := server.Next(t)
		letters[m.Subject] = m.Text
	}
	text := letters["Confirm your e-mail address (Icehouse)"]
	if !strings.Contains(letters["Invitation to a project (Icehouse)"], "project a") || text == "" {
		t.Fatalf("%q", letters)
	}
	later.good("", verify, map[string]any{"t": code(t, mailtest.Mail{Text: text})})
	later.good("", signIn, map[string]any{"e": "bob@example.org", "p": "correct horse"})
	if err := later.cp.Close(); err != nil || !server.None() {
		t.Error("more was sent", err)
	}
}

func TestUpdateProject(t *testing.T) {
	h := newHouse(t).login()
	id := h.add("a", "alias")
	h.add("b", "taken")
	bob, _ := h.account("bob@example.org")
	const update = `mutation ($i: String!, $n: String, $a: String, $w: String, $m: Boolean, $q: Boolean) { updateProject(input: {id: $i, name: $n, alias: $a, webhookUrl: $w, allowMutations: $m, allowQueries: $q}) { project { id name alias allowMutations } user { id } viewer { id } } }`
	for _, c := range []struct {
		code    int
		message string
		by      string
		input   map[string]any
	}{
		{4000, "No service", bob, map[string]any{"i": id, "n": "c"}},
		{2008, "not a valid name", h.token, map[string]any{"i": id, "n": "1"}},
		{2003, "'b' already exists", h.token, map[string]any{"i": id, "n": "b"}},
		{2033, "not a valid project alias", h.token, map[string]any{"i": id, "a": "a b"}},
		{2034, "'taken' is already in use", h.token, map[string]any{"i": id, "a": "taken"}},
		{2035, "is the id of a project", h.token, map[string]any{"i": id, "a": id}},
		{0, "webhookUrl", h.token, map[string]any{"i": id, "w": "http://x"}},
	} {
		h.refused(c.code, c.message, c.by, update, c.input)
	}
	h.mu.Lock()
	h.told = nil
	h.mu.Unlock()
	out := h.ask(update, map[string]any{"i": "alias", "n": "c", "a": "new", "m": false})
	if fmt.Sprint(dig(t, out, "data.updateProject.project")) != fmt.Sprint(map[string]any{"id": id, "name": "c", "alias": "new", "allowMutations": false}) {
		t.Fatal(out)
	}
	h.mu.Lock()
	told := slices.Clone(h.told)
	h.mu.Unlock()
	if !slices.Equal(told, []string{id}) { // that names are unknown is forgotten with any project
		t.Errorf("told %q", told)
	}
	entry, err := h.cp.Registry().FindProject(t.Context(), "new")
	if err != nil || !entry.MutationsLocked || entry.QueriesLocked {
		t.Fatalf("%+v %v", entry, err)
	}
	// Null is as if nothing was said, as the original took it.
	out = h.ask(update, map[string]any{"i": id, "n": nil, "a": nil, "m": nil, "q": nil})
	if fmt.Sprint(dig(t, out, "data.updateProject.project")) != fmt.Sprint(map[string]any{"id": id, "name": "c", "alias": "new", "allowMutations": false}) {
		t.Fatal(out)
	}
	if out = h.ask(update, map[string]any{"i": id, "a": "", "q": false, "m": true}); dig(t, out, "data.updateProject.project.alias") != nil {
		t.Fatal(out)
	}
	if entry, err = h.cp.Registry().FindProject(t.Context(), id); err != nil || entry.MutationsLocked || !entry.QueriesLocked {
		t.Fatalf("%+v %v", entry, err)
	}
	const trusted = `mutation ($i: String!, $s: String!) { trustedUpdateProject(input: {id: $i, name: "d", secret: $s}) { project { name } user { email } } }`
	h.refused(4021, "wrong", h.token, trusted, map[string]any{"i": id, "s": "guess"})
	out = h.good("", trusted, map[string]any{"i": id, "s": master})
	if entry, err = h.cp.Registry().FindProject(t.Context(), id); err != nil || entry.Exceeded != (directory.Exceeded{}) {
		t.Fatalf("%+v %v", entry, err)
	}
	if dig(t, out, "data.trustedUpdateProject.project.name") != "d" || dig(t, out, "data.trustedUpdateProject.user.email") != "admin@localhost" {
		t.Fatal(out)
	}

	// The flags of its plan are the billing side's, and its members see them.
	const flags = `requestLimitExceeded databaseLimitExceeded invocationLimitExceeded`
	const exceed = `mutation ($i: String!, $s: String!, $r: Boolean, $d: Boolean, $v: Boolean) { trustedUpdateProject(input: {id: $i, secret: $s, requestLimitExceeded: $r, databaseLimitExceeded: $d, invocationLimitExceeded: $v}) { project { ` + flags + ` } } }`
	for _, c := range []struct {
		set  map[string]any
		want directory.Exceeded
	}{
		{map[string]any{"r": true, "v": true}, directory.Exceeded{Requests: true, Invocations: true}},
		{map[string]any{"r": false, "d": true}, directory.Exceeded{Database: true, Invocations: true}},
		{map[string]any{}, directory.Exceeded{Database: true, Invocations: true}},
		{map[string]any{"d": false, "v": false}, directory.Exceeded{}},
	} {
		h.mu.Lock()
		h.told = nil
		h.mu.Unlock()
		c.set["i"], c.set["s"] = id, master
		h.refused(4021, "wrong", h.token, exceed, map[string]any{"i": id, "s": "guess", "r": false})
		want := map[string]any{"requestLimitExceeded": c.want.Requests, "databaseLimitExceeded": c.want.Database, "invocationLimitExceeded": c.want.Invocations}
		if got := dig(t, h.good("", exceed, c.set), "data.trustedUpdateProject.project"); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%v: %v", c.set, got)
		}
		if got := dig(t, h.ask(`query ($i: ID!) { viewer { project(id: $i) { `+flags+` } } }`, map[string]any{"i": id}), "data.viewer.project"); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%v: %v", c.set, got)
		}
		if entry, err = h.cp.Registry().FindProject(t.Context(), id); err != nil || entry.Exceeded != c.want {
			t.Errorf("%v: %+v %v", c.set, entry, err)
		}
		h.mu.Lock()
		if !slices.Equal(h.told, []string{id}) {
			t.Errorf("%v: told %q", c.set, h.told)
		}
		h.mu.Unlock()
	}
}

func TestAuditLog(t *testing.T) {
	h := newHouse(t).login()
	bob, bobID := h.account("bob@example.org")
	id := h.add("a", "alias")
	h.ask(invite, map[string]any{"p": "alias", "e": "bob@example.org"})
	h.good(bob, push, map[string]any{"projectId": "alias", "isDryRun": true, "config": emptyConfig})
	h.good(bob, push, map[string]any{"projectId": "alias", "isDryRun": false, "config": config("types: ./t.graphql\n", map[string]string{"./t.graphql": "type {"}, nil)})
	h.refused(4052, "Only the owner", bob, `mutation { deleteProject(input: {projectId: "alias"}) { deletedId } }`, nil)
	stranger, _ := h.account("eve@example.org")
	h.refused(4000, "No service", stranger, remove, map[string]any{"p": id, "e": "bob@example.org"})

	const log = `query ($n: Int, $a: String) { viewer { project(id: "alias") { auditLog(first: $n, after: $a) { edges { cursor node { action result code target email customerId projectId tokenId address at requestId } } pageInfo { hasNextPage hasPreviousPage endCursor } } } } }`
	read := func(variables map[string]any) (lines []string, page map[string]any) {
		out := dig(t, h.ask(log, variables), "data.viewer.project.auditLog").(map[string]any)
		for _, e := range out["edges"].([]any) {
			n := dig(t, e, "node").(map[string]any)
			lines = append(lines, fmt.Sprint(n["action"], " ", n["result"], " ", n["code"], " ", n["email"]))
			if n["projectId"] != id || n["address"] != "127.0.0.1" || n["requestId"] == "" {
				t.Errorf("%v", n)
			}
		}
		return lines, out["pageInfo"].(map[string]any)
	}
	lines, _ := read(nil)
	want := []string{"deleteProject REFUSED 4052 bob@example.org", "push REFUSED <nil> bob@example.org", "push OK <nil> bob@example.org",
		"inviteCollaborator OK <nil> admin@localhost", "addProject OK <nil> admin@localhost"}
	if !slices.Equal(lines, want) {
		t.Fatalf("%q", lines)
	}
	var paged []string
	variables := map[string]any{"n": 2}
	for {
		lines, page := read(variables)
		paged = append(paged, lines...)
		if page["hasNextPage"] != true {
			break
		}
		variables["a"] = page["endCursor"]
	}
	if !slices.Equal(paged, want) {
		t.Fatalf("%q", paged)
	}
	h.refused(4052, "Only the owner", bob, log, nil)
	h.refused(3000, "no cursor", h.token, log, map[string]any{"a": "x"})

	// Everyone sees their own calls, sign-in and all.
	out := h.good(bob, `{ viewer { user { auditLog { edges { node { action customerId } } } } } }`, nil)
	edges := dig(t, out, "data.viewer.user.auditLog.edges").([]any)
	if len(edges) != 4 || dig(t, edges[3], "node.action") != "signup" || dig(t, edges[0], "node.customerId") != bobID {
		t.Fatal(edges)
	}
	h.good(bob, `mutation { signout(input: {}) { viewer { id } } }`, nil)
	if status, _ := h.post(bob, query(whoAmI, nil)); status != http.StatusOK {
		t.Fatal(status)
	}
}
