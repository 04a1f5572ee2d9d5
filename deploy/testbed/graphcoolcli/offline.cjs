// Loaded before the command line and the processes that it starts: no name but
// localhost can be looked up, and errors are reported to nobody.
const dns = require("dns");
const Module = require("module");

const lookup = dns.lookup;
dns.lookup = function (hostname, ...rest) {
  if (hostname === "localhost" || hostname === "127.0.0.1" || hostname === "::1") {
    return lookup.call(dns, hostname, ...rest);
  }
  const error = Object.assign(new Error("offline: " + hostname), { code: "ENOTFOUND", hostname });
  process.nextTick(() => rest[rest.length - 1](error));
};

// The command line shows an error when its report has gone out, and goes on in the
// meantime: into a second error that the first one led to, or to its end. A report that
// takes its time would have it show the second error, or none.
const load = Module._load;
Module._load = function (request, ...rest) {
  const loaded = load.call(Module, request, ...rest);
  if (request === "raven") {
    loaded.captureException = (error, reported) => reported && process.nextTick(reported);
  }
  return loaded;
};
