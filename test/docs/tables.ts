/** Tables of the documentation that say what the code says: read here, to be compared with it. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { jsonSchema } from '../../src/config/json-schema.ts';
import type { ActiveOptions } from '../../src/config/options.ts';
import { Fleet } from '../../src/fleet/fleet.ts';
import { Server } from '../../src/fleet/server.ts';
import { PassiveHealth } from '../../src/health/passive.ts';
import { Probe, type ProbeTransport } from '../../src/health/probe.ts';
import { FrameType } from '../../src/http/h2/frame.ts';
import { FakeNet, type FakePeer } from '../support/fake-net.ts';
import { frame, uint32 } from '../support/h2-frames.ts';
import { HandTime } from '../support/hand-time.ts';
import { block } from '../support/stage-h2-client.ts';
import { root } from './blocks.ts';

export function read(path: string): string {
  return readFileSync(resolve(root, path), 'utf8');
}

/** The cells of each row of the first table below a heading, without its head; an escaped bar is part of a cell. */
export function rowsBelow(markdown: string, heading: string): string[][] {
  const lines = markdown.split('\n');
  const from = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, '') === heading);
  if (from < 0) throw new Error(`no heading ${heading}`);
  const start = lines.findIndex((line, i) => i > from && line.startsWith('|'));
  const end = lines.findIndex((line, i) => i > start && !line.startsWith('|'));
  return lines.slice(start + 2, end < 0 ? undefined : end).map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** The code in a cell. */
export function codesIn(cell: string): string[] {
  return Array.from(cell.matchAll(/`([^`]+)`/g), ([, code]) => code!);
}

const http = { path: '/healthz', host: '', status: [[200, 399]], body: 'ready' } as const;
const options: ActiveOptions = { grpc: null, http, interval: 2000, timeout: 1000, rise: 2, fall: 3, jitter: 0 };

/** What happens to a check, and its reason. */
function reasonOf(
  happen: (peer: FakePeer, time: HandTime) => void,
  asked = options,
  transport?: ProbeTransport,
): string {
  const net = new FakeNet();
  const time = new HandTime();
  let reason = '';
  const address = { kind: 'tcp', host: '127.0.0.1', port: 3001 } as const;
  const deps = { net, timers: time, ...(transport && { transport }) };
  new Probe(deps, address, asked, (problem) => (reason = problem ?? '')).start();
  happen(net.last, time);
  return reason;
}

function answering(text: string, then: (peer: FakePeer, time: HandTime) => void = () => {}): string {
  return reasonOf((peer, time) => {
    peer.open();
    if (text !== '') peer.send(text);
    then(peer, time);
  });
}

const wait = (_: FakePeer, time: HandTime) => time.advance(1000);
const end = (peer: FakePeer) => peer.handler.onEnd();
const leave = (peer: FakePeer) => peer.handler.onClose(null);
const reset = (peer: FakePeer) => peer.handler.onClose(new Error('read ECONNRESET'));

const grpc: ActiveOptions = { ...options, http: null, grpc: { service: 'shop.Cart' } };
const tls = { sni: '', ca: null, pair: null, verify: true, protocols: ['h2'], minVersion: 'TLSv1.2' } as const;

/** By HTTP/2: the frames that the server sends after its settings. */
function framing(asked: ActiveOptions, ...frames: readonly Buffer[]): string {
  const talk = (peer: FakePeer) => {
    peer.open();
    peer.handler.onData(Buffer.concat([frame(FrameType.settings, 0, 0), ...frames]));
  };
  return reasonOf(talk, asked, { protocol: 'h2', tls: null });
}

const fieldsOf = (flags: number, ...fields: string[]) => frame(FrameType.headers, flags, 1, block(...fields));
const grpcHead = fieldsOf(4, ':status: 200', 'content-type: application/grpc');
const grpcEnd = (status: number) => fieldsOf(5, `grpc-status: ${status}`);
const message = (...bytes: number[]) => frame(FrameType.data, 0, 1, [0, 0, 0, 0, bytes.length, ...bytes]);

/** Those of checks by HTTP/2, and of gRPC. */
function h2Reasons(): string[] {
  const isOpen = (then: (peer: FakePeer, time: HandTime) => void) => (peer: FakePeer, time: HandTime) => {
    peer.open();
    peer.handler.onData(Buffer.concat([frame(FrameType.settings, 0, 0), grpcHead]));
    then(peer, time);
  };
  return [
    reasonOf((peer) => peer.open(), options, { protocol: 'h2', tls }),
    framing(options, frame(FrameType.settings, 0, 1)),
    framing(options, frame(FrameType.resetStream, 0, 1, uint32(7))),
    framing(options, frame(FrameType.goaway, 0, 0, Buffer.concat([uint32(0), uint32(11)]))),
    framing(options, fieldsOf(5, ':status: 200')),
    framing(options, fieldsOf(5, 'a: b')),
    ...[wait, end, leave, reset].map((then) => reasonOf(isOpen(then), grpc)),
    framing(grpc, fieldsOf(5, ':status: 200', 'content-type: text/html')),
    framing(grpc, grpcHead, frame(FrameType.data, 1, 1)),
    framing(grpc, grpcHead, grpcEnd(12)),
    framing(grpc, grpcHead, grpcEnd(5)),
    framing(grpc, grpcHead, grpcEnd(14)),
    framing(grpc, grpcHead, message(0xff), grpcEnd(0)),
    framing(grpc, grpcHead, message(8, 2), grpcEnd(0)),
    framing(grpc, grpcHead, frame(FrameType.data, 0, 1, 'x'.repeat(2000))),
  ];
}

/** Every reason for which a check may fail. */
export function checkReasons(): string[] {
  const head = 'HTTP/1.1 200 OK\r\n\r\n';
  const waiting = ['', head].flatMap((text) => [wait, end, leave, reset].map((then) => answering(text, then)));
  return [
    reasonOf((peer) => peer.fail('connect ECONNREFUSED 127.0.0.1:3001')),
    reasonOf(wait),
    ...waiting,
    answering('HTTP/1.1 503 No\r\n\r\n'),
    answering('SSH-2.0-OpenSSH'),
    answering('HTTP/1.1 2000 OK\r\n'),
    answering(`HTTP/1.1 200 OK\r\nA: ${'b'.repeat(17_000)}`),
    answering(head + 'x'.repeat(65_536)),
    ...h2Reasons(),
  ];
}

/** Every reason for which traffic takes a server out, or brings it back. */
export function trafficReasons(): string[] {
  const said: string[] = [];
  const time = new HandTime();
  const address = { kind: 'tcp', host: '127.0.0.1', port: 3001 } as const;
  const server = new Server({ name: 's1', address, weight: 1, maxRequests: 0 }, 1, 0);
  const fleet = new Fleet([server], { panicThreshold: 0, slowStart: 0 });
  const health = new PassiveHealth({
    fleet,
    options: { connectErrors: 3, serverErrors: 5, ejection: 1000, maxEjection: 60_000 },
    clock: time,
    timers: time,
    log: (_, __, reason) => said.push(reason),
  });
  const times = (count: number, act: () => void) => Array.from({ length: count }, act);
  times(3, () => health.connectFailed(server));
  time.advance(1000);
  health.connectFailed(server);
  health.answered(server, 200);
  health.answered(server, 500);
  health.answered(server, 200);
  times(2, () => health.answered(server, 200));
  times(5, () => health.answered(server, 500));
  return [...new Set(said.map(plain))];
}

/** Without its numbers: they are those of the config. */
export function plain(reason: string): string {
  return reason.replaceAll(/\d+/g, 'N');
}

interface Schema {
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema | false;
  readonly properties?: Readonly<Record<string, Schema>>;
}

/** Every field of the config with those around it, names of pools left out: `pools.health.interval`. */
export function fieldPaths(schema: Schema = JSON.parse(jsonSchema()) as Schema, above = ''): string[] {
  const { anyOf = [], items, additionalProperties, properties = {} } = schema;
  const same = [
    ...anyOf,
    ...(items === undefined ? [] : [items]),
    ...(additionalProperties ? [additionalProperties] : []),
  ];
  const below = Object.entries(properties).flatMap(([name, field]) => [
    above + name,
    ...fieldPaths(field, `${above}${name}.`),
  ]);
  return [...below, ...same.flatMap((one) => fieldPaths(one, above))];
}
