// What a sandbox runs, as AWS's own client of the Runtime API for Node does: it loads the
// handler, asks for calls, and says what came of them. What is logged has a time and the
// call's id before it. A failure that nobody catches fails the call, and ends the process.

import { Agent, request } from 'node:http';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { existsSync } from 'node:fs';
import { format } from 'node:util';

const api = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime`;
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
let id;

function ask(method, where, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const sent = request(api + where, { method, agent, headers }, (answer) => {
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('end', () => resolve({ headers: answer.headers, text: Buffer.concat(chunks).toString() }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

for (const [name, level] of Object.entries({ log: 'INFO', debug: 'DEBUG', info: 'INFO', warn: 'WARN', error: 'ERROR', trace: 'TRACE' })) {
  console[name] = (...args) => process.stdout.write(`${new Date().toISOString()}\t${id}\t${level}\t${format(...args)}\n`);
}

function described(error) {
  try {
    if (error instanceof Error) {
      return JSON.stringify({ errorType: error.name, errorMessage: error.message, trace: (error.stack || '').split('\n') });
    }
    return JSON.stringify({ errorType: typeof error, errorMessage: String(error), trace: [] });
  } catch {
    return JSON.stringify({ errorType: 'handled', errorMessage: 'callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack' });
  }
}

async function failed(error) {
  console.error('Invoke Error', described(error));
  await ask('POST', id ? `/invocation/${id}/error` : '/init/error', described(error), { 'Content-Type': 'application/json' });
}

process.on('uncaughtException', async (error) => {
  await failed(error);
  process.exit(129);
});
process.on('unhandledRejection', async (reason) => {
  const error = new Error(String(reason));
  error.name = 'Runtime.UnhandledPromiseRejection';
  await failed(error);
  process.exit(128);
});

async function load() {
  const dir = path.dirname(process.env._HANDLER);
  const [module, name] = path.basename(process.env._HANDLER).split(/\.(.*)/s);
  const file = path.resolve(process.env.LAMBDA_TASK_ROOT, dir, module);
  const found = ['.js', '.mjs', '.cjs'].map((end) => file + end).find((f) => existsSync(f));
  try {
    if (!found) throw Object.assign(new Error(`Cannot find module '${module}'`), { code: 'MODULE_NOT_FOUND' });
    const loaded = await import(pathToFileURL(found));
    const handler = loaded[name] ?? loaded.default?.[name];
    if (typeof handler !== 'function') throw Object.assign(new Error(`${process.env._HANDLER} is undefined or not exported`), { name: 'Runtime.HandlerNotFound' });
    return handler;
  } catch (error) {
    if (error instanceof SyntaxError) error.name = 'Runtime.UserCodeSyntaxError';
    if (error.code === 'MODULE_NOT_FOUND' || error.code === 'ERR_MODULE_NOT_FOUND') error.name = 'Runtime.ImportModuleError';
    throw error;
  }
}

let handler;
try {
  handler = await load();
} catch (error) {
  await failed(error);
  process.exit(1);
}

function serialized(value) {
  try {
    return JSON.stringify(value === undefined ? null : value);
  } catch {
    throw new Error('Unable to stringify response body');
  }
}

for (;;) {
  const next = await ask('GET', '/invocation/next');
  id = next.headers['lambda-runtime-aws-request-id'];
  const deadline = Number(next.headers['lambda-runtime-deadline-ms']);
  const context = {
    awsRequestId: id, callbackWaitsForEmptyEventLoop: true, functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: '$LATEST', memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    invokedFunctionArn: next.headers['lambda-runtime-invoked-function-arn'], getRemainingTimeInMillis: () => deadline - Date.now(),
  };
  // Whose event loop has nothing left to do has answered with nothing.
  const idle = async () => {
    process.removeAllListeners('beforeExit');
    await ask('POST', `/invocation/${id}/response`, 'null');
    process.exit(0);
  };
  process.once('beforeExit', idle);
  try {
    const value = await new Promise((resolve, reject) => {
      const returned = handler(JSON.parse(next.text), context, (error, value) => (error ? reject(error) : resolve(value)));
      if (typeof returned?.then === 'function') returned.then(resolve, reject);
    });
    await ask('POST', `/invocation/${id}/response`, serialized(value), { 'Content-Type': 'application/json' });
  } catch (error) {
    await failed(error);
  }
  process.removeListener('beforeExit', idle);
}
