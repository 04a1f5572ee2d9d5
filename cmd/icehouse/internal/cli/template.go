package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"icehouse/cmd/icehouse/internal/atomicfile"
	"icehouse/cmd/icehouse/internal/repository"
	"icehouse/cmd/icehouse/internal/servicedef"
	"icehouse/cmd/icehouse/internal/yamldoc"
)

// longestInstall bounds a package manager.
const longestInstall = 10 * time.Minute

// runInstall runs a package manager.
func (s *session) runInstall(dir, manager string) error {
	program, err := exec.LookPath(manager)
	if err != nil {
		return fmt.Errorf("there is no %s here", manager)
	}
	ctx, end := context.WithTimeout(s.ctx, longestInstall)
	defer end()
	c := exec.CommandContext(ctx, program, "install")
	c.Dir, c.Stdout, c.Stderr, c.WaitDelay = dir, s.Stderr, s.Stderr, time.Second
	return c.Run()
}

type addTemplateCommand struct{ download }

// Run copies the template's code, and writes its YAML and types into the service's as
// comments (platform §9.5).
func (c *addTemplateCommand) Run(s *session) error {
	dir, text, root, err := s.serviceFolder()
	if err != nil {
		return err
	}
	place, files, err := c.fetch(s)
	if err != nil {
		return err
	}
	t := template{name: place.Name(), place: place, files: files}
	if files[servicedef.FileName] == nil {
		return fmt.Errorf("%s has no %s, so it is no template", place, servicedef.FileName)
	}
	changed, err := t.intoYAML(string(text))
	if err != nil {
		return err
	}
	packages, err := mergePackages(dir, files)
	if err != nil {
		return err
	}
	typesPath, types, err := t.intoTypes(dir, root)
	if err != nil {
		return err
	}
	replaced, err := t.copyCode(dir)
	if err != nil {
		return err
	}
	if typesPath != "" {
		if err := atomicfile.Replace(typesPath, types, 0o644); err != nil {
			return err
		}
	}
	if err := packages.write(dir); err != nil {
		return err
	}
	if err := atomicfile.Replace(filepath.Join(dir, servicedef.FileName), []byte(changed), 0o644); err != nil {
		return err
	}
	err = c.show(s, map[string]any{"template": t.name, "packages": list(packages.Added), "replaced": replaced}, func() {
		if replaced {
			s.printf("The folder src/%s was there: its files are replaced.\n", t.name)
		}
		s.printf("Added the template %s: its code is in src/%s.\n", t.name, t.name)
		s.printText(files, "USAGE.md")
		s.printf("\nMore: %s\nUncomment what was added to %s and to the types before you deploy.\n", place.Page(c.Hub), servicedef.FileName)
	})
	if err == nil {
		s.install(dir, packages, c.NoInstall)
	}
	return err
}

// template is a template on its way into a service.
type template struct {
	name  string
	place repository.Place
	files map[string][]byte
}

// copyCode writes the template's code below src/NAME. Files of these names are replaced.
func (t template) copyCode(dir string) (replaced bool, err error) {
	folder := filepath.Join(dir, "src", t.name)
	_, err = os.Stat(folder)
	replaced = err == nil
	for name, text := range t.files {
		inside, ok := strings.CutPrefix(name, "src/")
		if !ok {
			continue
		}
		full := filepath.Join(folder, filepath.FromSlash(inside))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			return replaced, err
		}
		if err := atomicfile.Replace(full, text, 0o644); err != nil {
			return replaced, err
		}
	}
	return replaced, nil
}

// intoYAML puts the template's functions and permissions, as comments, right below the
// same keys.
func (t template) intoYAML(text string) (string, error) {
	theirs := strings.ReplaceAll(string(t.files[servicedef.FileName]), "\r\n", "\n")
	if _, err := yamldoc.Parse([]byte(theirs)); err != nil {
		return "", fmt.Errorf("the template's %s:%w", servicedef.FileName, err)
	}
	root, err := yamldoc.Parse([]byte(text))
	if err != nil {
		return "", err
	}
	out := text
	for _, key := range []string{"functions", "permissions"} {
		block := blockOf(theirs, key)
		if len(block) == 0 {
			continue
		}
		var b strings.Builder
		fmt.Fprintf(&b, "# added by the template %s: please uncomment\n", t.name)
		for _, line := range block {
			b.WriteString(strings.TrimRight("# "+strings.ReplaceAll(line, "src/", "src/"+t.name+"/"), " ") + "\n")
		}
		out = insertBelow(out, key, b.String())
	}
	// Comments change no meaning; should the file be laid out so that they do, it stays.
	if now, err := yamldoc.Parse([]byte(out)); err != nil || !now.Equal(root) {
		return "", fmt.Errorf("%s is written in a way that leaves no place for comments: put functions and permissions on lines of their own", servicedef.FileName)
	}
	return out, nil
}

// blockOf is the lines below a root key, up to the next one.
func blockOf(text, key string) []string {
	var block []string
	inside := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, key+":"):
			inside = true
		case line != "" && !strings.ContainsRune(" \t#-", rune(line[0])):
			inside = false
		case inside:
			block = append(block, line)
		}
	}
	// What stands at the margin in the end belongs to what follows.
	for len(block) > 0 {
		last := block[len(block)-1]
		if strings.TrimSpace(last) != "" && last[0] != '#' {
			break
		}
		block = block[:len(block)-1]
	}
	return block
}

// insertBelow adds lines below a root key's; without the key they come at the end, with
// the key in a comment.
func insertBelow(text, key, added string) string {
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, key+":") {
			if !strings.HasSuffix(line, "\n") {
				lines[i] += "\n"
			}
			return strings.Join(lines[:i+1], "") + added + strings.Join(lines[i+1:], "")
		}
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text + "\n# " + key + ":\n" + added
}

// intoTypes adds the template's types, as comments, to the first file of the service's.
func (t template) intoTypes(dir string, root *yamldoc.Node) (file string, text []byte, err error) {
	definition, err := yamldoc.Parse(t.files[servicedef.FileName])
	if err != nil {
		return "", nil, err
	}
	var added strings.Builder
	for _, name := range texts(definition.Get("types")) {
		for line := range strings.Lines(string(t.files[strings.TrimPrefix(name, "./")])) {
			added.WriteString(strings.TrimRight("# "+line, " \r\n") + "\n")
		}
	}
	ours := texts(root.Get("types"))
	if added.Len() == 0 || len(ours) == 0 {
		return "", nil, nil
	}
	file = filepath.Join(dir, filepath.FromSlash(ours[0]))
	if text, err = os.ReadFile(file); err != nil {
		return "", nil, err
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, '\n')
	}
	heading := fmt.Sprintf("\n# added by the template %s: please uncomment\n", t.name)
	return file, append(append(text, heading...), added.String()...), nil
}

// texts are a text, or the texts of a list.
func texts(n *yamldoc.Node) []string {
	if n == nil {
		return nil
	}
	if text, ok := n.Text(); ok {
		return []string{text}
	}
	var out []string
	for _, item := range n.Items {
		out = append(out, texts(item)...)
	}
	return out
}
