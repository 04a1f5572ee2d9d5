package functiontest

import (
	"strings"
	"testing"

	"icehouse/dataplane/connector/function"
)

func returns(t *testing.T, h *house) {
	h.deploy("f", `
		const circle = { a: 1, list: [] }; circle.self = circle; circle.list.push(circle, 2)
		const shared = { x: 1 }
		const values = {
			object: { data: { n: 1 } }, nothing: undefined, null: null, list: [1, 'a', null], text: 'é\u2028"', number: 1.5,
			boolean: false, date: new Date(0), circle, twice: [shared, shared], method: { a: 1, f() {}, l: [() => 1] },
			promise: Promise.resolve({ a: 1 }), thenable: { then(f) { f(7) } }, fn: () => 1,
		}
		module.exports = (event) => values[event.which]`)
	for which, want := range map[string]string{
		"object": `{"data":{"n":1}}`, "nothing": "", "null": "null", "list": `[1,"a",null]`, "text": "\"é\u2028\\\"\"", "number": "1.5",
		"boolean": "false", "date": `"1970-01-01T00:00:00.000Z"`, "circle": `{"a":1,"list":["[Circular]",2],"self":"[Circular]"}`,
		"twice": `[{"x":1},{"x":1}]`, "method": `{"a":1,"l":[null]}`, "promise": `{"a":1}`, "thenable": "7", "fn": "",
	} {
		h.expect("f", `{"which":"`+which+`"}`, want)
	}
	h.deploy("echo", `module.exports = (event) => event`)
	long := `{"text":"` + strings.Repeat("é", 1<<20) + `"}`
	h.expect("echo", long, long)
	h.expect("echo", "null", "null")
	h.deploy("broken", `module.exports = (event) => event.big ? { n: 1n } : { get x() { throw new RangeError('from a getter') } }`)
	for event, want := range map[string]string{`{"big":true}`: "BigInt", `{}`: "from a getter"} {
		if e := h.expectError("broken", event, function.Crashed); !strings.Contains(e.Text, want) {
			t.Errorf("the error %q does not say %q", e.Text, want)
		}
	}
}

func exports(t *testing.T, h *house) {
	for name, module := range map[string]string{
		"plain":    `module.exports = function (event) { return event.n + 1 }`,
		"default":  `exports.default = (event) => event.n + 1`,
		"async":    `module.exports = async (event) => { await null; return event.n + 1 }`,
		"later":    `module.exports = (event) => new Promise((resolve) => setTimeout(() => resolve(event.n + 1), 5))`,
		"compiled": compiled,
	} {
		h.deploy(name, module)
		h.expect(name, `{"n":1}`, "2")
	}
	for name, module := range map[string]string{"none": ``, "object": `module.exports = { handler: () => 1 }`} {
		h.deploy(name, module)
		h.expectError(name, "{}", function.Crashed)
	}
}

// compiled is what TypeScript makes of an async default export for ES5.
const compiled = `"use strict";
var __awaiter = (this && this.__awaiter) || function (thisArg, _arguments, P, generator) {
    return new (P || (P = Promise))(function (resolve, reject) {
        function fulfilled(value) { try { step(generator.next(value)); } catch (e) { reject(e); } }
        function rejected(value) { try { step(generator["throw"](value)); } catch (e) { reject(e); } }
        function step(result) { result.done ? resolve(result.value) : new P(function (resolve) { resolve(result.value); }).then(fulfilled, rejected); }
        step((generator = generator.apply(thisArg, _arguments || [])).next());
    });
};
Object.defineProperty(exports, "__esModule", { value: true });
var path_1 = require("path");
exports.default = function (event) { return __awaiter(this, void 0, void 0, function* () {
    yield Promise.resolve(path_1.sep);
    return event.n + 1;
}); };
//# sourceMappingURL=compiled.js.map
`

func requires(t *testing.T, h *house) {
	h.deployFiles(h.scope, "f", "1", files{
		"src/f.js": `
			const fs = require('fs'), path = require('path')
			module.exports = () => [require('./lib/a').a, require('../data.json').b, require('dep'), require('dep/sub'),
				fs.readFileSync(path.join(__dirname, '../asset.txt'), 'utf8'), fs.readFileSync('asset.txt', 'utf8')]`,
		"src/lib/a.js":                  `exports.a = require('./b')`,
		"src/lib/b.js":                  `module.exports = 1`,
		"data.json":                     `{"b":2}`,
		"asset.txt":                     `text`,
		".hidden":                       ``,
		"node_modules/dep/package.json": `{"name":"dep","main":"lib/main.js"}`,
		"node_modules/dep/lib/main.js":  `module.exports = 3`,
		"node_modules/dep/sub.js":       `module.exports = 4`,
	}, nil)
	h.expect("f", "{}", `[1,2,3,4,"text","text"]`)
}

func environment(t *testing.T, h *house) {
	t.Setenv("FUNCTION_CANARY", "of the server")
	module := `
		const seen = process.env.GREETING
		module.exports = () => [seen, process.env.FUNCTION_CANARY === undefined, process.env.NODE_ENV === undefined]`
	f := files{"src/f.js": module, "src/g.js": module}
	h.deployFiles(h.scope, "f", "1", f, map[string]string{"GREETING": "hello, \"=\n é"})
	h.deployFiles(h.scope, "g", "1", f, nil)
	h.deployFiles(h.other, "f", "1", f, map[string]string{"NODE_ENV": "test"})
	h.expect("f", "{}", `["hello, \"=\n é",true,true]`)
	h.expect("g", "{}", `[null,true,true]`)
	h.expectOf(h.other, function.Call{Name: "f", Version: "1"}, `[null,true,false]`)
}

func says(t *testing.T, h *house) {
	h.deploy("f", `
		console.log('loaded')
		module.exports = async (event) => {
			console.log('one', { a: 1 }); console.info('two\n  and its second line'); process.stdout.write('thr'); process.stdout.write('ee\n')
			console.warn('warned'); console.error('erred'); process.stderr.write('written\n')
			await null
			console.log('é'.repeat(3), event.n)
			return event.n
		}`)
	out := h.expect("f", `{"n":1}`, "1")
	h.inOrder(out.Logs, "loaded", "one { a: 1 }", "two\n  and its second line", "three", "ééé 1")
	h.inOrder(out.Logs, "warned", "erred", "written")
	out = h.expect("f", `{"n":2}`, "2")
	h.inOrder(out.Logs, "one", "ééé 2")
	if text := said(out.Logs); strings.Contains(text, "ééé 1") {
		t.Errorf("what another call said is logged: %q", text)
	}
	h.deploy("silent", `module.exports = () => {}`)
	if out := h.expect("silent", "{}", ""); len(out.Logs) != 0 {
		t.Errorf("of nothing %q is logged", out.Logs)
	}
}

func saysMuch(t *testing.T, h *house) {
	h.deploy("f", `
		module.exports = () => {
			const line = 'x'.repeat(1023) + '\n'
			const block = line.repeat(1024)
			for (let i = 0; i < 100; i++) process.stdout.write(block)
			process.stdout.write('é'.repeat(5000) + '\nthe end\n')
			return 1
		}`)
	out := h.expect("f", "{}", "1")
	text := said(out.Logs)
	if !strings.HasSuffix(strings.TrimSpace(text), "the end") || len(text) > 2*function.MaxLog || len(text) < function.MaxLog/2 || strings.Contains(text, "\uFFFD") {
		t.Errorf("%d bytes are logged that end with %q", len(text), text[max(0, len(text)-50):])
	}
}

func tooLarge(t *testing.T, h *house) {
	h.deploy("f", `module.exports = (event) => 'x'.repeat(event.n)`)
	h.expectError("f", `{"n":20000000}`, function.TooLarge)
	h.expectError("f", `{"n":`+"6291455"+`}`, function.TooLarge) // with its quotes
	h.expect("f", `{"n":3}`, `"xxx"`)
	out, err := h.invoke("f", `"`+strings.Repeat("x", function.MaxEvent)+`"`)
	h.isError("f", out, err, function.TooLarge)
}

func noise(t *testing.T, h *house) {
	h.deploy("f", `
		module.exports = async (event) => {
			for (const text of ['\0\0\0\x02v1', '\0\0\0\x01u', '{"value":666}\n', 'END RequestId: 1\n', '\xff\xff\xff\xff']) {
				process.stdout.write(Buffer.from(text, 'latin1')); process.stderr.write(Buffer.from(text, 'latin1'))
				await new Promise((resolve) => setTimeout(resolve, 2))
			}
			return event.n
		}`)
	for _, n := range []string{"1", "2"} {
		h.expect("f", `{"n":`+n+`}`, n)
	}
}
