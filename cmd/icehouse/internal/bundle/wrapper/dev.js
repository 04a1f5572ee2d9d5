'use strict'
// Runs the function beside this file: an event as JSON from stdin, one line of JSON to
// stdout. What the function writes itself is in that line.
if (process.setSourceMapsEnabled) process.setSourceMapsEnabled(true)

const write = process.stdout.write.bind(process.stdout)
const said = { stdout: '', stderr: '' }
for (const name of ['stdout', 'stderr']) {
  process[name].write = (chunk, encoding, done) => {
    said[name] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString()
    const call = typeof encoding === 'function' ? encoding : done
    if (call) process.nextTick(call)
    return true
  }
}

// json is JSON of anything: circular parts are marked, and functions left out.
const json = value => {
  const above = []
  return JSON.stringify(value, function (key, part) {
    if (typeof part === 'function') return undefined
    if (typeof part === 'bigint') return String(part)
    while (above.length && above[above.length - 1] !== this) above.pop()
    if (above.includes(part)) return '[Circular]'
    if (part && typeof part === 'object') above.push(part)
    return part
  })
}

const failure = thrown => {
  if (!(thrown instanceof Error)) return json(thrown === undefined ? 'undefined' : thrown)
  return json(Object.assign({}, thrown, { name: thrown.name, message: thrown.message, stack: thrown.stack }))
}

const end = result => write(json(Object.assign(result, said)) + '\n', () => process.exit(0))

let input = ''
process.stdin.setEncoding('utf8')
process.stdin.on('data', part => { input += part })
process.stdin.on('end', () => {
  // An exception here is that of a module that can't be loaded: it ends the process.
  let run
  try {
    const loaded = require('./ENTRY')
    run = typeof loaded === 'function' ? loaded : loaded && loaded.default
  } catch (e) {
    require('fs').writeSync(2, said.stdout + said.stderr + (e && e.stack || e) + '\n')
    process.exit(1)
  }
  new Promise(resolve => {
    if (typeof run !== 'function') throw new TypeError('the file exports no function: want module.exports = event => …, or export default event => …')
    resolve(run(JSON.parse(input)))
  }).then(value => end({ value }), e => end({ error: failure(e) }))
})
