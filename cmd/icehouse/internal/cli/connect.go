package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"icehouse/cmd/icehouse/internal/config"
	"icehouse/cmd/icehouse/internal/graphcoolrc"
	"icehouse/cmd/icehouse/internal/servicedef"
	"icehouse/cmd/icehouse/internal/systemapi"
	"icehouse/cmd/icehouse/internal/variables"
)

// localCluster is the cluster that the dev server announces.
const localCluster = "local"

// sources is what references in definitions may name.
func (s *session) sources() variables.Sources {
	return variables.Sources{
		Env:     s.Env,
		Options: s.options,
		Warn:    func(message string) { s.notef("warning: %s", message) },
	}
}

// environment reads the .graphcoolrc files of the service around the working
// directory. dir is the service's folder, "" when there is none.
func (s *session) environment() (env *graphcoolrc.Environment, dir string, err error) {
	dir = servicedef.Find(s.Dir)
	env, err = graphcoolrc.Load(dir, s.Home, s.sources())
	return env, dir, err
}

// connection is a cluster that a command speaks to.
type connection struct {
	*systemapi.Client
	cluster graphcoolrc.Cluster
	env     *graphcoolrc.Environment
	session *session
}

// connect makes a connection to a cluster by name.
func (s *session) connect(env *graphcoolrc.Environment, name string) (*connection, error) {
	cluster, err := env.Cluster(name)
	if err != nil {
		if name != localCluster {
			return nil, fmt.Errorf("%w\nConnect to a cluster with: %s clusters --connect", err, s.Program)
		}
		// Nobody has announced the dev server here; it may run all the same.
		cluster = graphcoolrc.Cluster{Name: localCluster, Host: "http://localhost:60000", FaaSHost: "http://localhost:60050", Own: true}
	}
	return &connection{
		Client:  &systemapi.Client{Host: cluster.Host, Token: cluster.Secret, HTTP: systemapi.NewHTTP()},
		cluster: cluster, env: env, session: s,
	}, nil
}

// try makes a call; when the server does not accept the token it logs in with
// the master token, if that is known, and makes it once more.
func (c *connection) try(call func(ctx context.Context) error) error {
	err := call(c.session.ctx)
	if systemapi.NoSession(err) {
		master := c.masterToken()
		if master == "" {
			return fmt.Errorf("cluster %s does not accept the token in %s; connect again with: %s clusters --connect --name %s --host %s",
				c.cluster.Name, graphcoolrc.FileName, c.session.Program, c.cluster.Name, c.cluster.Host)
		}
		if err := c.login(master); err != nil {
			return err
		}
		err = call(c.session.ctx)
	}
	return c.explain(err)
}

// login gets a token and keeps it.
func (c *connection) login(masterToken string) error {
	token, err := c.Authenticate(c.session.ctx, masterToken)
	if err != nil {
		return c.explain(err)
	}
	c.Token, c.cluster.Secret = token, token
	return c.env.SaveCluster(c.cluster, false)
}

// masterToken is the secret that opens this cluster; "" when it is not known.
// It is only given to clusters that this user has set up: a service's folder
// may name any host.
func (c *connection) masterToken() string {
	if !c.cluster.Own {
		return ""
	}
	if token, ok := c.session.Env("MASTER_TOKEN"); ok && token != "" {
		return token
	}
	if !loopback(c.cluster.Host) {
		return ""
	}
	folder, ok := c.session.Env("ICEHOUSE_DATA_DIR")
	if !ok || folder == "" {
		folder = ".icehouse"
	}
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(c.session.Dir, folder)
	}
	text, err := os.ReadFile(filepath.Join(folder, config.MasterTokenFile))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// explain turns a server that does not answer into advice.
func (c *connection) explain(err error) error {
	var unreachable *systemapi.UnreachableError
	if errors.As(err, &unreachable) && c.cluster.Name == localCluster && c.session.ctx.Err() == nil {
		return fmt.Errorf("no server answers at %s; start one with: %s dev", unreachable.Host, c.session.Program)
	}
	return err
}

func loopback(host string) bool {
	u, err := url.Parse(host)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// reach finds the target of a command and connects to its cluster.
func (s *session) reach(target string) (*connection, graphcoolrc.Target, error) {
	env, _, err := s.environment()
	if err != nil {
		return nil, graphcoolrc.Target{}, err
	}
	t, err := env.Target(target)
	if err != nil {
		return nil, t, err
	}
	c, err := s.connect(env, t.Cluster)
	return c, t, err
}

// service finds the service of a command's target, and with that proves that the token
// is good for it.
func (s *session) service(target string) (*connection, graphcoolrc.Target, systemapi.Project, error) {
	conn, t, err := s.reach(target)
	if err != nil {
		return nil, t, systemapi.Project{}, err
	}
	project, err := conn.project(t)
	return conn, t, project, err
}

// endpoints are the addresses of a service (platform §5.3).
func endpoints(host, project string) [][2]string {
	// http becomes ws and https wss.
	socket := "ws" + strings.TrimPrefix(host, "http")
	return [][2]string{
		{"Simple API", host + "/simple/v1/" + project},
		{"Relay API", host + "/relay/v1/" + project},
		{"Subscriptions API", socket + "/subscriptions/v1/" + project},
		{"File API", host + "/file/v1/" + project},
	}
}

// addresses are the endpoints by the names of their APIs.
func addresses(host, project string) map[string]string {
	out := map[string]string{}
	for i, name := range []string{"simple", "relay", "subscriptions", "file"} {
		out[name] = endpoints(host, project)[i][1]
	}
	return out
}

// described is a service as programs see it.
func described(p systemapi.Project) map[string]any {
	return map[string]any{"id": p.ID, "name": p.Name, "alias": p.Alias}
}

// connectChosen connects to the cluster that chooseCluster picks.
func (s *session) connectChosen(given string) (*connection, error) {
	env, _, err := s.environment()
	if err != nil {
		return nil, err
	}
	name, err := chooseCluster(env, given, "--cluster")
	if err != nil {
		return nil, err
	}
	return s.connect(env, name)
}

// chooseCluster is the given cluster, or else the default one, or the dev server's, or
// the only one. flag is what the user can give.
func chooseCluster(env *graphcoolrc.Environment, given, flag string) (string, error) {
	if given != "" {
		return given, nil
	}
	if name := env.DefaultCluster(); name != "" {
		if _, err := env.Cluster(name); err == nil {
			return name, nil
		}
	}
	var names []string
	for _, c := range env.Clusters() {
		if c.Name == localCluster {
			return localCluster, nil
		}
		names = append(names, c.Name)
	}
	switch len(names) {
	case 0:
		return localCluster, nil
	case 1:
		return names[0], nil
	}
	return "", fmt.Errorf("there are several clusters (%s): choose one with %s", strings.Join(names, ", "), flag)
}
