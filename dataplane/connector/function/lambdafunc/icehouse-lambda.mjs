// What AWS Lambda calls. It loads the module that ICEHOUSE_FUNCTION names, while Lambda
// starts the sandbox, and calls it for each event. What it answers is an object of one
// field: v a value, l a value with too many bytes (how many), e an exception, x the exception that
// kept the module from being loaded; or of none: undefined.

import { AsyncLocalStorage } from 'node:async_hooks';
import { createRequire } from 'node:module';
import { dirname, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const { parse, toJSON, describe, load } = createRequire(import.meta.url)('./icehouse-code.cjs');
const { byteLength } = Buffer;

const root = dirname(fileURLToPath(import.meta.url));
const { longest, ...what } = parse(process.env.ICEHOUSE_FUNCTION);
delete process.env.ICEHOUSE_FUNCTION;

// Stack traces name the files that the owner wrote, where a bundle has source maps. What
// was written for Node 6 to 10 leaves rejections unhandled, which was no error.
process.setSourceMapsEnabled(true);
process.removeAllListeners('unhandledRejection');
process.on('unhandledRejection', (reason) => console.warn('UnhandledPromiseRejectionWarning:', reason));

// Lambda freezes what a call has left when it ends, and goes on with it during the next
// call, which must not pay for it.
const calls = new AsyncLocalStorage();
let current;

function left() {
  const from = calls.getStore();
  return from !== undefined && from !== current;
}

const uncaught = process.listeners('uncaughtException');
process.removeAllListeners('uncaughtException');
process.on('uncaughtException', (error, origin) => {
  if (left()) console.error('Uncaught, from a call that is over:', error);
  else for (const listener of uncaught) listener(error, origin);
});
const { exit } = process;
process.exit = (code) => {
  if (!left()) exit.call(process, code);
};

// What is said is written before the answer is, also when a pipe is full.
for (const stream of [process.stdout, process.stderr]) stream._handle?.setBlocking?.(true);

function described(error) {
  return parse(describe(error).replaceAll(root + sep, ''));
}

let run;
let failure;

async function begin() {
  try {
    run = await load({ ...what, root });
  } catch (error) {
    failure = { x: described(error) };
  }
}

await begin();

async function answer(event) {
  if (run === undefined && failure === undefined) await begin();
  if (run === undefined) {
    const why = failure;
    failure = undefined; // the next call tries again
    return why;
  }
  const value = toJSON(await run(event));
  if (value === undefined) return {};
  const length = byteLength(value);
  return length > longest ? { l: length } : { v: parse(value) };
}

export async function handle(event) {
  // A call that waits for nothing ends with its time, not with an empty event loop.
  const waiting = setInterval(() => {}, 1 << 30);
  current = {};
  try {
    return await calls.run(current, answer, event);
  } catch (error) {
    return { e: described(error) };
  } finally {
    current = undefined;
    clearInterval(waiting);
  }
}
