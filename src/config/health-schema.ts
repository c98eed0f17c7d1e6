/** What a person may write about health checks, and how it becomes the filled options. */
import { z } from 'zod';
import { parseServer, serverForm } from './address.ts';
import { defaults } from './defaults.ts';
import { decimal, field, map, open, text, textOrNumber, time, timeOrNone, whole, word } from './fields.ts';
import type { ActiveOptions, AgentOptions, HealthOptions } from './options.ts';
import { formatDuration } from './units.ts';

const { active, health, passive } = defaults;

type Range = readonly [number, number];

const statusForm = 'statuses from 100 to 999, such as 200, 200-399 or 200-299,404';

/** `200-299,404` as inclusive ranges. */
const statusSchema = textOrNumber('statuses', statusForm, parseStatuses);

function parseStatuses(written: string): readonly Range[] | null {
  const ranges = written.split(',').map((piece): Range => {
    const [, from = '', to = from] = /^\s*([1-9][0-9]{2})(?:-([1-9][0-9]{2}))?\s*$/.exec(piece) ?? [];
    return [Number(from), Number(to)];
  });
  return ranges.every(([from, to]) => from > 0 && from <= to) ? ranges : null;
}

const pathSchema = text('path', 'a path that begins with / and has no space or #', (path) =>
  /^\/[\x21-\x22\x24-\x7e]*$/.test(path) ? path : null,
);

/** It goes into the Host header as it stands. */
const hostSchema = text('host', 'a host with or without a port, such as app.example.org', (host) =>
  /^[A-Za-z0-9._:[\]-]*$/.test(host) ? host : null,
);

const serviceForm = 'the name of a gRPC service, such as shop.v1.Cart, or an empty text for the whole server';

const serviceSchema = text('service', serviceForm, (name) => (/^[\w.-]{0,256}$/.test(name) ? name : null));

const bodySchema = text('text', 'text', (body) => body);

const passiveFields = map(
  {
    connectErrors: field(whole(1, 1000), passive.connectErrors, 'Connection errors in a row that eject a server.'),
    serverErrors: field(whole(0, 1000), passive.serverErrors, '5xx responses in a row that eject a server. 0: never.'),
    ejection: field(
      time(),
      formatDuration(passive.ejection),
      'Length of the first ejection; each further one lasts twice as long.',
    ),
    maxEjection: field(time(), formatDuration(passive.maxEjection), 'Length of the longest ejection.'),
  },
  'false, or a map of fields',
);

const agentFields = map({
  port: open(whole(1, 65_535), undefined, 'Port of the agent, at the host of its server.'),
  address: open(
    textOrNumber('address', serverForm, parseServer),
    undefined,
    'One agent for all servers, instead of `port`: it gets the name of the server in a line.',
  ),
  interval: field(time(), formatDuration(active.interval), 'Time from one question to the next.'),
}).transform((written, context): AgentOptions => {
  const { port, address, interval } = written;
  if ((port === undefined) !== (address === undefined)) return { port: port ?? 0, address: address ?? null, interval };
  context.issues.push({ code: 'custom', message: 'port or address, one of both', input: port, path: ['port'] });
  return z.NEVER;
});

export const healthSchema = map({
  active: open(
    z.union([z.literal(false), z.literal('false'), word(['http', 'grpc', 'tcp'])], {
      error: 'http, grpc, tcp or false',
    }),
    '`http` with a `path`, `grpc` with `grpc`, `tcp` with any other field of these checks, else `false`',
    'Health checks by requests of the balancer itself: an HTTP request, a call of gRPC health checking, a TCP connect, or none.',
  ),
  grpc: open(
    serviceSchema,
    'empty with `active: grpc`',
    'Service that `grpc.health.v1.Health/Check` is asked for; empty: the whole server. With `protocol: h2`.',
  ),
  path: open(pathSchema, undefined, 'Path of the check, which is a GET request.'),
  host: open(hostSchema, "the server's address", 'Host header of the check.'),
  status: open(statusSchema, active.status, 'Statuses that count as good, and ranges of them.'),
  body: open(bodySchema, 'any', 'Text that must be in the first 64 KiB of the body.'),
  interval: open(time(), formatDuration(active.interval), 'Time between two checks of a server.'),
  timeout: open(time(), formatDuration(active.timeout), 'A check that takes longer has failed.'),
  rise: open(whole(1, 100), String(active.rise), 'Good checks in a row that bring a server up.'),
  fall: open(whole(1, 100), String(active.fall), 'Bad checks in a row that take it down.'),
  jitter: open(decimal(0, 1), String(active.jitter), 'Share of the interval by which checks are spread.'),
  passive: field(
    z.union([z.literal(false), z.literal('false'), passiveFields], { error: 'false, or a map of fields' }),
    {},
    'Health by the outcome of the requests of clients. `false`: no server is ejected for its errors.',
  ),
  agent: open(
    agentFields,
    'none',
    'A program beside each server that says what it wants, in the words of HAProxy: `ready`, `drain`, `maint`, `up`, `down`, `75%` of its weight, `maxconn:30`.',
  ),
  panicThreshold: field(
    decimal(0, 1),
    health.panicThreshold,
    'When the share of servers that are up is below this, health is ignored and all servers are used. 0: never.',
  ),
  slowStart: field(
    timeOrNone(),
    'off',
    'A server that comes up gets its full share of new sessions only after this long.',
  ),
}).transform((written, context): HealthOptions => {
  const {
    active: wanted,
    grpc,
    path,
    host,
    status,
    body,
    passive,
    agent,
    panicThreshold,
    slowStart,
    ...timing
  } = written;
  const { interval, timeout, rise, fall, jitter } = timing;
  const timed = Object.values(timing).some((value) => value !== undefined);
  const mode = wanted ?? (grpc !== undefined ? 'grpc' : path !== undefined ? 'http' : timed ? 'tcp' : false);
  const ofHttp = Object.entries({ path, host, status, body }).find(([, value]) => value !== undefined);
  const unfit = mode !== 'grpc' && grpc !== undefined ? ['grpc', grpc] : mode === 'grpc' ? ofHttp : undefined;
  if (unfit !== undefined) {
    const [name, input] = unfit;
    const message = `nothing, because ${wanted === undefined ? 'grpc is given' : `active is ${mode}`}`;
    context.issues.push({ code: 'custom', message, input, path: [name] });
    return z.NEVER;
  }
  const detail = Object.entries({ host, status, body }).find(([, value]) => value !== undefined)?.[0];
  if (path === undefined && (mode === 'http' || (wanted === undefined && detail !== undefined))) {
    const message = `the path to ask for, because ${mode === 'http' ? 'active is http' : `${detail} is given`}`;
    context.issues.push({ code: 'custom', message, input: path, path: ['path'] });
    return z.NEVER;
  }
  const http = {
    path: path ?? '',
    host: host ?? active.host,
    status: status ?? parseStatuses(active.status) ?? [],
    body: body ?? active.body,
  };
  const checks: ActiveOptions = {
    grpc: mode === 'grpc' ? { service: grpc ?? '' } : null,
    http: mode === 'http' ? http : null,
    interval: interval ?? active.interval,
    timeout: timeout ?? active.timeout,
    rise: rise ?? active.rise,
    fall: fall ?? active.fall,
    jitter: jitter ?? active.jitter,
  };
  return {
    active: mode === false || mode === 'false' ? null : checks,
    passive: typeof passive === 'object' ? passive : null,
    agent: agent ?? null,
    panicThreshold,
    slowStart,
  };
});
