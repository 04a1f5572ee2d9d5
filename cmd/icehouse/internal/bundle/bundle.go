// Package bundle makes what runs of the code of functions: one JavaScript file for each
// source file, with the npm packages that it needs, in a zip archive (platform §2.12).
//
// In: the folder of a service and the source files of its functions. Out: a Bundle for
// each, which is equal whenever what it is made of is; or Problems, of all files at
// once, that name file, line and column. Nothing is written, and no code runs. Callers:
// the commands deploy, diff and invoke-local.
//
//	sources -> esbuild -> one file each -> packages that stay as they are -> files beside -> zip
package bundle

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// oldest is the oldest Node that runs what is made here.
const oldest = "18"

// Options say how a service is bundled.
type Options struct {
	Warn func(Problem) // hears of what is odd but no mistake; nil: nobody does
	// Missing lets packages be missing that are not installed: they are required when
	// the code runs.
	Missing bool
}

// Bundle is what a source file became.
type Bundle struct {
	Entry string // the module that exports the function, inside the archive: src/greet.js
	Hash  string // of names and contents, as the server makes it
	Size  int64  // bytes of all files
	files []file // by name
}

// DevHandler is the file that runs one event from stdin.
func (b *Bundle) DevHandler() string { return strings.TrimSuffix(b.Entry, ".js") + "-dev.js" }

// LambdaHandler is what AWS Lambda calls.
func (b *Bundle) LambdaHandler() string { return strings.TrimSuffix(b.Entry, ".js") + "-lambda.handle" }

// Result is what came of bundling a service.
type Result struct {
	Bundles map[string]*Bundle // by source file
	// Inputs are the author's own files and folders that count, for those who watch
	// them. They are known also where bundling failed.
	Inputs []string
}

// Build bundles source files, whose paths are clean, with slashes and from the folder.
func Build(dir string, sources []string, o Options) (Result, error) {
	if len(sources) == 0 {
		return Result{}, nil
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Result{}, err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return Result{}, err
	}
	b := &builder{
		Options: o, dir: dir, sources: slices.Compact(slices.Sorted(slices.Values(sources))),
		packages: packages{dir: dir, known: map[string]*installed{}, required: map[string]keptPackage{}}, own: map[string]ownFile{},
	}
	bundles, err := b.build()
	return Result{bundles, b.inputs()}, err
}

// builder bundles the functions of one service.
type builder struct {
	Options
	dir      string // absolute, without symbolic links
	sources  []string
	packages packages
	own      map[string]ownFile // the author's files that were loaded, by path on disk
}

// ownFile is what counts of a file that the author wrote.
type ownFile struct{ searches bool } // for modules whose names only the run knows

func (b *builder) build() (map[string]*Bundle, error) {
	result := b.esbuild()
	// What has to stay as it is was found only by loading it.
	if b.packages.found {
		result = b.esbuild()
	}
	if len(result.Errors) > 0 {
		return nil, b.problems(result.Errors)
	}
	if b.Warn != nil {
		for _, m := range b.problems(result.Warnings) {
			b.Warn(m)
		}
	}
	var about metafile
	if err := json.Unmarshal([]byte(result.Metafile), &about); err != nil {
		return nil, fmt.Errorf("read what esbuild says of its output: %w", err)
	}
	written := map[string][]byte{}
	for _, f := range result.OutputFiles {
		name, err := filepath.Rel(b.dir, f.Path)
		if err != nil {
			return nil, err
		}
		written[filepath.ToSlash(name)] = f.Contents
	}
	bundles := map[string]*Bundle{}
	for _, source := range b.sources {
		one, err := b.bundle(source, about, written)
		if err != nil {
			return nil, err
		}
		bundles[source] = one
	}
	return bundles, nil
}

// metafile is what esbuild says of a build; only what is needed.
type metafile struct {
	Inputs  map[string]struct{ Imports []imported }
	Outputs map[string]struct {
		Imports []imported
		Inputs  map[string]json.RawMessage
	}
}

type imported struct {
	Path     string
	External bool
}

// bundle gathers the files of one archive.
func (b *builder) bundle(source string, about metafile, written map[string][]byte) (*Bundle, error) {
	entry := strings.TrimSuffix(source, path.Ext(source)) + ".js"
	out := &Bundle{Entry: entry}
	content := completed(written[entry], entry)
	all := tree{
		entry:          {content: content},
		entry + ".map": {content: written[entry+".map"]},
	}
	for suffix, text := range wrappers {
		all[strings.TrimSuffix(entry, ".js")+suffix] = file{content: []byte(strings.ReplaceAll(text, "ENTRY", path.Base(entry)))}
	}
	needs := about.Outputs[entry]
	reads, searches := false, false
	for name := range needs.Inputs {
		searches = searches || b.own[filepath.Join(b.dir, filepath.FromSlash(name))].searches
		reads = reads || slices.ContainsFunc(about.Inputs[name].Imports, imported.readsFiles)
	}
	for _, i := range needs.Imports {
		if kept := b.packages.kept(i.Path); i.External && kept != nil {
			if err := b.packages.add(all, *kept); err != nil {
				return nil, err
			}
			reads = true
		}
	}
	if reads || searches {
		if err := b.addFilesBeside(all, searches); err != nil {
			return nil, err
		}
	}
	return out, out.seal(all)
}

// readsFiles says that a module can read files, or start what does.
func (i imported) readsFiles() bool {
	switch strings.TrimPrefix(i.Path, "node:") {
	case "fs", "fs/promises", "child_process", "worker_threads":
		return i.External
	}
	return false
}

// The names that stand in the author's files for where they lay.
const (
	rootName = "__service_root"
	urlName  = "__module_url"
)

// completed defines, in the first line, the names that a file uses.
func completed(content []byte, entry string) []byte {
	text, head := strings.ReplaceAll(string(content), `"`+rootName+`/`, rootName+` + "/`), ""
	if strings.Contains(text, rootName) {
		up := strings.Repeat("../", strings.Count(entry, "/"))
		head += `var ` + rootName + `=require("path").resolve(__dirname,"./` + up + `");`
	}
	if strings.Contains(text, urlName) {
		head += `var ` + urlName + `=require("url").pathToFileURL(__filename).href;`
	}
	return []byte(head + strings.Replace(text, globLookup, nodeLookup, 1))
}

// What esbuild looks up for require('./langs/' + name), where it has taken along all
// that may be meant: the path as it is. Node also finds it without its end.
const (
	globLookup = "var fn = map[path];"
	nodeLookup = `var fn = ["", ".js", ".json", ".ts", "/index.js", "/index.ts"].map((end) => map[path + end]).find(Boolean);`
)

func (b *builder) esbuild() api.BuildResult {
	entries := make([]api.EntryPoint, 0, len(b.sources))
	for _, s := range b.sources {
		entries = append(entries, api.EntryPoint{InputPath: "./" + s, OutputPath: strings.TrimSuffix(s, path.Ext(s))})
	}
	return api.Build(api.BuildOptions{
		EntryPointsAdvanced: entries,
		AbsWorkingDir:       b.dir,
		Outdir:              b.dir, // nothing is written: maps name their sources from there
		AllowOverwrite:      true,
		Bundle:              true,
		Platform:            api.PlatformNode,
		Format:              api.FormatCommonJS,
		Engines:             []api.Engine{{Name: api.EngineNode, Version: oldest}},
		Sourcemap:           api.SourceMapLinked,
		SourcesContent:      api.SourcesContentInclude,
		LegalComments:       api.LegalCommentsNone,
		Charset:             api.CharsetUTF8,
		Define:              map[string]string{"import.meta.url": urlName},
		Loader:              map[string]api.Loader{".graphql": api.LoaderText, ".gql": api.LoaderText, ".html": api.LoaderText, ".md": api.LoaderText, ".txt": api.LoaderText},
		Metafile:            true,
		LogLevel:            api.LogLevelSilent,
		Plugins:             []api.Plugin{{Name: "icehouse", Setup: b.plug}},
	})
}

// inside is how a resolution of ours is told from one of the code.
type inside struct{}

func (b *builder) plug(build api.PluginBuild) {
	build.OnResolve(api.OnResolveOptions{Filter: `^[^./#]`}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
		if _, ours := a.PluginData.(inside); ours || a.Kind == api.ResolveEntryPoint {
			return api.OnResolveResult{}, nil
		}
		name := packageName(a.Path)
		if folder := find(a.ResolveDir, name); folder != "" {
			if at := b.packages.stays(name, folder); at != "" {
				return api.OnResolveResult{Path: at + strings.TrimPrefix(a.Path, name), External: true}, nil
			}
			return api.OnResolveResult{}, nil
		}
		// A package may do without what it can't find; the author's own code is told.
		if !b.Missing && !installedCode(a.ResolveDir) {
			return api.OnResolveResult{}, nil
		}
		found := build.Resolve(a.Path, api.ResolveOptions{Importer: a.Importer, ResolveDir: a.ResolveDir, Kind: a.Kind, PluginData: inside{}})
		if len(found.Errors) == 0 { // a module of Node, or another name for a file
			return api.OnResolveResult{}, nil
		}
		return api.OnResolveResult{Path: a.Path, External: true}, nil
	})
	build.OnLoad(api.OnLoadOptions{Filter: `\.[cm]?[jt]sx?$`}, func(a api.OnLoadArgs) (api.OnLoadResult, error) {
		text, err := os.ReadFile(a.Path)
		if err != nil {
			return api.OnLoadResult{}, err
		}
		if installedCode(a.Path) {
			b.packages.look(a.Path, text)
			return api.OnLoadResult{}, nil
		}
		return b.load(a.Path, string(text)), nil
	})
}

// load reads a file that the author wrote. Its lines stay where they are.
func (b *builder) load(name, text string) api.OnLoadResult {
	typed := strings.Contains(path.Ext(name), "t")
	b.packages.Lock()
	b.own[name] = ownFile{searches: searches(text, true)}
	b.packages.Unlock()
	text = callableImports(text, typed)
	if rel, err := filepath.Rel(b.dir, name); err == nil {
		rel = filepath.ToSlash(rel)
		text = ownPlace.ReplaceAllStringFunc(text, func(place string) string {
			to := rel
			if place == "__dirname" {
				to = path.Dir(rel)
			}
			return fmt.Sprintf(`require("path").join(%s,%q)`, rootName, to)
		})
	}
	result := api.OnLoadResult{Contents: &text, ResolveDir: filepath.Dir(name), Loader: api.LoaderJS}
	switch {
	case strings.HasSuffix(name, ".tsx"):
		result.Loader = api.LoaderTSX
	case typed:
		result.Loader = api.LoaderTS
	case strings.HasSuffix(name, ".jsx"):
		result.Loader = api.LoaderJSX
	}
	return result
}

var (
	ownPlace  = regexp.MustCompile(`\b__(dirname|filename)\b`)
	namespace = regexp.MustCompile(`(?m)^([ \t]*)import\s*\*\s*as\s+([A-Za-z_$][\w$]*)\s+from\s*('[^'\n]+'|"[^"\n]+")`)
)

// callableImports lets `import * as fetch from 'node-fetch'` be called, which is no
// ECMAScript, and which the compiler of 2017 understood as require.
func callableImports(text string, typed bool) string {
	return namespace.ReplaceAllStringFunc(text, func(statement string) string {
		m := namespace.FindStringSubmatch(statement)
		called := regexp.MustCompile(`(^|[^.\w$])` + regexp.QuoteMeta(m[2]) + `\s*\(`)
		if !called.MatchString(text) {
			return statement
		}
		word := "const"
		if typed {
			word = "import"
		}
		return m[1] + word + " " + m[2] + " = require(" + m[3] + ")" + strings.Repeat("\n", strings.Count(statement, "\n"))
	})
}

// inputs are what a change of the author's can be in.
func (b *builder) inputs() []string {
	var out []string
	for name := range b.own {
		out = append(out, name, filepath.Dir(name))
	}
	for _, name := range []string{"package.json", "node_modules", "tsconfig.json"} {
		out = append(out, filepath.Join(b.dir, name))
	}
	slices.Sort(out)
	return slices.Compact(out)
}
