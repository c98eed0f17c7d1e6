import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { forceToken } from '../affinity/force.ts';
import type { LimpetOptions } from '../config/options.ts';
import { UsageError } from '../errors.ts';
import { listenError } from '../net/listen-error.ts';
import { execute } from './command.ts';
import type { Running } from './run.ts';

interface Fake {
  readonly files?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** What `stop` answers. Default: all finished. */
  readonly stop?: () => Promise<boolean>;
  /** What `start` fails with. */
  readonly fails?: Error;
  /** The start is not over before. */
  readonly opened?: Promise<void>;
}

/** Runs the program against a balancer that is none. */
function program(line: string, { files = {}, input = '', stop = async () => true, fails, opened }: Fake = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const signals = Object.assign(new EventEmitter(), { release: () => {} });
  const seen = { out: '', err: '', options: undefined as LimpetOptions | undefined };
  let begun = () => {};
  const started = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const start = async (options: LimpetOptions): Promise<Running> => {
    seen.options = options;
    if (fails !== undefined) throw fails;
    // What it listens on is told in the turn after the start.
    setImmediate(begun);
    await opened;
    return {
      addresses: ['http://127.0.0.1:8080', 'unix:/s'],
      stop,
      reload: async (next) => {
        seen.options = next;
      },
      configRefused: () => {},
      counted: async () => {},
      countersNow: () => ({ requests: 7 }),
      sessionsNow: () => ({ 'a/s1': 2 }),
      certificatesNow: () => [],
    };
  };
  const code = execute(line.split(' ').filter(Boolean), {
    version: '1.2.3',
    runtime: 'bun',
    folder,
    env: {},
    signals,
    reopenLogs: () => {},
    readInput: async () => Buffer.from(input),
    write: (text) => (seen.out += text),
    writeError: (text) => (seen.err += text),
    loadStart: async () => start,
  });
  return { code, folder, signals, seen, started };
}

const yaml = 'listeners: [{ address: ":80" }]\npools: { a: { servers: ["3001"] } }\n';

/** Lines of the log without their times, which all have. */
function untimed(log: string): string {
  return log.replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /gm, '');
}

describe('a run', () => {
  test.each(['SIGTERM', 'SIGINT'])('tells where it listens, and ends well after %s', async (signal) => {
    const { code, signals, seen, started } = program('3001 3002');
    await started;
    expect(untimed(seen.err)).toBe(
      'info limpet: listening on http://127.0.0.1:8080 (bun)\ninfo limpet: listening on unix:/s (bun)\n',
    );
    signals.emit(signal);
    expect(await code).toBe(0);
    expect(seen.options?.pools[0]?.servers.map(({ name }) => name)).toEqual(['s1', 's2']);
  });

  test('that had to cut exchanges ends with 5', async () => {
    const { code, signals, seen, started } = program('3001', { stop: async () => false });
    await started;
    signals.emit('SIGTERM');
    expect(await code).toBe(5);
    expect(seen.err).toContain('open exchanges were cut');
  });

  test('ends at once at the second signal', async () => {
    const { code, signals, started } = program('3001', { stop: () => new Promise(() => {}) });
    await started;
    signals.emit('SIGTERM');
    signals.emit('SIGINT');
    expect(await code).toBe(5);
  });

  test('prints its counters at SIGUSR2, and lives on after SIGHUP', async () => {
    const { code, signals, seen, started } = program('3001');
    await started;
    signals.emit('SIGHUP');
    signals.emit('SIGUSR2');
    await vi.waitFor(() => expect(seen.err).toContain('reload refused'));
    expect(seen.err).toContain('the servers stand on the command line: there is no file to read');
    expect(seen.err).toMatch(/^\{"counters":\{"requests":7\},"sessions":\{"a\/s1":2\},"certificates":\[\]\}$/m);
    signals.emit('SIGTERM');
    expect(await code).toBe(0);
  });

  test('takes over the changed file at SIGHUP, with what the command line says, or says why not', async () => {
    const { code, folder, signals, seen, started } = program('-c limpet.yaml --identify', {
      files: { 'limpet.yaml': yaml },
    });
    await started;
    const reload = async (text: string, said: RegExp) => {
      seen.err = '';
      writeFileSync(join(folder, 'limpet.yaml'), text);
      signals.emit('SIGHUP');
      await vi.waitFor(() => expect(seen.err).toMatch(said));
    };
    await reload(`${yaml}workers: 3\n`, /workers changes with a restart only\n[\s\S]*config reloaded/);
    await reload(yaml.replace('3001', '3001", "3002'), /config reloaded/);
    expect(seen.options?.pools[0]?.servers).toHaveLength(2);
    expect(seen.options?.identify).toBe(true);
    await reload(
      yaml.replace('servers', 'severs'),
      /reload refused, everything stays as it was: the config is not valid\n[\s\S]*severs/,
    );
    expect(seen.options?.pools[0]?.servers).toHaveLength(2);
    signals.emit('SIGTERM');
    expect(await code).toBe(0);
  });

  test.each(['uncaughtException', 'unhandledRejection'])('ends with 1 and a stack at %s', async (event) => {
    const { code, signals, seen, started } = program('3001');
    await started;
    signals.emit(event, new Error('boom'));
    expect(await code).toBe(1);
    expect(seen.err).toMatch(/unexpected failure: Error: boom\n\S+Z error limpet: \s+at /);
  });

  test.each([
    ['EADDRINUSE', 'cannot listen on 127.0.0.1:8080: the address is in use. Stop the program'],
    ['EACCES', 'cannot listen on 127.0.0.1:8080: no permission. Ports below 1024'],
    ['ENOTFOUND', 'cannot listen on 127.0.0.1:8080: the name does not resolve. Choose an address of this machine'],
  ])('ends with 4 at %s', async (errno, text) => {
    const { code, seen } = program('3001', {
      fails: listenError(Object.assign(new Error(errno), { code: errno }), {
        kind: 'tcp',
        host: '127.0.0.1',
        port: 8080,
      }),
    });
    expect(await code).toBe(4);
    expect(seen.err).toContain(text);
  });

  test('ends with 3 when the balancer refuses the config', async () => {
    const { code, seen } = program('3001', { fails: new UsageError('no good') });
    expect(await code).toBe(3);
    expect(untimed(seen.err)).toBe('error limpet: no good\n');
  });

  test('fails when the balancer does', async () => {
    const { code, seen } = program('3001', { fails: new Error('boom') });
    expect(await code).toBe(1);
    expect(seen.err).toMatch(/unexpected failure: Error: boom\n\S+Z error limpet: \s+at /);
  });

  describe('that still starts', () => {
    const starting = (files: Readonly<Record<string, string>> = {}) => {
      let open = () => {};
      const opened = new Promise<void>((resolve) => {
        open = resolve;
      });
      return { ...program('-c limpet.yaml', { files: { 'limpet.yaml': yaml, ...files }, opened }), open };
    };

    test('reloads and prints when the start is over, once for all that asked', async () => {
      const { code, signals, seen, started, open } = starting();
      await started;
      for (const signal of ['SIGHUP', 'SIGUSR2', 'SIGHUP', 'SIGUSR2']) signals.emit(signal);
      expect(seen.err).toBe('');
      open();
      await vi.waitFor(() => expect(seen.err).toContain('config reloaded'));
      expect(seen.err.match(/listening on|"counters"|config reloaded/g)).toEqual([
        'listening on',
        'listening on',
        '"counters"',
        'config reloaded',
      ]);
      signals.emit('SIGTERM');
      expect(await code).toBe(0);
    });

    test('stops cleanly when the start is over, and at once at the second signal', async () => {
      for (const second of [false, true]) {
        const { code, signals, seen, started, open } = starting();
        await started;
        signals.emit('SIGTERM');
        if (second) signals.emit('SIGTERM');
        else open();
        expect(await code).toBe(second ? 5 : 0);
        expect(seen.err).toContain('SIGTERM: stopping when the start is over');
      }
    });
  });
});

describe('a config file', () => {
  test('of the folder is taken, and flags go before it', async () => {
    const { code, signals, seen, started } = program('--log json --log-level warn --identify', {
      files: { 'limpet.yaml': yaml },
    });
    await started;
    signals.emit('SIGTERM');
    expect(await code).toBe(0);
    expect(seen.options).toMatchObject({
      log: { access: { format: 'json', file: null }, level: 'warn' },
      identify: true,
      pools: [{ name: 'a' }],
    });
  });

  test('warns in the log', async () => {
    const files = { 'a.yaml': `${yaml}routes: [{ pool: a }, { pool: a }]\n` };
    const { code, signals, seen, started } = program('-c a.yaml', { files });
    await started;
    signals.emit('SIGTERM');
    await code;
    expect(untimed(seen.err)).toMatch(/^warn limpet: a\.yaml:3:23 {2}routes\[1\]: never asked/);
  });

  test('that is wrong ends with 3, also when only checked', async () => {
    const files = { 'a.yaml': `${yaml}workers: 0\nx: 1\n` };
    for (const line of ['-c a.yaml', 'check -c a.yaml']) {
      const { code, seen } = program(line, { files });
      expect(await code).toBe(3);
      expect(seen.err).toMatch(
        /^limpet: a\.yaml is not valid: 2 errors\n {4}E: a\.yaml:3:10 {2}workers: .*\n {4}E: a\.yaml:4:1 {2}x: .*\n$/,
      );
      expect(seen.options).toBeUndefined();
    }
  });

  test('that is not there ends with 3', async () => {
    const { code, seen } = program('-c a.yaml');
    expect(await code).toBe(3);
    expect(seen.err).toBe('limpet: cannot read the config a.yaml: there is no such file\n');
  });

  test('that is good is said to be', async () => {
    const { code, seen } = program('check', { files: { 'limpet.yaml': yaml } });
    expect(await code).toBe(0);
    expect(seen).toMatchObject({ out: 'limpet: limpet.yaml is valid: 1 listener, 1 pool, 1 server\n', err: '' });
  });
});

describe('the command line', () => {
  test.each([
    ['', /^limpet: there is no limpet.yaml, .* here, and no servers were named\n\nUsage: limpet/],
    ['check', /^limpet: there is no limpet.yaml, .* here, and none was named: expected --config FILE/],
    ['--nope', /^limpet has no option --nope, expected one of --version/],
    ['3001 3001', /server "3001": server "3001" has the address 127\.0\.0\.1:3001 already/],
  ])('limpet %s ends with 2', async (line, text) => {
    const { code, seen } = program(line);
    expect(await code).toBe(2);
    expect(seen.err).toMatch(text);
    expect(seen.out).toBe('');
  });

  test('help and version go to stdout', async () => {
    const { code, seen } = program('--version');
    expect([await code, seen.out, seen.err]).toEqual([0, '1.2.3\n', '']);
  });
});

describe('token force', () => {
  const config = `keys: ["${'6b'.repeat(32)}"]\n${yaml}`;

  test('prints what the affinity accepts', async () => {
    const { code, seen } = program('token force 127.0.0.1:3001 --for 10m', { files: { 'limpet.yaml': config } });
    expect(await code).toBe(0);
    const [, expires = ''] = /^127\.0\.0\.1:3001:(\d+):[\w-]{22}\n$/.exec(seen.out) ?? [];
    expect(seen.out).toBe(`${forceToken('a', '127.0.0.1:3001', Number(expires), Buffer.alloc(32, 'k'))}\n`);
    expect(Number(expires)).toBeGreaterThan(Date.now() / 1000);
  });

  test('of a name that several pools have, the pool has to be named, and it counts there alone', async () => {
    const pools = 'pools: { b: { servers: ["3001"] },';
    const two = `${config.replace('pools: {', pools)}routes: [{ pool: a }]\n`;
    const either = program('token force 127.0.0.1:3001', { files: { 'limpet.yaml': two } });
    expect(await either.code).toBe(3);
    expect(either.seen.err).toContain('several pools have a server "127.0.0.1:3001": name one of b/127.0.0.1:3001, a/');
    const { code, seen } = program('token force b/127.0.0.1:3001', { files: { 'limpet.yaml': two } });
    expect(await code).toBe(0);
    const [, expires = ''] = /^127\.0\.0\.1:3001:(\d+):/.exec(seen.out) ?? [];
    expect(seen.out).toBe(`${forceToken('b', '127.0.0.1:3001', Number(expires), Buffer.alloc(32, 'k'))}\n`);
  });

  test('refuses a server that is not there, a time that is none, and no config', async () => {
    const unknown = program('token force s9', { files: { 'limpet.yaml': config } });
    expect(await unknown.code).toBe(3);
    expect(unknown.seen.err).toBe('limpet: there is no server "s9", expected one of a/127.0.0.1:3001\n');
    const time = program('token force s9 --for ever');
    expect([await time.code, time.seen.err]).toEqual([
      2,
      expect.stringContaining('expected a time with its unit, such as 30m'),
    ]);
    const none = program('token force s9');
    expect([await none.code, none.seen.err]).toEqual([2, expect.stringContaining('there is no limpet.yaml')]);
  });
});
