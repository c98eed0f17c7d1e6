/** The first minute of the guide to sessions, as it stands there: its program on two ports, Limpet in front, and one is killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { programOf } from '../support/command.ts';
import { freePort } from '../support/free-port.ts';
import { startLimpet } from '../support/limpet.ts';
import { ask, run, until } from '../support/peers.ts';
import { needProgram } from '../support/programs.ts';
import { runtimes } from '../support/runtimes.ts';
import { blocksOf } from './blocks.ts';
import { runnable } from './programs.ts';

const page = blocksOf('docs/guide/sessions.md');
const program = page.find(({ kind, about }) => kind === 'ts' && about === 'program server.ts')!;
const lines = page.find(({ kind, text }) => kind === 'sh' && text.includes('node server.ts'))!.text.split('\n');

test('its commands are those that this test plays', () => {
  expect(lines.slice(0, 2)).toEqual([
    'node server.ts 3001 & node server.ts 3002 &',
    'npx limpet 3001 3002 --sessions memory &',
  ]);
});

test.for(runtimes)('a session goes on when the server that counts is killed, on %s', async (runtime, context) => {
  needProgram(context, 'curl');
  const folder = mkdtempSync(join(tmpdir(), 'limpet-docs-'));
  const servers: ChildProcess[] = [];
  onTestFinished(() => {
    for (const server of servers) server.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  writeFileSync(join(folder, 'server.mts'), runnable(program.text));
  const env = { LIMPET_SECRET_FILE: join(folder, 'secret') };
  const ports = await Promise.all([freePort(), freePort()]);
  for (const port of ports) {
    const args = [join(folder, 'server.mts'), String(port)];
    servers.push(spawn(programOf(runtime), args, { env: { ...process.env, ...env }, stdio: 'ignore' }));
  }
  for (const port of ports) {
    await until(`${port} listens`, () => ask(`http://127.0.0.1:${port}/`).then(Boolean, () => false));
  }
  const args = [...ports.map((port) => `127.0.0.1:${port}`), '--sessions', 'memory', '--identify'];
  await using limpet = await startLimpet(runtime, { args, env });

  // What each one prints stands behind it.
  let asked = 0;
  for (const line of lines.slice(2)) {
    const [command = '', printed] = line.split(/ {2,}# /);
    const shell = ['-c', command.replace('curl', 'curl -sS').replace('http://127.0.0.1:8080', limpet.url)];
    const { stdout } = await run('sh', shell, { cwd: folder });
    expect(stdout.trim()).toBe(printed);
    asked++;
  }
  expect(asked).toBe(2);

  const who = await run('sh', ['-c', `curl -sS -o /dev/null -D - -b jar -c jar ${limpet.url}`], { cwd: folder });
  const owner = Number(/^Limpet-Server: s(\d)/im.exec(who.stdout)?.[1]);
  const killed = servers[owner - 1]!;
  const gone = once(killed, 'exit');
  killed.kill('SIGKILL');
  await gone;
  const after = await run('sh', ['-c', `curl -sS -i -b jar -c jar ${limpet.url}`], { cwd: folder });
  expect(after.stdout).toContain('You were here 4 times');
  expect(after.stdout).not.toContain(`Limpet-Server: s${owner}`);
});
