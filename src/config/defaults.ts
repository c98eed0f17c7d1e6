/** What holds when a person says nothing, in milliseconds and bytes, frozen. Those of an affinity stand with its descriptor. */
import { deepFreeze } from './freeze.ts';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const KiB = 1024;

export const defaults = deepFreeze({
  listener: {
    reusePort: false,
    backlog: 511,
    trustedProxies: [],
    upgrades: ['websocket'],
    halfClose: false,
    limits: {
      connections: 100_000,
      headBytes: 16 * KiB,
      headers: 100,
      uriBytes: 8 * KiB,
      bodyBytes: 0,
      lingerBytes: 1024 * 1024 * KiB,
    },
    timeouts: {
      requestHead: 10 * second,
      requestBody: 30 * second,
      keepAlive: 60 * second,
      write: 30 * second,
      linger: minute,
    },
  },
  pool: {
    balance: 'least-requests',
    maxLoad: 0,
    affinity: ['cookie'],
    whenOwnerFails: 'rebind',
    whenOwnerFull: 'queue',
    queue: { max: 1024, timeout: 5 * second },
    retry: { attempts: 3, bufferBody: 64 * KiB, deadline: 0 },
    timeouts: {
      connect: 2 * second,
      response: 60 * second,
      responseBody: 60 * second,
      // Below the 5 s after which node:http closes an idle connection, so that it is we who close first.
      keepAlive: 4 * second,
      tunnel: hour,
    },
    maxIdle: 256,
    pipelining: 1,
    // Servers are less hostile than clients and send more: policies, links, cookies.
    limits: { headBytes: 64 * KiB, headers: 256, interim: 1000, connecting: 1024 },
    rebalance: { skew: 0, rate: 10 },
  },
  server: { weight: 1, maxRequests: 0 },
  resolve: 'any',
  resolver: {
    servers: [],
    timeout: 2 * second,
    attempts: 2,
    minTtl: second,
    // Container platforms give minutes for names whose addresses change at any time.
    maxTtl: 30 * second,
    retry: 5 * second,
    addressTimeout: second / 2,
    maxAddresses: 256,
  },
  /** Status of `reject` without one. */
  reject: 503,
  health: { panicThreshold: 0.5, slowStart: 0 },
  /** Active checks once they are asked for; without that there are none. */
  active: {
    host: '',
    status: '200-399',
    body: '',
    interval: 2 * second,
    timeout: second,
    rise: 2,
    fall: 3,
    jitter: 0.1,
  },
  passive: { connectErrors: 3, serverErrors: 0, ejection: second, maxEjection: 60 * second },
  match: { host: '', path: '/', methods: [], extensions: [], listeners: [] },
  workers: 'auto',
  workerTimeout: 10 * second,
  limits: { keptBytes: 64 * 1024 * KiB, connecting: 4096 },
  table: { capacity: 1_000_000, save: minute },
  log: { access: 'off', level: 'info' },
  shutdown: { timeout: 30 * second },
  clock: { skew: 10 * minute },
  stateDir: '.limpet',
  identify: false,
  sessions: {
    store: 'memory',
    replication: 'sync',
    whenStoreFails: 'fail',
    timeout: 2 * second,
    lag: 1024,
    /** With a secret that a person has named; else `store.sock` in the state folder. */
    listen: { kind: 'tcp', host: '127.0.0.1', port: 0 },
    stateBytes: 1024 * KiB,
    endings: 100_000,
    tombstone: 24 * hour,
  },
  admin: { listen: 'state', hosts: [] },
});

/** Where `limpet 3001 3002` listens. */
export const defaultListen = '127.0.0.1:8080';
