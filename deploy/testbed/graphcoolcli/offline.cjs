// Loaded before the command line and the processes that it starts: no name but
// localhost can be looked up.
const dns = require("dns");
const lookup = dns.lookup;
dns.lookup = function (hostname, ...rest) {
  if (hostname === "localhost" || hostname === "127.0.0.1" || hostname === "::1") {
    return lookup.call(dns, hostname, ...rest);
  }
  const error = Object.assign(new Error("offline: " + hostname), { code: "ENOTFOUND", hostname });
  process.nextTick(() => rest[rest.length - 1](error));
};
