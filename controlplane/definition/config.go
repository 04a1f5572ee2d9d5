package definition

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Config is the upload of a deploy: the root module, named "", and others
// (platform §1.7).
type Config struct {
	Modules []Module `json:"modules"`
}

// Module is one definition with the texts that it names.
type Module struct {
	Name     string              `json:"name"`
	Content  string              `json:"content"`
	Files    map[string]string   `json:"files"`
	External map[string]External `json:"externalFiles,omitempty"`
}

// Limits of an upload.
const (
	maxConfig = 32 << 20 // bytes of the config string
	maxFiles  = 5000
	maxPath   = 500 // bytes of one file's path
)

// ParseConfig reads the config string. Files with names that lead out of the
// service's folder are refused.
func ParseConfig(text string) (Config, Problems) {
	var c Config
	var problems Problems
	if len(text) > maxConfig {
		problems.invalid("the config has more than %d bytes", maxConfig)
		return c, problems
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&c)
	if err == nil {
		if _, more := decoder.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is text after the JSON value")
		}
	}
	if err != nil {
		problems.invalid("the config is not the expected JSON: %s", jsonProblem(text, err))
		return c, problems
	}
	if len(c.Modules) == 0 {
		problems.invalid(`the config needs a root module named ""`)
		return c, problems
	}
	files := 0
	for _, m := range c.Modules {
		files += len(m.Files) + len(m.External)
		for _, name := range slices.Sorted(maps.Keys(m.Files)) {
			if why := badPath(name); why != "" {
				problems.invalid("the file %s can't be used: %s", quote(name), why)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(m.External)) {
			if why := badPath(name); why != "" {
				problems.invalid("the external file %s can't be used: %s", quote(name), why)
			}
		}
	}
	if files > maxFiles {
		problems.invalid("the config has more than %d files", maxFiles)
	}
	return c, problems
}

// jsonProblem says what is wrong and at which byte; never what Go calls it.
func jsonProblem(text string, err error) string {
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		line := 1 + strings.Count(text[:min(int(syntax.Offset), len(text))], "\n")
		return quote(strings.TrimPrefix(syntax.Error(), "json: ")) + " in line " + strconv.Itoa(line)
	case errors.As(err, &typ):
		where := ""
		if typ.Field != "" {
			where = " at " + quote(typ.Field)
		}
		return "found " + article(typ.Value) + where
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "it ends too early"
	default:
		return quote(strings.TrimPrefix(err.Error(), "json: "))
	}
}

func article(noun string) string {
	if noun != "" && strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}

// badPath says why a path can't be a file of the service, or "".
func badPath(name string) string {
	switch {
	case name == "" || len(name) > maxPath:
		return "its path is empty or too long"
	case strings.ContainsAny(name, "\x00\\\n\r"):
		return "its path has characters that no path may have"
	case path.IsAbs(name) || len(name) > 1 && name[1] == ':':
		return "its path is absolute"
	}
	if clean := path.Clean(name); clean == ".." || strings.HasPrefix(clean, "../") {
		return "its path leads out of the service's folder"
	}
	return ""
}

// lookup finds a file by the path as written, or by the same path written
// differently (./a and a).
func lookup[V any](files map[string]V, name string) (V, bool) {
	if v, ok := files[name]; ok {
		return v, true
	}
	clean := path.Clean(name)
	for _, key := range slices.Sorted(maps.Keys(files)) {
		if path.Clean(key) == clean {
			return files[key], true
		}
	}
	var none V
	return none, false
}

// Render is the deployed definition in the form of the upload, as indented JSON
// without the bundles (platform §1.7).
func (d *Definition) Render() string {
	files := d.Source.Files
	if files == nil {
		files = map[string]string{}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	// Strings always encode.
	_ = encoder.Encode(Config{Modules: []Module{{Content: d.Source.Content, Files: files}}})
	return strings.TrimSuffix(out.String(), "\n")
}
