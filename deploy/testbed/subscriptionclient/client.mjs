// Runs one subscription with one of npm's clients, and says what it is told: a line of
// JSON for each thing, until its standard input ends.
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';
import WebSocket from 'ws';

const require = createRequire(import.meta.url);
console.warn = () => {};
const { client: name, url, query, variables, token, extensions } = JSON.parse(process.argv[2]);
const authorization = token ? { Authorization: 'Bearer ' + token } : {};
const say = (line) => process.stdout.write(JSON.stringify(line) + '\n');
const sink = {
  next: (result) => say({ next: result }),
  error: (error) => say({ error: Array.isArray(error) ? error : { message: error.message ?? String(error), code: error.code, reason: error.reason } }),
  complete: () => say({ complete: true }),
};

const clients = {
  // The dialect 0.5.
  'subscriptions-transport-ws 0.5'() {
    const { SubscriptionClient } = require('old-subscriptions-transport-ws');
    const c = new SubscriptionClient(url, { connectionParams: authorization, reconnect: false }, WebSocket);
    c.subscribe({ query, variables }, (errors, data) => (errors ? sink.error(errors) : sink.next({ data })));
    return () => c.close();
  },
  // The dialect 0.7.
  'subscriptions-transport-ws'() {
    const { SubscriptionClient } = require('subscriptions-transport-ws');
    const c = new SubscriptionClient(url, { connectionParams: authorization }, WebSocket);
    c.onConnected(() => say({ connected: true }));
    const s = c.request({ query, variables, extensions }).subscribe(sink);
    return () => { s.unsubscribe(); c.close(); };
  },
  // As applications of 2017 put them together.
  'apollo-client'() {
    const { ApolloClient, createNetworkInterface } = require('apollo-client');
    const { SubscriptionClient, addGraphQLSubscriptions } = require('old-subscriptions-transport-ws');
    const gql = require('graphql-tag');
    const c = new SubscriptionClient(url, { connectionParams: authorization, reconnect: false }, WebSocket);
    const networkInterface = addGraphQLSubscriptions(createNetworkInterface({ uri: url.replace(/^ws/, 'http') }), c);
    const apollo = new ApolloClient({ networkInterface });
    const s = apollo.subscribe({ query: gql(query), variables }).subscribe({ ...sink, next: (data) => sink.next({ data }) });
    return () => { s.unsubscribe(); c.close(); };
  },
  async 'graphql-ws'() {
    const { createClient } = await import('graphql-ws/client');
    const c = createClient({ url, connectionParams: authorization, webSocketImpl: WebSocket, retryAttempts: 0, lazy: false, onNonLazyError: () => {} });
    c.on('ping', (received, payload) => received && say({ ping: payload }));
    c.on('connected', () => say({ connected: true }));
    const stop = c.subscribe({ query, variables, extensions }, sink);
    return async () => { stop(); await c.dispose(); };
  },
  async 'graphql-sse'() {
    const { createClient } = await import('graphql-sse');
    const c = createClient({ url: url.replace(/^ws/, 'http'), headers: authorization, retryAttempts: 0 });
    const stop = c.subscribe({ query, variables, extensions }, sink);
    return () => { stop(); c.dispose(); };
  },
};

const end = await clients[name]();
createInterface({ input: process.stdin }).on('close', async () => {
  await end();
  process.exit(0);
});
