package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"icehouse/cmd/icehouse/internal/graphcoolrc"
	"icehouse/cmd/icehouse/internal/systemapi"
)

// door names the cluster of a command that lets an account in: one that is known here,
// or with a host a new one.
type door struct {
	Cluster string `short:"c" help:"The cluster, by its name here."`
	Host    string `placeholder:"URL" help:"The address of a cluster that gets this name."`
	output
}

// open makes a connection that has no token yet.
func (d door) open(s *session) (*connection, error) {
	env, _, err := s.environment()
	if err != nil {
		return nil, err
	}
	if d.Host != "" {
		if d.Cluster == "" {
			return nil, errors.New("--host needs --cluster: the name that the cluster gets here")
		}
		return s.newCluster(env, d.Cluster, d.Host, "")
	}
	name, err := chooseCluster(env, d.Cluster, "--cluster")
	if err != nil {
		return nil, err
	}
	conn, err := s.connect(env, name)
	if err == nil && !conn.cluster.Own {
		err = fmt.Errorf("cluster %s stands in this folder's %s only, which may name any host: confirm %s with --host", name, graphcoolrc.FileName, conn.cluster.Host)
	}
	return conn, err
}

// newCluster is a connection to a cluster that is not known here yet.
func (s *session) newCluster(env *graphcoolrc.Environment, name, host, faasHost string) (*connection, error) {
	host = strings.TrimRight(host, "/")
	if u, err := url.Parse(host); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the address of a cluster is an http or https URL")
	}
	if name == "" || name == "default" || strings.ContainsAny(name, "/ \t") {
		return nil, errors.New("a cluster's name has no space and no slash, and is not \"default\"")
	}
	return &connection{
		Client:  &systemapi.Client{Host: host, HTTP: systemapi.NewHTTP()},
		cluster: graphcoolrc.Cluster{Name: name, Host: host, FaaSHost: strings.TrimRight(cmp.Or(faasHost, host), "/"), Own: true},
		env:     env, session: s,
	}, nil
}

// enter keeps the token of an account that was let in, and says whose it is.
func (d door) enter(s *session, conn *connection, token string, user systemapi.User) error {
	conn.cluster.Secret = token
	if err := conn.env.SaveCluster(conn.cluster, true); err != nil {
		return err
	}
	return d.show(s, map[string]any{"cluster": conn.cluster.Name, "user": user}, func() {
		s.printf("Logged in to %s as %s.\n", conn.cluster.Name, user.Email)
	})
}

type loginCommand struct {
	Token string `short:"T" help:"A platform token, instead of e-mail address and password."`
	Email string `help:"The e-mail address of the account."`
	door
}

// Run lets an account in and keeps its token for the cluster.
func (c *loginCommand) Run(s *session) error {
	conn, err := c.open(s)
	if err != nil {
		return err
	}
	if c.Token != "" {
		conn.Token = c.Token
		user, err := conn.User(s.ctx)
		if systemapi.NoSession(err) {
			err = errors.New("the cluster does not accept this token")
		}
		if err != nil {
			return conn.explain(err)
		}
		return c.enter(s, conn, c.Token, user)
	}
	if c.Email == "" {
		if c.Email, err = s.ask("E-mail address: "); err != nil {
			return err
		}
	}
	password, err := s.askSecret("Password: ")
	if err != nil {
		return err
	}
	login, err := conn.Signin(s.ctx, c.Email, password)
	if err != nil {
		return conn.explain(err)
	}
	return c.enter(s, conn, login.Token, login.User)
}

type signupCommand struct {
	Email string `help:"Your e-mail address."`
	Name  string `help:"Your name."`
	door
}

// Run makes an account and lets it in.
func (c *signupCommand) Run(s *session) error {
	conn, err := c.open(s)
	if err != nil {
		return err
	}
	for _, q := range []struct {
		value    *string
		question string
	}{{&c.Email, "E-mail address: "}, {&c.Name, "Name: "}} {
		if *q.value == "" {
			if *q.value, err = s.ask(q.question); err != nil {
				return err
			}
		}
	}
	password, err := s.askSecret("Password: ")
	if err != nil {
		return err
	}
	login, err := conn.Signup(s.ctx, c.Email, password, c.Name)
	if err != nil {
		return conn.explain(err)
	}
	if login.Token == "" { // the cluster wants to know first that the address is theirs
		if c.Host != "" { // verify will want to know it
			if err := conn.env.SaveCluster(conn.cluster, true); err != nil {
				return err
			}
		}
		return c.show(s, map[string]any{"cluster": conn.cluster.Name, "user": login.User}, func() {
			s.printf("The account is made. Follow the letter to %s; with its code: %s verify CODE --cluster %s\n", c.Email, s.Program, conn.cluster.Name)
		})
	}
	return c.enter(s, conn, login.Token, login.User)
}

type verifyCommand struct {
	Code string `arg:"" optional:"" help:"The code from the mail; asked for if it is not given."`
	door
}

// Run begins an account whose address has got a code, and lets it in.
func (c *verifyCommand) Run(s *session) error {
	conn, err := c.open(s)
	if err != nil {
		return err
	}
	if c.Code == "" {
		if c.Code, err = s.askSecret("Code from the mail: "); err != nil {
			return err
		}
	}
	login, err := conn.VerifyEmail(s.ctx, strings.TrimSpace(c.Code))
	if err != nil {
		return conn.explain(err)
	}
	if login.Token == "" {
		return c.show(s, map[string]any{"cluster": conn.cluster.Name, "user": login.User}, func() {
			s.printf("The address is confirmed. Next: %s login --email %s --cluster %s\n", s.Program, login.User.Email, conn.cluster.Name)
		})
	}
	return c.enter(s, conn, login.Token, login.User)
}

type resetPasswordCommand struct {
	Email string `xor:"step" help:"The e-mail address of the account, which gets a code."`
	Code  string `xor:"step" help:"The code from the mail: set a new password with it."`
	door
}

// Run has a code sent, or sets a new password with one.
func (c *resetPasswordCommand) Run(s *session) error {
	conn, err := c.open(s)
	if err != nil {
		return err
	}
	if c.Code != "" {
		password, err := s.askSecret("New password: ")
		if err != nil {
			return err
		}
		login, err := conn.ResetPassword(s.ctx, c.Code, password)
		if err != nil {
			return conn.explain(err)
		}
		return c.enter(s, conn, login.Token, login.User)
	}
	if c.Email == "" {
		if c.Email, err = s.ask("E-mail address: "); err != nil {
			return err
		}
	}
	if err := conn.RequestPasswordReset(s.ctx, c.Email); err != nil {
		return conn.explain(err)
	}
	return c.show(s, map[string]any{"cluster": conn.cluster.Name, "email": c.Email}, func() {
		s.printf("If %s has an account, a mail is on its way; with its code: %s reset-password --code CODE --cluster %s\n", c.Email, s.Program, conn.cluster.Name)
	})
}

type logoutCommand struct {
	Cluster string `short:"c" help:"The cluster, by its name here."`
	output
}

// Run ends the session at a cluster and forgets its token. A token that the cluster does
// not accept any more is forgotten, too.
func (c *logoutCommand) Run(s *session) error {
	conn, err := s.connectChosen(c.Cluster)
	if err != nil {
		return err
	}
	name := conn.cluster.Name
	if !conn.cluster.Own || conn.Token == "" {
		return fmt.Errorf("you are not logged in to %s", name)
	}
	if err := conn.Signout(s.ctx); err != nil && !systemapi.NoSession(err) {
		return conn.explain(err)
	}
	conn.cluster.Secret = ""
	if err := conn.env.SaveCluster(conn.cluster, false); err != nil {
		return err
	}
	return c.show(s, map[string]string{"cluster": name}, func() { s.printf("Logged out of %s.\n", name) })
}

// askSecret reads what nobody should see: from a terminal without showing it, else a
// line like any other.
func (s *session) askSecret(question string) (string, error) {
	if s.Secret == nil {
		return s.ask(question)
	}
	s.prompt(question)
	text, err := s.Secret()
	s.notef("")
	if err == nil && text == "" {
		err = errors.New("nobody answers")
	}
	return text, err
}

type accountCommand struct {
	Cluster string `short:"c" help:"The cluster to ask."`
	output
}

// Run tells whose account a cluster knows the user by.
func (c *accountCommand) Run(s *session) error {
	conn, err := s.connectChosen(c.Cluster)
	if err != nil {
		return err
	}
	var user systemapi.User
	err = conn.try(func(ctx context.Context) error {
		user, err = conn.User(ctx)
		return err
	})
	if err != nil {
		return err
	}
	return c.show(s, map[string]any{"cluster": conn.cluster.Name, "user": user}, func() {
		s.printf("%-10s %s\n%-10s %s\n%-10s %s\n", "Email:", user.Email, "Name:", user.Name, "Cluster:", conn.cluster.Name)
	})
}
