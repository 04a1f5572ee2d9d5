package cli

type playgroundCommand struct {
	Target string `short:"t" help:"The target to open."`
	Web    bool   `short:"w" help:"In the browser; so it is anyway, since there is no other one."`
	output
}

// Run opens the page of a service's API.
func (c *playgroundCommand) Run(s *session) error {
	conn, _, project, err := s.service(c.Target)
	if err != nil {
		return err
	}
	return c.visit(s, endpoints(conn.cluster.Host, project.ID)[0][1])
}

type consoleCommand struct {
	Target string `short:"t" help:"The target whose cluster is opened."`
	output
}

// Run opens the page of the cluster that a service is in.
func (c *consoleCommand) Run(s *session) error {
	conn, _, err := s.reach(c.Target)
	if err != nil {
		return err
	}
	s.notef("The web console is still to come; this is the page of the management API.")
	return c.visit(s, conn.cluster.Host+"/system")
}

// visit prints an address and opens it where there is a browser.
func (o output) visit(s *session, url string) error {
	if s.Open != nil {
		if err := s.Open(url); err != nil {
			s.notef("No browser was opened: %v", err)
		}
	}
	return o.show(s, map[string]string{"url": url}, func() { s.printf("%s\n", url) })
}
