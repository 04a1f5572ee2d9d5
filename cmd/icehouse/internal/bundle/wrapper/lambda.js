'use strict'
// Lets AWS Lambda call the function beside this file.
if (process.setSourceMapsEnabled) process.setSourceMapsEnabled(true)

const loaded = require('./ENTRY')
const run = typeof loaded === 'function' ? loaded : loaded.default

exports.handle = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = false
  new Promise(resolve => resolve(run(event))).then(
    value => callback(null, value),
    e => callback(e instanceof Error ? JSON.stringify(Object.assign({}, e, { name: e.name, message: e.message, stack: e.stack })) : JSON.stringify(e)),
  )
}
