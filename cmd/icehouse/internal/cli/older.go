package cli

import (
	"fmt"

	"github.com/alecthomas/kong"
)

// olderCommand is a command of the original's first versions that has no equal. Those
// that have one are aliases of it.
type olderCommand struct {
	Words []string `arg:"" optional:""`
}

// instead says what to do, by the name of an older command.
var instead = map[string]string{
	"pull":       "write a deployed service into a new folder with: %[2]s init FOLDER --copy SERVICE",
	"clone":      "copy its definition with: %[2]s init FOLDER --copy SERVICE, deploy that, and bring the data with: %[2]s export and %[2]s import",
	"functions":  "functions are listed in graphcool.yml; what they said is shown by: %[2]s logs",
	"env":        "environments are targets now, in .graphcoolrc: make one with: %[2]s deploy --new-service NAME --target TARGET, choose the default with: %[2]s deploy --target TARGET --default",
	"quickstart": "begin with: %[2]s init FOLDER",
}

// Run says what took the place of an older command.
func (c *olderCommand) Run(s *session, parsed *kong.Context) error {
	name := parsed.Selected().Name
	return fmt.Errorf("%[1]s is a command of earlier versions: "+instead[name], name, s.Program)
}

type updateCommand struct{ output }

// Run says how the program is updated; it does not replace itself.
func (c *updateCommand) Run(s *session) error {
	version, _ := built()
	text := "icehouse does not update itself: put a newer program in its place, in the way that this one was installed"
	return c.show(s, map[string]any{"version": version, "updated": false, "message": text}, func() {
		s.printf("This is icehouse %s.\n%s.\n", version, text)
	})
}

type pluginsCommand struct{ output }

// Run lists the plugins, of which there are none.
func (c *pluginsCommand) Run(s *session) error {
	return c.show(s, []string{}, func() { s.printf("There are no plugins: every command is part of this program.\n") })
}
