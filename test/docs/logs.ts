/** What Limpet prints by itself, made by the code that prints it: what the documentation shows of it must be like one of these. */

import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { trustText } from '../../src/certificates/trust.ts';
import { createLogger } from '../../src/cli/log.ts';
import type { LimpetOptions } from '../../src/config/options.ts';
import { readConfig } from '../../src/config/read.ts';
import { EventBus } from '../../src/events/bus.ts';
import { Load } from '../../src/fleet/load.ts';
import { summarise } from '../../src/import/import.ts';
import { lineFormatOf } from '../../src/metrics/access-formats.ts';
import { type ExchangeRecord, formatText } from '../../src/metrics/access-log.ts';
import { Counters, counterRows } from '../../src/metrics/counters.ts';
import { Descriptors } from '../../src/net/descriptors.ts';
import { sessions } from '../../src/session/index.ts';
import { exceededLimits, readCookieLimits } from '../../src/session/sticky/cookie-protocol.ts';
import { createSingleWorker } from '../../src/shared/single-worker.ts';
import { systemClock } from '../../src/time/clock.ts';
import { SteadyClock } from '../../src/time/steady.ts';
import { CertificateService } from '../../src/workers/certificate-service.ts';
import { DescriptorRoom } from '../../src/workers/descriptor-room.ts';
import { HealthMonitor } from '../../src/workers/health-monitor.ts';
import { Timekeeper } from '../../src/workers/timekeeper.ts';
import { accessRecord as record } from '../support/access-record.ts';
import { type Issued, TestAuthority } from '../support/certificates.ts';
import { FakeNet } from '../support/fake-net.ts';
import { HandTime } from '../support/hand-time.ts';
import { Program, shapeOf } from './program.ts';

const config = `listeners: [{ address: ":8080" }]
pools:
  shop:
    servers:
      - { name: s1, address: "127.0.0.1:3001" }
      - name: s2
        address: "127.0.0.1:3002"
`;

function optionsOf(written: unknown): LimpetOptions {
  return readConfig(written, { source: { name: 'x', locate: () => null }, env: {}, variables: false }).options;
}

/** Collects what a logger of the program writes. */
function logging(work: (log: ReturnType<typeof createLogger>) => void): string {
  let text = '';
  work(createLogger({ format: 'text', level: 'info', write: (line) => (text += line) }));
  return text;
}

async function refusedReload(): Promise<string> {
  using program = new Program();
  program.write('limpet.yaml', config);
  const ended = program.run(['-c', 'limpet.yaml']);
  await program.said('listening');
  program.write('limpet.yaml', `${config}        wieght: 2\n`);
  program.signals.emit('SIGHUP');
  await program.said('refused');
  program.signals.emit('SIGTERM');
  await ended;
  return program.output;
}

function lowLimit(): string {
  return logging((log) => {
    const limits = { limit: () => 1024, open: () => 20 };
    const room = new DescriptorRoom({ descriptors: Descriptors.single(), limits, timers: new HandTime(), log });
    room.follow(optionsOf({ listeners: [{ address: ':8080' }], pools: { shop: { servers: [3001] } }, workers: 1 }));
  });
}

function clockSetBack(): string {
  using program = new Program();
  return logging((log) => {
    const time = new HandTime();
    const machine = { shift: 0 };
    const sources = {
      wall: () => time.now() + machine.shift,
      monotonic: () => time.now(),
      uptime: () => time.now(),
    };
    const file = join(program.folder, 'clock');
    const shared = SteadyClock.share();
    new Timekeeper({ shared, file, timers: time, counters: new Counters(), log, sources }).start();
    time.advance(5000);
    machine.shift = -1_200_000;
    time.advance(1000);
  });
}

async function openKey(): Promise<string> {
  using program = new Program();
  program.write('limpet.yaml', config);
  mkdirSync(join(program.folder, '.limpet'), { mode: 0o700 });
  program.write('.limpet/token.key', 'ab'.repeat(32));
  chmodSync(join(program.folder, '.limpet/token.key'), 0o644);
  await program.run(['token', 'force', 's1']);
  return program.output.replaceAll(`${program.folder}/`, '');
}

const nginxConf = `events {}
http {
  upstream shop {
    ip_hash;
    server 10.20.0.1:8080;
    server 10.20.0.99:8080 backup;
  }
  server {
    listen 8080;
    location / { proxy_pass http://shop; }
    location /admin/ {
      deny all;
      proxy_pass http://shop;
    }
  }
}
`;

async function imported(): Promise<string> {
  using program = new Program();
  program.write('nginx.conf', nginxConf);
  await program.run(['import', 'nginx.conf']);
  const text = 'deny all;';
  const note = {
    line: 14,
    text,
    why: 'any client reaches /admin/: access is not limited here',
    kind: 'left-out',
    concern: 'open',
  } as const;
  return program.output + summarise({ config: {}, notes: [note] }, nginxConf, 'nginx.conf');
}

async function withoutSecret(): Promise<string> {
  const before = process.env.LIMPET_SECRET_FILE;
  process.env.LIMPET_SECRET_FILE = '~/.local/state/limpet/session.secret';
  const app = sessions({ strategy: 'sticky', onWarning: () => {} });
  if (before === undefined) delete process.env.LIMPET_SECRET_FILE;
  else process.env.LIMPET_SECRET_FILE = before;
  const request = { headers: { 'limpet-session': 'id=0' }, url: '/', method: 'GET' };
  try {
    return await app.open(request as unknown as Parameters<typeof app.open>[0]).then(String, String);
  } finally {
    await app.close();
  }
}

function tooLong(): string {
  const said = exceededLimits({ maxAge: 1_209_600 }, 1800, readCookieLimits('idle:3600'));
  return said.map((line) => `${line} in cookie.app of the cookie affinity of pool shop`).join('\n');
}

export const accessRecord: ExchangeRecord = { ...record, target: '/cart', connectMs: 0.4, responseMs: 3.1 };
export const accessLine = formatText(accessRecord);
const agent = { referer: 'https://shop.example/', userAgent: 'curl/8.14.1' };
const combinedLine = lineFormatOf('combined').format({ ...accessRecord, ...agent });

/** A server fails its checks, and passes them again. */
function health(): string {
  return logging((log) => {
    const time = new HandTime();
    const server = { name: 's1', address: '127.0.0.1:3001' };
    const pool = { servers: [server], health: { path: '/healthz', interval: '2s', jitter: 0 } };
    const options = optionsOf({ listeners: [{ address: ':8080' }], pools: { shop: pool } });
    const net = new FakeNet();
    const deps = { net, log, clock: time, timers: time, random: () => 0.5, counters: new Counters() };
    const load = new Load(Load.create(16_384, 1), 16_384, 0);
    const events = new EventBus(time, () => {});
    const watch = new HealthMonitor({ ...deps, load, events, reportShortage() {}, publish() {} });
    watch.follow(options, createSingleWorker(options, 0).numbers);
    time.advance(1000);
    for (const status of ['503 X', '503 X', '503 X', '200 OK', '200 OK']) {
      net.last.open();
      net.last.send(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`);
      time.advance(2000);
    }
    watch.stop();
  });
}

async function started(): Promise<string> {
  using program = new Program();
  program.write('limpet.yaml', config);
  const ended = program.run(['-c', 'limpet.yaml']);
  await program.said('listening');
  program.signals.emit('SIGTERM');
  await ended;
  return program.output;
}

/** Everything that a `log` block may show. */
export async function realLogs(): Promise<string[]> {
  const texts = [
    refusedReload(),
    started(),
    health(),
    lowLimit(),
    clockSetBack(),
    openKey(),
    imported(),
    withoutSecret(),
    tooLong(),
    certificates(),
  ];
  return (await Promise.all([...texts, accessLine, combinedLine])).map(shapeOf);
}

async function certificates(): Promise<string> {
  using program = new Program();
  const authority = new TestAuthority();
  const names = ['shop.example', 'www.shop.example'];
  const put = ({ cert, key }: Issued) => {
    program.write('shop.crt', cert);
    program.write('shop.key', key);
  };
  const pair = { cert: join(program.folder, 'shop.crt'), key: join(program.folder, 'shop.key') };
  const options = optionsOf({
    listeners: [{ address: ':443', tls: { certificates: [pair] } }],
    pools: { shop: { servers: [3001] } },
  });
  let text = '';
  const log = createLogger({ format: 'text', level: 'info', write: (line) => (text += line) });
  const events = new EventBus(systemClock, () => {});
  const parts = {
    runtime: 'node',
    clock: systemClock,
    timers: new HandTime(),
    counters: new Counters(),
    log,
    events,
  } as const;
  const service = new CertificateService({
    ...parts,
    autoCertificate: null,
    onChange: () => {},
    onAdminPair: () => {},
  });
  try {
    put(authority.issue(names));
    service.follow(await service.load(options));
    put(authority.issue(names, { until: 6.5 * 86_400_000 }));
    const changed = await service.reread(options);
    if (changed !== null) service.follow(changed);
    program.write('shop.key', authority.issue(names).key);
    await service.reread(options);
  } finally {
    service.stop();
  }
  return `${text}${logging((log) => log.info(trustText('/app/.limpet/tls/authority.crt')))}`.replaceAll(
    `${program.folder}/`,
    '',
  );
}

/** Parts with an empty line between them are texts of their own; `...` stands for anything. */
export function flawOfLog(text: string, real: readonly string[]): string {
  return text
    .split(/\n\n+/)
    .filter((part) => !real.some((one) => holds(one, shapeOf(part))))
    .map((part) => `nothing in test/docs/logs.ts prints this: ${part}`)
    .join('\n');
}

function holds(real: string, part: string): boolean {
  let from = 0;
  return part.split('...').every((piece) => {
    const at = real.indexOf(piece.trim(), from);
    from = at + piece.trim().length;
    return at >= 0;
  });
}

/** JSON with `...` in it: what it names are counters, and the rest of it is as the program writes it. */
export function flawOfJson(text: string): string {
  const { counters = {} } = JSON.parse(text.replaceAll(/,\s*\.\.\./g, '')) as { counters?: Record<string, number> };
  const names = counterRows.map(({ name }) => name);
  const unknown = Object.keys(counters).filter((name) => !names.includes(name as (typeof names)[number]));
  return unknown.length === 0 ? '' : `no counters: ${unknown.join(', ')}`;
}
