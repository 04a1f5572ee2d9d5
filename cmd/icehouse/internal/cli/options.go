package cli

import (
	"strings"

	"github.com/alecthomas/kong"
)

// openCommands are the commands that take flags they do not know: the definition
// reads them as ${opt:name}.
var openCommands = map[string]bool{"deploy": true, "diff": true, "push": true, "status": true}

// splitOptions takes the unknown flags out of the arguments of an open command, and
// lists all flags by name.
//
//	--name value   --name=value   --name
func splitOptions(app *kong.Application, args []string) (known []string, options map[string]any) {
	options = map[string]any{}
	if len(args) == 0 || !openCommands[args[0]] {
		return args, options
	}
	flags := map[string]*kong.Flag{}
	for _, command := range []*kong.Node{app.Node, childOf(app.Node, args[0])} {
		for _, flag := range command.Flags {
			flags[flag.Name] = flag
		}
	}
	known = append(known, args[0])
	rest := args[1:]
	for len(rest) > 0 {
		arg := rest[0]
		rest = rest[1:]
		if arg == "--" {
			return append(append(known, arg), rest...), options
		}
		name, ok := strings.CutPrefix(arg, "--")
		name, value, hasValue := strings.Cut(name, "=")
		flag := flags[name]
		if !ok || name == "" {
			known = append(known, arg)
			continue
		}
		takes := flag == nil || !flag.IsBool()
		used := []string{arg}
		if !hasValue && takes && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
			value, hasValue = rest[0], true
			used = append(used, rest[0])
			rest = rest[1:]
		}
		options[name] = true
		if hasValue {
			options[name] = value
		}
		if flag != nil {
			known = append(known, used...)
		}
	}
	return known, options
}
