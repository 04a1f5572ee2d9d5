package cli

// diffCommand is deploy --dry-run under a name that people look for.
type diffCommand struct {
	Target string `short:"t" help:"The target to compare with."`
	output
}

// Run shows what a deploy would change, and changes nothing.
func (c *diffCommand) Run(s *session) error {
	return (&deployCommand{Target: c.Target, DryRun: true, JSON: c.JSON}).Run(s)
}
