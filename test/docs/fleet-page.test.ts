/** The guide "From one machine to a fleet", as it stands there: one balancer becomes three by its two commands, and a visitor is served at each. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { limpetCommand, programOf } from '../support/command.ts';
import { freePort } from '../support/free-port.ts';
import { host } from '../support/host.ts';
import { ask, run, until } from '../support/peers.ts';
import { needProgram } from '../support/programs.ts';
import { RedisServer } from '../support/redis.ts';
import { runtimes } from '../support/runtimes.ts';
import { blocksOf } from './blocks.ts';
import { runnable } from './programs.ts';

const page = blocksOf('docs/guide/fleet.md');
const config = page.find(({ kind, text }) => kind === 'yaml' && text.startsWith('# limpet.yaml'))!.text;
const [single, commands, others] = page.filter(({ kind }) => kind === 'sh').map(({ text }) => text.split('\n'));
const program = blocksOf('docs/guide/sessions.md').find(({ about }) => about === 'program server.ts')!.text;

test('it takes two commands', () => expect(commands).toHaveLength(2));

test.for(runtimes)('one balancer becomes three, on %s', { timeout: 90_000 }, async (runtime, context) => {
  for (const one of ['curl', 'redis'] as const) needProgram(context, one);
  const folder = mkdtempSync(join(tmpdir(), 'limpet-docs-'));
  const children: ChildProcess[] = [];
  const log = openSync(join(folder, 'log'), 'a');
  const redis = await RedisServer.start();
  onTestFinished(async () => {
    for (const { pid } of children) if (pid !== undefined) killGroup(pid);
    await redis.kill();
    rmSync(folder, { recursive: true, force: true });
  });
  const { file, args, env } = limpetCommand(runtime, '', []);
  const { LIMPET_STATE: _, ...own } = env;
  const settings = { ...own, LIMPET_SECRET_FILE: join(folder, 'secret') };
  // `npx limpet` is this one, and each port of the page one that is free here.
  writeFileSync(
    join(folder, 'npx'),
    `#!/bin/sh\nshift\nexec ${[file, ...args].map((word) => `'${word}'`).join(' ')} "$@"\n`,
  );
  chmodSync(join(folder, 'npx'), 0o755);
  const ports = new Map<string, string>();
  for (const port of ['3001', '3002', '8080', '8081', '8082']) ports.set(port, String(await freePort()));
  const here = (text: string) =>
    [...ports]
      .reduce((filled, [port, free]) => filled.replaceAll(port, free), text)
      .replaceAll('redis://127.0.0.1:6379', redis.url)
      .replaceAll('127.0.0.1', host)
      .replaceAll('curl', 'curl -sS');
  /** In the background, in a group of its own. */
  const start = (command: string) => {
    const path = `${folder}:${env.PATH ?? ''}`;
    const child = spawn('sh', ['-c', `${command} wait`], {
      cwd: folder,
      detached: true,
      stdio: ['ignore', 'ignore', log],
      env: { ...settings, PATH: path },
    });
    children.push(child);
    return child;
  };
  const listens = (port: string) =>
    until(`${port} listens`, () => ask(`http://${host}:${ports.get(port)}/`).then(Boolean, () => false)).catch(
      (error: unknown) => {
        throw new Error(`${error}\n${readFileSync(join(folder, 'log'), 'utf8')}`);
      },
    );
  const visit = async (lines: readonly string[]) => {
    for (const line of lines) {
      const [command = '', printed] = line.split(/ {2,}# /);
      const { stdout } = await run('sh', ['-c', here(command)], { cwd: folder });
      expect(stdout.trim()).toBe(printed);
    }
  };

  writeFileSync(
    join(folder, 'server.mts'),
    runnable(program.replace('process.argv[2])', `process.argv[2], '${host}')`)),
  );
  writeFileSync(join(folder, 'limpet.yaml'), `${here(config)}\n`);
  const servers = ['3001', '3002'].map((port) => {
    const child = spawn(programOf(runtime), [join(folder, 'server.mts'), ports.get(port)!], {
      env: settings,
      stdio: 'ignore',
      detached: true,
    });
    children.push(child);
    return child;
  });
  for (const port of ['3001', '3002']) await listens(port);

  const [begin = '', ...first] = single!;
  const alone = start(here(begin));
  await listens('8080');
  await visit(first);

  // The line, and a restart.
  const [line = '', start2 = ''] = commands!;
  await run('sh', ['-c', here(line)], { cwd: folder });
  killGroup(alone.pid!, 'SIGTERM');
  await until('it has ended', () =>
    ask(`http://${host}:${ports.get('8080')}/`).then(
      () => false,
      () => true,
    ),
  );
  const again = start(here(begin));
  await listens('8080');
  start(here(start2));
  for (const port of ['8081', '8082']) await listens(port);
  await visit(others!);

  // A node dies, and then a server.
  killGroup(again.pid!);
  await visit([`curl -b jar -c jar http://127.0.0.1:8081/        # You were here 4 times`]);
  killGroup(servers[0]!.pid!);
  await visit([`curl -b jar -c jar http://127.0.0.1:8082/        # You were here 5 times`]);
  await visit([`curl -b jar -c jar http://127.0.0.1:8081/        # You were here 6 times`]);
});

function killGroup(pid: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended.
  }
}
