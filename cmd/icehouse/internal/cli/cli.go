// Package cli is the command line: it parses arguments and runs one command.
//
// In: a Process, which is all that a command may know of the process around it.
// Out: text, changed files, and the exit code. Callers: main, and tests that
// run commands in-process.
package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// Process is the process as a command sees it. Nothing else of this program
// reads arguments, environment, standard streams, working directory or signals.
type Process struct {
	Program string   // how the user can call it again
	Args    []string // without the program's name
	Env     func(name string) (string, bool)
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	Dir     string // working directory
	Home    string // "" when there is none
	Color   bool   // Stdout is a terminal that shows colours
	Now     func() time.Time
	Signals <-chan os.Signal // requests to stop

	Open   func(url string) error // shows a page in the browser; nil: there is none
	Secret func() (string, error) // reads a line from the terminal without showing it; nil: Stdin is none
}

// commands is the grammar of the command line.
type commands struct {
	Init          initCommand          `cmd:"" help:"Make a folder with a new service in it, or with a deployed one."`
	Deploy        deployCommand        `cmd:"" aliases:"push" help:"Deploy the service of this folder."`
	Diff          diffCommand          `cmd:"" aliases:"status" help:"Show what a deploy would change."`
	Info          infoCommand          `cmd:"" aliases:"endpoints" help:"Show a service and its endpoints."`
	List          listCommand          `cmd:"" aliases:"ls,projects" help:"List targets and services."`
	GetSchema     getSchemaCommand     `cmd:"" help:"Print the schema of a service's API."`
	Explain       explainCommand       `cmd:"" help:"Show how an operation is answered: permissions and SQL."`
	Permissions   permissionsCommand   `cmd:"" help:"Test the permissions of the service of this folder."`
	Modules       modulesCommand       `cmd:"" aliases:"module" help:"Add, remove and list the modules of the service of this folder."`
	AddTemplate   addTemplateCommand   `cmd:"" help:"Copy the code of a template into the service of this folder."`
	RootToken     rootTokenCommand     `cmd:"" aliases:"get-root-token" help:"Print a root token, or the names of all."`
	Logs          logsCommand          `cmd:"" aliases:"function-logs" help:"Show what functions said."`
	Events        eventsCommand        `cmd:"" help:"Show the events that functions failed at, and tell them again."`
	InvokeLocal   invokeLocalCommand   `cmd:"" help:"Run a function on this machine."`
	Playground    playgroundCommand    `cmd:"" help:"Open the page of a service's API."`
	Console       consoleCommand       `cmd:"" help:"Open the page of a cluster."`
	Export        exportCommand        `cmd:"" help:"Write all data of a service into an archive."`
	Import        importCommand        `cmd:"" help:"Bring the data of an archive into a service."`
	Reset         resetCommand         `cmd:"" help:"Delete all data of a service."`
	Delete        deleteCommand        `cmd:"" help:"Delete a service with all its data."`
	Clusters      clustersCommand      `cmd:"" help:"Connect to a cluster."`
	Local         localCommand         `cmd:"" help:"Run servers of your own in the background of this machine."`
	Signup        signupCommand        `cmd:"" help:"Make an account on a cluster."`
	Login         loginCommand         `cmd:"" aliases:"auth" help:"Log in to a cluster with an account."`
	Verify        verifyCommand        `cmd:"" help:"Begin an account with the code from its mail."`
	ResetPassword resetPasswordCommand `cmd:"" help:"Get a new password for an account."`
	Logout        logoutCommand        `cmd:"" help:"End the session at a cluster."`
	Account       accountCommand       `cmd:"" aliases:"whoami" help:"Show the account that a cluster knows you by."`
	Dev           devCommand           `cmd:"" help:"Run every role in one process, for development."`
	Serve         serveCommand         `cmd:"" help:"Run a server."`
	Admin         adminCommand         `cmd:"" help:"For operators: the databases of an installation."`
	Completion    completionCommand    `cmd:"" help:"Print a script that completes commands in a shell."`
	Complete      completeCommand      `cmd:"" hidden:""`
	Update        updateCommand        `cmd:"" help:"Say how this program is updated."`
	Plugins       pluginsCommand       `cmd:"" help:"List plugins; there are none."`
	Version       versionCommand       `cmd:"" help:"Print the version."`
	Help          helpCommand          `cmd:"" help:"Explain a command."`

	// Of earlier versions.
	Pull       olderCommand `cmd:"" hidden:"" passthrough:""`
	Clone      olderCommand `cmd:"" hidden:"" passthrough:""`
	Functions  olderCommand `cmd:"" hidden:"" passthrough:""`
	Env        olderCommand `cmd:"" hidden:"" passthrough:""`
	Quickstart olderCommand `cmd:"" hidden:"" passthrough:""`
}

// session is what a running command works with.
type session struct {
	Process
	ctx     context.Context
	options map[string]any // every flag of the command, for ${opt:...}
	explain func(args ...string) error
	model   *kong.Application
	in      *bufio.Reader // over Stdin
}

// errReported ends a command that has already said what went wrong.
var errReported = errors.New("reported")

// exit is what kong's wish to end the process becomes.
type exit int

// Run runs the command that the arguments name and returns the exit code.
func Run(ctx context.Context, p Process) (code int) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case exit:
			code = int(r)
		default:
			panic(r)
		}
	}()
	s := &session{Process: p, ctx: ctx, in: bufio.NewReader(p.Stdin)}
	parser, err := newParser(p)
	if err != nil {
		return s.fail(err)
	}
	s.model = parser.Model
	s.explain = func(args ...string) error {
		_, err := parser.Parse(append(args, "--help"))
		return err
	}
	args := p.Args
	if len(args) == 0 {
		args = []string{"--help"}
	}
	args, s.options = splitOptions(parser.Model, args)
	parsed, err := parser.Parse(args)
	if err != nil {
		s.errorf("%v\nTry %q.", err, p.Program+" --help")
		return 1
	}
	if err := parsed.Run(s); err != nil {
		if flag, ok := parsed.Selected().Target.Addr().Interface().(interface{ asJSON() bool }); ok && flag.asJSON() && !errors.Is(err, errReported) {
			_ = s.printJSON(map[string]any{"error": failed(err)})
		}
		return s.fail(err)
	}
	return 0
}

func newParser(p Process) (*kong.Kong, error) {
	return kong.New(new(commands),
		kong.Name("icehouse"),
		kong.Description("Icehouse hosts GraphQL backends: a data model in, a database and an API out."),
		kong.Writers(p.Stdout, p.Stderr),
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Resolvers(environment(p.Env)),
		kong.ValueFormatter(func(v *kong.Value) string {
			if v.Tag != nil && v.Tag.Has(envTag) {
				return fmt.Sprintf("%s [$%s]", v.Help, strings.Join(envNames(v.Tag), ", $"))
			}
			return v.Help
		}),
	)
}

// envTag names the variable that stands in for a flag, and after it others that do where
// that is not set: the names of 2017.
const envTag = "envvar"

func envNames(t *kong.Tag) []string { return strings.Split(t.Get(envTag), ",") }

// environment takes flags that are not given from the environment. An empty
// variable is none.
func environment(env func(string) (string, bool)) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		for _, name := range envNames(flag.Tag) {
			if value, ok := env(name); ok && value != "" {
				return value, nil
			}
		}
		return nil, nil
	})
}

func (s *session) fail(err error) int {
	if !errors.Is(err, errReported) {
		s.errorf("%v", err)
	}
	return 1
}

// The streams can't be helped when they fail, so nobody looks at their errors.

func (s *session) printf(format string, args ...any) { _, _ = fmt.Fprintf(s.Stdout, format, args...) }

// notef tells what is going on beside the result.
func (s *session) notef(format string, args ...any) {
	_, _ = fmt.Fprintf(s.Stderr, format+"\n", args...)
}

func (s *session) errorf(format string, args ...any) { s.notef("error: "+format, args...) }

type helpCommand struct {
	Command []string `arg:"" optional:"" help:"The command to explain."`
}

func (c *helpCommand) Run(s *session) error {
	return s.explain(c.Command...)
}

type versionCommand struct{ output }

// built is what was built: a version, and the revision of the sources if it is known.
func built() (version, revision string) {
	version = "devel"
	if info, ok := debug.ReadBuildInfo(); ok {
		if v := info.Main.Version; v != "" && v != "(devel)" {
			version = v
		}
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				revision = setting.Value
			}
		}
	}
	return version, revision
}

func (c *versionCommand) Run(s *session) error {
	version, revision := built()
	return c.show(s, map[string]string{"version": version, "revision": revision}, func() {
		if revision != "" {
			version += " (" + revision + ")"
		}
		s.printf("icehouse %s\n", version)
	})
}
