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
import { ask, until, Visitor } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { blocksOf } from './blocks.ts';
import { runnable } from './programs.ts';

test.each(runtimes)('a session goes on when the server that counts is killed, on %s', async (runtime) => {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-docs-'));
  const servers: ChildProcess[] = [];
  onTestFinished(() => {
    for (const server of servers) server.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  const [program] = blocksOf('docs/guide/sessions.md').filter(
    ({ kind, about }) => kind === 'ts' && about === 'program',
  );
  writeFileSync(join(folder, 'server.mts'), runnable(program?.text ?? ''));
  const env = { LIMPET_SECRET_FILE: join(folder, 'secret') };
  await using limpet = await (async () => {
    const ports = await Promise.all([freePort(), freePort()]);
    const addresses = ports.map((port) => `127.0.0.1:${port}`);
    for (const port of ports) {
      const args = [join(folder, 'server.mts'), String(port)];
      servers.push(spawn(programOf(runtime), args, { env: { ...process.env, ...env }, stdio: 'ignore' }));
    }
    const answers = (address: string) => ask(`http://${address}/`).then(Boolean, () => false);
    for (const address of addresses) await until(`${address} listens`, () => answers(address));
    const named = addresses.map((address, i) => ({ name: `s${i + 1}`, address }));
    const config = { pools: { app: { servers: named } }, sessions: { store: 'memory' }, identify: true };
    return startLimpet(runtime, { config, env });
  })();

  const visitor = new Visitor(limpet.url);
  await visitor.ask();
  const second = await visitor.ask();
  expect(second.body).toBe('You were here 2 times\n');
  const owner = /^s(\d)/.exec(String(second.headers['limpet-server']))?.[1];
  const killed = servers[Number(owner) - 1]!;
  const gone = once(killed, 'exit');
  killed.kill('SIGKILL');
  await gone;
  const third = await visitor.ask();
  expect(third.body).toBe('You were here 3 times\n');
  expect(third.headers['limpet-server']).not.toBe(second.headers['limpet-server']);
});
