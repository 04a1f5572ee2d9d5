'use strict';
// What a process runs: it loads the module of one version, and calls it for each event
// that comes. Events come on descriptor 3 and answers leave on 4, in frames: the length as
// four bytes, then so many bytes. The first frame that comes says what to load. Nothing
// that the function prints can be taken for an answer.
//
// The first byte of an answer says what it is: s a call begins, v a value as JSON,
// u undefined, l a value with too many bytes (how many), e an exception as JSON, x the
// exception that kept the module from being loaded.

const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const Module = require('node:module');
const { pathToFileURL } = require('node:url');

// The function may put something else in the place of these.
const { parse, stringify } = JSON;
const { writeSync } = fs;
const { byteLength, allocUnsafe } = Buffer;

const input = 3;
const output = 4;
const longestError = 64 * 1024; // bytes
const mostParts = 10000; // objects of an error that are shown

function send(kind, text = '') {
  const length = byteLength(text) + 1;
  const frame = allocUnsafe(4 + length);
  frame.writeUInt32BE(length, 0);
  frame.write(kind, 4);
  frame.write(text, 5);
  for (let done = 0; done < frame.length;) {
    try {
      done += writeSync(output, frame, done);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}

// toJSON is JSON.stringify for values that contain themselves, too.
function toJSON(value) {
  try {
    return stringify(value);
  } catch {
    const above = [];
    return stringify(value, function replace(key, part) {
      if (typeof part !== 'object' || part === null) return part;
      while (above.length > 0 && above[above.length - 1] !== this) above.pop();
      if (above.includes(part)) return '[Circular]';
      above.push(part);
      return part;
    });
  }
}

// plain copies what can be shown of an error: name, message and stack are no fields of
// their own, functions and circles can't be shown.
function plain(from, above, budget) {
  const to = Array.isArray(from) ? [] : {};
  const within = [...above, from];
  for (const key of Object.keys(from)) {
    const part = from[key];
    if (typeof part === 'function') continue;
    if (typeof part === 'bigint') to[key] = String(part);
    else if (typeof part !== 'object' || part === null) to[key] = part;
    else if (within.includes(part)) to[key] = '[Circular]';
    else if (--budget.left > 0) to[key] = plain(part, within, budget);
  }
  for (const key of ['name', 'message', 'stack']) {
    if (typeof from[key] === 'string') to[key] = from[key];
  }
  return to;
}

function describe(error) {
  try {
    const whole = typeof error === 'object' && error !== null ? plain(error, [], { left: mostParts }) : error;
    const text = stringify(whole);
    if (text !== undefined && byteLength(text) <= longestError) return text;
    const short = (part, length) => (part === undefined ? undefined : String(part).slice(0, length));
    return stringify({
      name: short(whole?.name, 100),
      message: short(whole?.message ?? String(error), longestError / 8),
      stack: short(whole?.stack, longestError / 8),
    });
  } catch {
    // It can't even be looked at, or JSON has no word for it.
    let message = 'something that has no text was thrown';
    try {
      message = String(error).slice(0, longestError / 8);
    } catch {}
    return stringify({ name: 'Error', message });
  }
}

// setEnvironment sets what stands beside the module, then what was deployed with it.
function setEnvironment(file, deployed) {
  let beside = {};
  try {
    beside = parse(fs.readFileSync(file.replace(/\.js$/, '') + '.env.json', 'utf8'));
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  for (const [name, value] of Object.entries({ ...beside, ...deployed })) process.env[name] = value;
}

async function load({ root, entry, environment }) {
  // Packages are those of the bundle: what lies above it belongs to somebody else.
  const inside = root + path.sep;
  const paths = Module._nodeModulePaths;
  Module._nodeModulePaths = (from) => paths(from).filter((folder) => folder.startsWith(inside));
  const file = path.join(root, entry);
  process.argv = [process.argv[0], file];
  setEnvironment(file, environment);
  let loaded;
  try {
    loaded = require(file);
  } catch (error) {
    if (error?.code !== 'ERR_REQUIRE_ESM' && error?.code !== 'ERR_REQUIRE_ASYNC_MODULE') throw error;
    loaded = await import(pathToFileURL(file));
  }
  for (const exported of [loaded, loaded?.default, loaded?.default?.default]) {
    if (typeof exported === 'function') return exported;
  }
  throw new TypeError(`${entry} exports no function`);
}

let run;
let longest;

async function begin(text) {
  const what = parse(text);
  longest = what.longest;
  try {
    run = await load(what);
  } catch (error) {
    send('x', describe(error));
    // Node shows where in the text a syntax error is, and ends.
    setImmediate(() => {
      throw error;
    });
    await new Promise(() => {});
  }
}

async function call(text) {
  send('s');
  let answer;
  try {
    const value = toJSON(await run(parse(text)));
    const length = value === undefined ? 0 : byteLength(value);
    if (value === undefined) answer = ['u'];
    else if (length > longest) answer = ['l', String(length)];
    else answer = ['v', value];
  } catch (error) {
    answer = ['e', describe(error)];
  }
  send(...answer);
}

// What is said is written before the answer is, also when a pipe is full.
for (const stream of [process.stdout, process.stderr]) stream._handle?.setBlocking?.(true);

let chunks = [];
let size = 0;
let turn = Promise.resolve();
let handle = begin;

const events = new net.Socket({ fd: input, readable: true, writable: false });
events.on('data', (chunk) => {
  chunks.push(chunk);
  size += chunk.length;
  while (size >= 4) {
    if (chunks[0].length < 4) chunks = [Buffer.concat(chunks)];
    const length = 4 + chunks[0].readUInt32BE(0);
    if (size < length) return;
    const all = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
    const text = all.toString('utf8', 4, length);
    chunks = [all.subarray(length)];
    size -= length;
    const next = handle;
    handle = call;
    turn = turn.then(() => next(text));
  }
});
// Who started this is gone, and what this has started goes too.
events.on('close', () => process.kill(-process.pid, 'SIGKILL'));
