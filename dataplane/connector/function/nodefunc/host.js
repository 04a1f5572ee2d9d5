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

// The function may put something else in the place of these.
const { parse, toJSON, describe, load } = require('./code.cjs');
const { writeSync } = fs;
const { byteLength, allocUnsafe } = Buffer;

const input = 3;
const output = 4;

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
