package bundle

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// write makes the folder of a service.
func write(t *testing.T, files string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	add(t, dir, files)
	return dir
}

func add(t *testing.T, dir, files string) {
	t.Helper()
	for _, f := range txtar.Parse([]byte(files)).Files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func build(t *testing.T, dir string, sources ...string) Result {
	t.Helper()
	result, err := Build(dir, sources, Options{Warn: func(p Problem) { t.Errorf("warning: %s", p) }})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// answer is what the wrapper prints.
type answer struct {
	Value                 json.RawMessage
	Stdout, Stderr, Error string
}

// run unpacks a bundle far from its sources and runs it.
func run(t *testing.T, b *Bundle, event string) answer {
	t.Helper()
	dir := t.TempDir()
	if err := b.Unpack(dir); err != nil {
		t.Fatal(err)
	}
	node := exec.Command("node", b.DevHandler())
	node.Dir, node.Stdin = dir, strings.NewReader(event)
	out, err := node.Output()
	if err != nil {
		var failed *exec.ExitError
		if errors.As(err, &failed) {
			t.Fatalf("%v: %s", err, failed.Stderr)
		}
		t.Fatal(err)
	}
	var a answer
	if err := json.Unmarshal(out, &a); err != nil || bytes.Count(out, []byte("\n")) != 1 {
		t.Fatalf("%v: %s", err, out)
	}
	return a
}

func names(b *Bundle) []string {
	var out []string
	for _, f := range b.files {
		out = append(out, f.name)
	}
	return out
}

func TestExports(t *testing.T) {
	for name, code := range map[string]string{
		"module.exports":          `module.exports = event => ({ data: event.data.n + 1 })`,
		"default":                 `export default async (event) => ({ data: event.data.n + 1 })`,
		"exports.default":         `exports.default = event => ({ data: event.data.n + 1 })`,
		"imports and exports":     `import { join } from 'path'` + "\n" + `module.exports = event => ({ data: event.data.n + join('1', '').length })`,
		"a function that returns": `module.exports = function (event) { return Promise.resolve({ data: event.data.n + 1 }) }`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := write(t, "-- f.js --\n"+code+"\n")
			got := run(t, build(t, dir, "f.js").Bundles["f.js"], `{"data":{"n":1}}`)
			if string(got.Value) != `{"data":2}` || got.Error != "" {
				t.Errorf("got %s %s", got.Value, got.Error)
			}
		})
	}
}

// The service may say that its files are ECMAScript modules; the bundle is none.
func TestServiceOfModules(t *testing.T) {
	dir := write(t, `
-- package.json --
{"type": "module"}
-- f.js --
import fs from 'fs'
import { n } from './n.js'
export default e => ({ data: e.data.n + n + fs.readdirSync('.').filter(f => f === 'package.json').length })
-- n.js --
export const n = 1
`)
	got := run(t, build(t, dir, "f.js").Bundles["f.js"], `{"data":{"n":1}}`)
	if string(got.Value) != `{"data":2}` {
		t.Errorf("got %s %s", got.Value, got.Error)
	}
}

const greetings = `
-- src/greet.ts --
import { polite } from './lib/polite'
import * as shout from 'shout'
import whisper, { quietly } from 'whisper'
import config = require('../config.json')

interface Event { data: { name?: string } }
enum Mood { Good = 1 }

export default async (event: Event): Promise<{ data: any }> => {
  console.log('greeting', event.data)
  const text: string = polite(event.data.name!)
  return { data: [shout(text), whisper(text), quietly, config.sign, Mood.Good] }
}
-- src/lib/polite.ts --
export function polite(name: string): string {
  return ` + "`Hello ${name}`" + `
}
-- config.json --
{"sign": "!"}
-- node_modules/shout/package.json --
{"name": "shout", "main": "lib/index.js"}
-- node_modules/shout/lib/index.js --
var upper = require('./upper'), path = require('path'), sep = path.sep
module.exports = function (text) { return upper(text) }
-- node_modules/shout/lib/upper.js --
module.exports = function (text) { return text.toUpperCase() }
-- node_modules/whisper/package.json --
{"name": "whisper", "type": "module", "exports": "./index.mjs"}
-- node_modules/whisper/index.mjs --
export default text => text.toLowerCase()
export const quietly = true
`

func TestTypeScriptWithPackages(t *testing.T) {
	b := build(t, write(t, greetings), "src/greet.ts").Bundles["src/greet.ts"]
	if b.Entry != "src/greet.js" || b.DevHandler() != "src/greet-dev.js" || b.LambdaHandler() != "src/greet-lambda.handle" {
		t.Errorf("entry %s, handlers %s and %s", b.Entry, b.DevHandler(), b.LambdaHandler())
	}
	if diff := cmp.Diff([]string{"src/greet-dev.js", "src/greet-lambda.js", "src/greet.js", "src/greet.js.map"}, names(b)); diff != "" {
		t.Errorf("files: %s", diff)
	}
	got := run(t, b, `{"data":{"name":"Ada"}}`)
	if string(got.Value) != `{"data":["HELLO ADA","hello ada",true,"!",1]}` || got.Stdout != "greeting { name: 'Ada' }\n" {
		t.Errorf("got %s, said %q, threw %s", got.Value, got.Stdout, got.Error)
	}
}

func TestStacksNameTheAuthorsFiles(t *testing.T) {
	dir := write(t, `
-- src/greet.ts --
import { fail } from './lib/fail'
interface Unused { a: string }
export default () => { fail() }
-- src/lib/fail.ts --
type None = never
export function fail(): None {

  throw Object.assign(new Error('no'), { code: 7 })
}
`)
	got := run(t, build(t, dir, "src/greet.ts").Bundles["src/greet.ts"], `{}`)
	for _, want := range []string{`src/greet.ts:3:24`, `src/lib/fail.ts:4:`, `"code":7`, `"message":"no"`} {
		if !strings.Contains(got.Error, want) {
			t.Errorf("want %s in %s", want, got.Error)
		}
	}
}

// Requires whose names only the run knows: of the author's files esbuild takes all that
// may be meant; packages stay whole.
func TestDynamicRequires(t *testing.T) {
	dir := write(t, `
-- src/f.js --
const engine = require('engine')
module.exports = e => ({ data: [require('./langs/' + e.data.lang), engine(e.data.view), require('plain')] })
-- src/langs/de.js --
module.exports = 'Hallo'
-- src/langs/en.js --
module.exports = 'Hello'
-- node_modules/engine/package.json --
{"name": "engine", "dependencies": {"helper": "1", "absent": "1"}}
-- node_modules/engine/index.js --
const helper = require('helper')
module.exports = view => helper(require('./views/' + view) + require(__dirname + '/views/' + view))
-- node_modules/engine/views/a.js --
module.exports = 'a'
-- node_modules/engine/node_modules/helper/package.json --
{"name": "helper", "dependencies": {"leaf": "1", "engine": "1"}}
-- node_modules/engine/node_modules/helper/index.js --
module.exports = text => text + require('leaf')
-- node_modules/leaf/index.js --
module.exports = '.'
-- node_modules/plain/index.js --
module.exports = 'plain'
-- node_modules/unused/index.js --
`)
	b := build(t, dir, "src/f.js").Bundles["src/f.js"]
	got := run(t, b, `{"data":{"lang":"de","view":"a"}}`)
	if string(got.Value) != `{"data":["Hallo","aa.","plain"]}` {
		t.Errorf("got %s %s", got.Value, got.Error)
	}
	want := []string{
		"node_modules/engine/index.js", "node_modules/engine/node_modules/helper/index.js", "node_modules/engine/node_modules/helper/package.json",
		"node_modules/engine/package.json", "node_modules/engine/views/a.js", "node_modules/leaf/index.js",
		"src/f-dev.js", "src/f-lambda.js", "src/f.js", "src/f.js.map",
	}
	if diff := cmp.Diff(want, names(b)); diff != "" {
		t.Errorf("files: %s", diff)
	}
}

// Of two versions of a package that stays, each finds its own.
func TestVersionsOfAPackage(t *testing.T) {
	dir := write(t, `
-- src/f.js --
module.exports = () => ({ data: [require('engine'), require('engine/deep'), require('other')] })
-- node_modules/engine/index.js --
module.exports = __dirname.split('/').slice(-3).join('/')
-- node_modules/engine/deep.js --
module.exports = 'deep'
-- node_modules/other/index.js --
module.exports = [require('engine'), require('engine/deep')]
-- node_modules/other/node_modules/engine/index.js --
module.exports = __filename.split('/').slice(-4).join('/')
-- node_modules/other/node_modules/engine/deep.js --
module.exports = 'deeper'
`)
	got := run(t, build(t, dir, "src/f.js").Bundles["src/f.js"], `{}`)
	var value struct{ Data []any }
	if err := json.Unmarshal(got.Value, &value); err != nil {
		t.Fatal(err, got.Error)
	}
	if value.Data[1] != "deep" || !cmp.Equal(value.Data[2], []any{"other/node_modules/engine/index.js", "deeper"}) {
		t.Errorf("got %s", got.Value)
	}
}

// A package of pnpm lies elsewhere, with what it needs beside it.
func TestLinkedPackagesStay(t *testing.T) {
	dir := write(t, `
-- f.js --
module.exports = () => ({ data: require('engine')('x') })
-- node_modules/.pnpm/engine@1/node_modules/engine/package.json --
{"name": "engine", "dependencies": {"x": "1"}}
-- node_modules/.pnpm/engine@1/node_modules/engine/index.js --
module.exports = name => require(name)
-- node_modules/.pnpm/engine@1/node_modules/x/index.js --
module.exports = 'found'
`)
	if err := os.Symlink(".pnpm/engine@1/node_modules/engine", filepath.Join(dir, "node_modules", "engine")); err != nil {
		t.Fatal(err)
	}
	if got := run(t, build(t, dir, "f.js").Bundles["f.js"], `{}`); string(got.Value) != `{"data":"found"}` {
		t.Errorf("got %s %s", got.Value, got.Error)
	}
}

func TestNativePackagesStay(t *testing.T) {
	dir := write(t, `
-- src/f.js --
const hash = require('hash')
module.exports = () => ({ data: hash.name })
-- src/plain.js --
module.exports = () => ({})
-- node_modules/hash/package.json --
{"name": "hash", "dependencies": {"bindings": "1"}}
-- node_modules/hash/index.js --
exports.name = require('bindings')('hash')
-- node_modules/hash/build/Release/hash.node --
machine code
-- node_modules/bindings/index.js --
module.exports = name => name + '.node'
`)
	bundles := build(t, dir, "src/f.js", "src/plain.js").Bundles
	if got := run(t, bundles["src/f.js"], `{}`); string(got.Value) != `{"data":"hash.node"}` {
		t.Errorf("got %s %s", got.Value, got.Error)
	}
	if !slices.Contains(names(bundles["src/f.js"]), "node_modules/hash/build/Release/hash.node") {
		t.Errorf("the add-on is missing: %v", names(bundles["src/f.js"]))
	}
	if len(bundles["src/plain.js"].files) != 4 {
		t.Errorf("a function has what another one needs: %v", names(bundles["src/plain.js"]))
	}
}

// Code finds its files by where it lay, also code that was imported from elsewhere.
func TestFilesBeside(t *testing.T) {
	dir := write(t, `
-- src/f.js --
const fs = require('fs')
const { mail } = require('../lib/mail')
module.exports = () => ({ data: [mail(), fs.readFileSync(__dirname + '/a.txt', 'utf8').trim(), fs.readFileSync('src/a.txt', 'utf8').trim()] })
-- src/esm.ts --
import { readFileSync } from 'node:fs'
export default () => ({ data: readFileSync(new URL('./a.txt', import.meta.url), 'utf8').trim() })
-- src/pure.js --
module.exports = () => ({})
-- src/a.txt --
a
-- lib/mail.js --
const path = require('path')
exports.mail = () => require('fs').readFileSync(path.join(__dirname, 'templates', 'mail.html'), 'utf8').trim() + path.basename(__filename)
-- lib/templates/mail.html --
<p>
-- graphcool.yml --
types: x
-- package.json --
{"type": "commonjs"}
-- .env --
SECRET=1
-- .git/config --
-- old.zip --
-- node_modules/x/index.js --
`)
	bundles := build(t, dir, "src/f.js", "src/esm.ts", "src/pure.js").Bundles
	if got := run(t, bundles["src/f.js"], `{}`); string(got.Value) != `{"data":["<p>mail.js","a","a"]}` {
		t.Errorf("got %s %s", got.Value, got.Error)
	}
	if got := run(t, bundles["src/esm.ts"], `{}`); string(got.Value) != `{"data":"a"}` {
		t.Errorf("got %s %s", got.Value, got.Error)
	}
	want := []string{"lib/templates/mail.html", "src/a.txt", "src/f-dev.js", "src/f-lambda.js", "src/f.js", "src/f.js.map"}
	if diff := cmp.Diff(want, names(bundles["src/f.js"])); diff != "" {
		t.Errorf("files: %s", diff)
	}
	if len(bundles["src/pure.js"].files) != 4 {
		t.Errorf("code that reads no files has some: %v", names(bundles["src/pure.js"]))
	}
}

// Equal code is an equal archive, wherever and whenever it was made; and a change is one
// of the functions that it is in.
func TestSameCodeSameArchive(t *testing.T) {
	files := greetings + "-- src/other.js --\nmodule.exports = () => ({})\n"
	archive := func(b *Bundle) []byte {
		var out bytes.Buffer
		if err := b.Zip(&out); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	here, there := write(t, files), write(t, files)
	a, b := build(t, here, "src/greet.ts", "src/other.js").Bundles, build(t, there, "src/other.js", "src/greet.ts").Bundles
	for source := range a {
		if a[source].Hash != b[source].Hash || !bytes.Equal(archive(a[source]), archive(b[source])) {
			t.Errorf("%s is another archive in another folder", source)
		}
	}
	add(t, there, "-- src/lib/polite.ts --\nexport const polite = (name: string) => name\n")
	b = build(t, there, "src/greet.ts", "src/other.js").Bundles
	if a["src/greet.ts"].Hash == b["src/greet.ts"].Hash || a["src/other.js"].Hash != b["src/other.js"].Hash {
		t.Error("the change is not one of src/greet.ts alone")
	}
	r, err := zip.NewReader(bytes.NewReader(archive(a["src/greet.ts"])), int64(len(archive(a["src/greet.ts"]))))
	if err != nil {
		t.Fatal(err)
	}
	f, err := r.Open("src/greet.js.map")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	var about struct{ Sources, SourcesContent []string }
	if err := json.Unmarshal(text, &about); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(about.Sources, "lib/polite.ts") || !slices.Contains(about.Sources, "greet.ts") || len(about.SourcesContent) != len(about.Sources) {
		t.Errorf("the map has the sources %v and %d texts", about.Sources, len(about.SourcesContent))
	}
}

func TestProblems(t *testing.T) {
	dir := write(t, `
-- src/a.ts --
import fetch from 'node-fetch'
import { x } from '@acme/tools/x'
import './nowhere'
export default () => fetch(x)
-- src/b.js --
module.exports = event => {
  return { data: 1
}
-- src/c.js --
require('half/missing')
import * as call from   'callable'
call()
-- src/d.js --
try { require('optional') } catch (e) {}
module.exports = () => require('tolerant')
-- node_modules/half/index.js --
-- node_modules/tolerant/index.js --
if (process.env.NEVER) require('whatever')
-- package.json --
{"dependencies": {"node-fetch": "1"}}
`)
	result, err := Build(dir, []string{"src/a.ts", "src/b.js", "src/c.js", "src/d.js"}, Options{})
	want := `The code of the functions can't be bundled:
  src/a.ts:1:19: the package node-fetch is in package.json and not installed; run: npm install
    1 | import fetch from 'node-fetch'
      |                   ^
  src/a.ts:2:19: the package @acme/tools is not installed; run: npm install @acme/tools
    2 | import { x } from '@acme/tools/x'
      |                   ^
  src/a.ts:3:8: there is no file ./nowhere
    3 | import './nowhere'
      |        ^
  src/b.js:4:1: Unexpected end of file
    4 | 
      | ^
  src/c.js:1:9: the package half has no file half/missing
    1 | require('half/missing')
      |         ^
  src/c.js:2:25: the package callable is not installed; run: npm install callable
    2 | import * as call from   'callable'
      |                         ^`
	if err == nil {
		t.Fatal("no problems")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
	if !slices.Contains(result.Inputs, filepath.Join(dir, "src/a.ts")) {
		t.Errorf("a file with mistakes is not watched: %v", result.Inputs)
	}
	if _, err := Build(dir, []string{"src/a.ts"}, Options{Missing: true}); err == nil || strings.Contains(err.Error(), "npm") {
		t.Errorf("packages may be missing: %v", err)
	}
	if b := build(t, dir, "src/d.js").Bundles["src/d.js"]; len(b.files) != 4 {
		t.Errorf("files %v", names(b))
	}
}

func TestWarnings(t *testing.T) {
	dir := write(t, `
-- f.js --
module.exports = event => {
  if (event === NaN) return
  return require(event.data)
}
`)
	var got []string
	if _, err := Build(dir, []string{"f.js"}, Options{Warn: func(p Problem) { got = append(got, p.String()) }}); err != nil {
		t.Fatal(err)
	}
	want := []string{`f.js:2:13: Comparison with NaN using the "===" operator here is always false`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestThrownAndReturned(t *testing.T) {
	dir := write(t, `
-- f.js --
module.exports = e => {
  if (e.circle) { const a = { f: () => 1, twice: [e, e] }; a.a = a; return a }
  if (e.text) throw 'a text'
  if (e.none) return
  process.stdout.write('one')
  console.error('two')
  return Promise.reject(Object.assign(new TypeError('bad'), { extra: { n: 1 } }))
}
-- none.js --
exports.other = 1
`)
	bundles := build(t, dir, "f.js", "none.js").Bundles
	b := bundles["f.js"]
	if got := run(t, b, `{"circle":1}`); string(got.Value) != `{"twice":[{"circle":1},{"circle":1}],"a":"[Circular]"}` {
		t.Errorf("got %s", got.Value)
	}
	if got := run(t, b, `{"text":1}`); got.Error != `"a text"` || got.Value != nil {
		t.Errorf("got %s %s", got.Error, got.Value)
	}
	if got := run(t, b, `{"none":1}`); got.Error != "" || got.Value != nil {
		t.Errorf("got %s %s", got.Error, got.Value)
	}
	if got := run(t, b, `{}`); got.Stdout != "one" || got.Stderr != "two\n" || !strings.HasPrefix(got.Error, `{"extra":{"n":1},"name":"TypeError","message":"bad","stack":"TypeError: bad\n`) {
		t.Errorf("got %+v", got)
	}
	if got := run(t, bundles["none.js"], `{}`); !strings.Contains(got.Error, "exports no function") {
		t.Errorf("got %+v", got)
	}
}
