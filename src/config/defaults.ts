/** Defaults of the config, in milliseconds and bytes, frozen. Those of an affinity are in its descriptor. */
import { defaultAbuseLimits } from '../http/h2/abuse.ts';
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
      h2: {
        // RFC 9113 section 6.5.2: no fewer than 100.
        streams: 100,
        headerTableBytes: 4 * KiB,
        streamWindowBytes: 256 * KiB,
        connectionWindowBytes: 1024 * KiB,
        perMinute: defaultAbuseLimits,
      },
    },
    timeouts: {
      handshake: 10 * second,
      requestHead: 10 * second,
      requestBody: 30 * second,
      keepAlive: 60 * second,
      write: 30 * second,
      linger: minute,
    },
  },
  tls: {
    minVersion: 'TLSv1.2',
    ciphers: '',
    clientCertificates: { require: true },
    hsts: { includeSubdomains: false, preload: false },
    verify: true,
    pool: { sni: '', ca: undefined, cert: undefined, key: undefined, verify: true, minVersion: 'TLSv1.2' },
  },
  pool: {
    protocol: 'h1',
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
      // Less than the 5 s after which node:http closes an idle connection, so that the balancer closes it first.
      keepAlive: 4 * second,
      tunnel: hour,
    },
    maxIdle: 256,
    pipelining: 1,
    // Larger than for clients: servers are trusted more, and send more (policies, links, cookies).
    limits: { headBytes: 64 * KiB, headers: 256, interim: 1000, connecting: 1024, h2Connections: 64, h2Streams: 100 },
    rebalance: { skew: 0, rate: 10 },
    drain: { grace: 30 * second, deadline: 0 },
    notifyMoves: false,
    countsForReadiness: true,
  },
  server: { weight: 1, maxRequests: 0 },
  resolve: 'any',
  resolver: {
    servers: [],
    timeout: 2 * second,
    attempts: 2,
    minTtl: second,
    // Container platforms answer with minutes, although the addresses may change at any time.
    maxTtl: 30 * second,
    retry: 5 * second,
    addressTimeout: second / 2,
    maxAddresses: 256,
  },
  /** Status of `whenOwnerFails: reject`. */
  reject: 503,
  health: { panicThreshold: 0.5, slowStart: 0 },
  /** Of active checks, which exist only where the config has `health`. */
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
  accessLog: { sample: 1, file: { size: 100 * 1024 * KiB, keep: 5 }, syslog: { facility: 'local0', tag: 'limpet' } },
  requestId: { header: 'X-Request-Id', accept: 'trusted', respond: false },
  tracing: { accept: 'trusted', sample: 1 },
  traceExport: { serviceName: 'limpet', interval: second, timeout: 5 * second, queue: 8192 },
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
    /** Where the config has a secret; else `store.sock` in the state folder. */
    listen: { kind: 'tcp', host: '127.0.0.1', port: 0 },
    stateBytes: 1024 * KiB,
    endings: 100_000,
    tombstone: 24 * hour,
  },
  fleet: {
    whenStoreLost: 'keep',
    timeout: 2 * second,
    lease: 10 * second,
    newKeys: 2000,
    history: 100_000,
    limits: 'node',
  },
  admin: { listen: 'state', hosts: [] },
});

/** Where `limpet 3001 3002` listens. */
export const defaultListen = '127.0.0.1:8080';
