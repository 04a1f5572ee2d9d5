package definition

import (
	"strconv"
	"strings"
)

// Header is the front matter of a project.graphcool file (platform §1.11):
// comment lines before the SDL.
type Header struct {
	Project string // id or alias; "" when it is not given
	Version int    // the revision that the file was made from
	Known   bool   // Version is given
}

// ParseHeader reads the front matter. The SDL may be parsed with it: it is made
// of comments.
func ParseHeader(sdl string) Header {
	var h Header
	for line := range strings.Lines(sdl) {
		text := strings.TrimSpace(line)
		comment, ok := strings.CutPrefix(text, "#")
		if text == "" {
			continue
		}
		if !ok {
			break
		}
		key, v, _ := strings.Cut(comment, ":")
		v = strings.TrimSpace(v)
		switch strings.TrimSpace(key) {
		case "project", "projectId":
			h.Project = v
		case "version":
			if n, err := strconv.Atoi(v); err == nil {
				h.Version, h.Known = n, true
			}
		}
	}
	return h
}

// FromSDL is the definition of a project that consists of types only, with the
// wildcard permission that such projects had (platform §1.9).
func FromSDL(sdl string) *Definition {
	d := &Definition{TypesPath: emptyTypesPath, SDL: sdl, Permissions: []Permission{{Operation: "*"}}}
	d.Source = Source{Content: d.yaml(), Files: d.files()}
	return d
}
