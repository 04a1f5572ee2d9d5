'use strict';
// What every product that runs code in Node does with it: it loads the module, and
// writes down what the function returned or threw.

const fs = require('node:fs');
const path = require('node:path');
const Module = require('node:module');
const { pathToFileURL } = require('node:url');

// The function may put something else in the place of these.
const { parse, stringify } = JSON;
const { byteLength } = Buffer;

const longestError = 64 * 1024; // bytes
const mostParts = 10000; // objects of an error that are shown

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

module.exports = { parse, toJSON, describe, load };
