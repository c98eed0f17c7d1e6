import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type DnsAnswer, FakeDns } from '../../test/support/dns-server.ts';
import { host } from '../../test/support/host.ts';
import { until } from '../../test/support/until.ts';
import { nodeNet } from '../net/node.ts';
import { systemTimers } from '../time/clock.ts';
import type { DnsServer, Reply } from './dns-query.ts';
import { Resolver, type ResolverDependencies } from './resolver.ts';

const folder = mkdtempSync(join(tmpdir(), 'limpet-names-'));
afterAll(() => rmSync(folder, { recursive: true }));
const files = { hosts: join(folder, 'hosts'), resolvConf: join(folder, 'resolv.conf') };

/** Nothing that this machine knows by itself. */
function resolverOf(change: Partial<ResolverDependencies> = {}, written = { hosts: '', resolvConf: '' }): Resolver {
  writeFileSync(files.hosts, written.hosts);
  writeFileSync(files.resolvConf, written.resolvConf);
  const lookUp = () => Promise.reject(new Error('unknown'));
  let id = 0;
  return new Resolver({ net: nodeNet, timers: systemTimers, randomId: () => ++id, lookUp, files, ...change });
}

const at = ({ port }: FakeDns): DnsServer => ({ kind: 'tcp', host, port });
const settings = (...servers: FakeDns[]) => ({ servers: servers.map(at), timeout: 20_000, attempts: 1 });
const found = (addresses: readonly string[], ttl = 60): Reply => ({ state: 'found', addresses, ttl });

describe('DNS', () => {
  test.each<[string, DnsAnswer, Reply]>([
    ['both kinds', ['10.0.0.1', '10.0.0.2', '2001:db8::1'], found(['10.0.0.1', '10.0.0.2', '2001:db8::1'])],
    ['IPv4 in both', ['10.0.0.1', '::ffff:10.0.0.1', '::ffff:10.0.0.2'], found(['10.0.0.1', '10.0.0.2'])],
    ['one kind', ['2001:db8::1'], found(['2001:db8::1'])],
    ['an alias of an alias', ['-> b.test', '-> c.test', '10.0.0.1'], found(['10.0.0.1'])],
    ['an alias of nothing', ['-> b.test'], { state: 'none' }],
    ['no address', [], { state: 'none' }],
    ['no such name', 'NXDOMAIN', { state: 'none' }],
  ])('%s', async (_what, answer, expected) => {
    await using dns = await FakeDns.start({ 'app.test': answer });
    expect(await resolverOf().find('app.test', settings(dns))).toEqual(expected);
    expect(dns.asked.toSorted()).toEqual(['A app.test', 'AAAA app.test']);
  });

  test('what does not fit into a datagram comes over TCP', async () => {
    const many = Array.from({ length: 200 }, (_, i) => `10.0.1.${i}`);
    await using dns = await FakeDns.start({ 'app.test': many });
    dns.truncates = true;
    dns.ttl = 7;
    expect(await resolverOf().find('app.test', settings(dns))).toEqual(found(many, 7));
    expect(dns.asked.toSorted()).toEqual(['A app.test', 'AAAA app.test', 'tcp A app.test', 'tcp AAAA app.test']);
  });

  test('bytes that are no answer to the question do not count', async () => {
    await using dns = await FakeDns.start({ 'app.test': ['10.0.0.1'] });
    dns.mangle = (bytes) => {
      const otherId = Buffer.from(bytes);
      otherId[0]! ^= 255;
      const otherName = Buffer.from(bytes);
      otherName[13]! ^= 1;
      const aQuestion = Buffer.from(bytes);
      aQuestion[2]! &= 127;
      return [Buffer.alloc(0), Buffer.from('garbage'), bytes.subarray(0, -1), otherId, otherName, aQuestion, bytes];
    };
    expect(await resolverOf().find('app.test', settings(dns))).toEqual(found(['10.0.0.1']));
  });

  test.each<DnsAnswer>(['SERVFAIL', 'REFUSED'])('a server that says %s is passed over', async (code) => {
    await using one = await FakeDns.start({ 'app.test': code });
    await using two = await FakeDns.start({ 'app.test': ['10.0.0.1'] });
    expect(await resolverOf().find('app.test', settings(one, two))).toEqual(found(['10.0.0.1']));
    const failed = await resolverOf().find('app.test', { ...settings(one), attempts: 2 });
    expect(failed).toEqual({ state: 'failed', reason: expect.stringContaining(String(code)) });
    expect(one.asked.length).toBe(6);
  });

  test('a server that does not answer is passed over when its time is over, and one where nobody is at once', async () => {
    await using one = await FakeDns.start({ 'app.test': null });
    await using two = await FakeDns.start({ 'app.test': ['10.0.0.1'] });
    const gone = await FakeDns.start();
    await gone[Symbol.asyncDispose]();
    // The time of the timers of that number, from 1, is over as soon as the silent server has received both questions.
    const timersOf = (...silent: number[]) => {
      let count = 0;
      return {
        after: (_delay: number, run: () => void) => {
          count++;
          let isOver = false;
          const isDue = () => one.asked.length === 2 && silent.includes(count);
          void until('the silent server has received both questions', () => isOver || isDue(), 10_000, 1).then(() => {
            if (!isOver) run();
          });
          return () => {
            isOver = true;
          };
        },
      };
    };
    const servers = [{ ...at(two), port: 1 }, at(one), at(two)];
    const slow = { servers, timeout: 50, attempts: 1 };
    expect(await resolverOf({ timers: timersOf(4) }).find('app.test', slow)).toEqual(found(['10.0.0.1']));
    one.asked.length = 0;
    const silent = await resolverOf({ timers: timersOf(2) }).find('app.test', { ...slow, servers: [at(one)] });
    expect(silent).toEqual({ state: 'failed', reason: `${one.address}: no answer within 50 ms` });
  });
});

describe('the files of the system', () => {
  test('a name of /etc/hosts is not asked for elsewhere, and a change is seen', async () => {
    await using dns = await FakeDns.start();
    const resolver = resolverOf({}, { hosts: '10.0.0.7 app\n::7 app', resolvConf: '' });
    expect(await resolver.find('app', settings(dns))).toEqual(found(['10.0.0.7', '::7'], 5));
    writeFileSync(files.hosts, '10.0.0.71 app');
    expect(await resolver.find('app', settings(dns))).toEqual(found(['10.0.0.71'], 5));
    expect(await resolver.find('localhost', settings(dns))).toEqual(found(['127.0.0.1', '::1'], 5));
    expect(dns.asked).toEqual([]);
  });

  test.each([
    ['app', ['app.a.test', 'app.b.test', 'app']],
    ['app.x', ['app.x.a.test', 'app.x.b.test', 'app.x']],
    ['app.x.y', ['app.x.y', 'app.x.y.a.test', 'app.x.y.b.test']],
  ])('%s is looked for behind the search domains', async (name, expected) => {
    await using dns = await FakeDns.start();
    const resolver = resolverOf({}, { hosts: '', resolvConf: 'search a.test b.test.\noptions ndots:2' });
    expect(await resolver.find(name, settings(dns))).toEqual({ state: 'none' });
    expect(dns.asked.filter((one) => one.startsWith('A ')).map((one) => one.slice(2))).toEqual(expected);
    dns.zone.set(expected[1]!, ['10.0.0.1']);
    expect(await resolver.find(name, settings(dns))).toEqual(found(['10.0.0.1']));
  });

  test('a domain that cannot be asked leaves open whether the name exists', async () => {
    await using dns = await FakeDns.start({ 'app.a.test': 'SERVFAIL' });
    const resolver = resolverOf({}, { hosts: '', resolvConf: 'search a.test' });
    expect(await resolver.find('app', settings(dns))).toMatchObject({ state: 'failed' });
    dns.zone.set('app', ['10.0.0.1']);
    expect(await resolver.find('app', settings(dns))).toEqual(found(['10.0.0.1']));
  });

  test('what ours does not find is the system’s to know, unless the config names its servers', async () => {
    await using dns = await FakeDns.start();
    const lookUp = async () => ['10.0.0.9'];
    expect(await resolverOf({ lookUp }).find('printer.local', settings())).toEqual(found(['10.0.0.9'], 5));
    expect(await resolverOf().find('printer.local', settings())).toEqual({ state: 'none' });
    expect(await resolverOf({ lookUp }).find('printer.local', settings(dns))).toEqual({ state: 'none' });
  });
});
