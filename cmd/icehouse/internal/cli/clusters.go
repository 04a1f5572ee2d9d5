package cli

type clustersCommand struct {
	Connect  bool   `short:"c" help:"Log in to a cluster with its master token and remember it."`
	Name     string `help:"The name that the cluster gets here."`
	Host     string `placeholder:"URL" help:"The address of the cluster."`
	Default  bool   `short:"D" help:"Make it the default cluster."`
	FaasHost string `placeholder:"URL" help:"Where it takes uploads of functions; the host, if not given."`
	Token    string `envvar:"MASTER_TOKEN" help:"The master token of the cluster."`
	output
}

func (c *clustersCommand) Run(s *session) error {
	env, _, err := s.environment()
	if err != nil {
		return err
	}
	if !c.Connect {
		all := []map[string]any{}
		for _, cluster := range env.Clusters() {
			all = append(all, map[string]any{"name": cluster.Name, "host": cluster.Host, "default": cluster.Name == env.DefaultCluster()})
		}
		return c.show(s, all, func() {
			for _, cluster := range all {
				s.printf("%-16s %s\n", cluster["name"], cluster["host"])
			}
		})
	}
	for _, missing := range []struct {
		value    *string
		question string
	}{
		{&c.Host, "Address of the cluster: "},
		{&c.Token, "Its master token: "},
		{&c.Name, "A name for it: "},
	} {
		if *missing.value == "" {
			if *missing.value, err = s.ask(missing.question); err != nil {
				return err
			}
		}
	}
	conn, err := s.newCluster(env, c.Name, c.Host, c.FaasHost)
	if err != nil {
		return err
	}
	if err := conn.login(c.Token); err != nil {
		return err
	}
	if c.Default {
		if err := env.SetDefaultCluster(c.Name); err != nil {
			return err
		}
	}
	return c.show(s, map[string]string{"name": c.Name, "host": conn.Host}, func() { s.printf("Connected to %s as %s.\n", conn.Host, c.Name) })
}
