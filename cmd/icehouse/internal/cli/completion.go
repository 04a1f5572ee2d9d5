package cli

import (
	"embed"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// completions are the scripts by the name of their shell.
//
//go:embed completion
var completions embed.FS

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Run prints the script. It asks completeCommand, so that it knows targets and clusters.
func (c *completionCommand) Run(s *session) error {
	text, err := completions.ReadFile("completion/" + c.Shell)
	if err != nil {
		return err
	}
	s.printf("%s", text)
	return nil
}

type completeCommand struct {
	Words []string `arg:"" optional:"" passthrough:"" help:"The words of a command line; the last one is not finished."`
}

// Run prints what the last word may become, one a line; nothing where it may be a file.
func (c *completeCommand) Run(s *session) error {
	words := c.Words
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	if len(words) == 0 {
		words = []string{""}
	}
	last := words[len(words)-1]
	for _, candidate := range s.candidates(words[:len(words)-1], last) {
		if strings.HasPrefix(candidate, last) {
			s.printf("%s\n", candidate)
		}
	}
	return nil
}

// candidates are the words that may stand behind others.
func (s *session) candidates(before []string, last string) []string {
	at := s.model.Node
	var open *kong.Flag // a flag that waits for its value
	for _, word := range before {
		switch {
		case open != nil:
			open = nil
		case strings.HasPrefix(word, "-"):
			if flag := flagOf(at, word); flag != nil && !flag.IsBool() && !strings.Contains(word, "=") {
				open = flag
			}
		default:
			if child := childOf(at, word); child != nil {
				at = child
			}
		}
	}
	switch {
	case open != nil:
		return s.values(open.Name)
	case strings.HasPrefix(last, "-"):
		var out []string
		for _, flag := range at.Flags {
			out = append(out, "--"+flag.Name)
		}
		return append(out, "--help")
	case at.Name == "completion":
		return []string{"bash", "fish", "zsh"}
	}
	if at.Name == "help" {
		at = s.model.Node
	}
	var out []string
	for _, child := range at.Children {
		if !child.Hidden {
			out = append(out, child.Name)
		}
	}
	return out
}

// values are what a flag may have as its value.
func (s *session) values(flag string) []string {
	env, _, err := s.environment()
	if err != nil {
		return nil // nothing to offer is no error
	}
	var out []string
	switch flag {
	case "target":
		for _, t := range env.Targets() {
			out = append(out, t.Name)
		}
	case "cluster", "new-service-cluster":
		for _, c := range env.Clusters() {
			out = append(out, c.Name)
		}
	}
	return out
}

func flagOf(command *kong.Node, word string) *kong.Flag {
	name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	for _, flag := range command.Flags {
		if flag.Name == name || fmt.Sprintf("%c", flag.Short) == name {
			return flag
		}
	}
	return nil
}

func childOf(command *kong.Node, name string) *kong.Node {
	for _, child := range command.Children {
		if child.Name == name {
			return child
		}
		for _, alias := range child.Aliases {
			if alias == name {
				return child
			}
		}
	}
	return nil
}
