/** A log that nobody reads costs neither requests nor memory: lines are dropped, and counted. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { limpetCommand } from '../support/command.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, until } from '../support/peers.ts';
import { RawClient } from '../support/raw.ts';
import { runtimes } from '../support/runtimes.ts';

/** About 8 KB a line. */
const target = `/${'x'.repeat(7900)}`;
const batch = 100;

test.each(runtimes)('access log without a reader on %s', { timeout: 120_000 }, async (runtime) => {
  await using origin = await httpOrigin('a', (_, response) => response.end('ok'));
  const folder = mkdtempSync(join(tmpdir(), 'limpet-'));
  const file = join(folder, 'limpet.yaml');
  writeFileSync(file, stringify({ ...configFor([origin]), workers: 1, log: { access: 'text' } }));
  const command = limpetCommand(runtime, join(folder, 'state'), ['--config', file]);
  // Nobody ever reads its standard output.
  const child = spawn(command.file, command.args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], env: command.env });
  const exited = once(child, 'exit');
  try {
    let told = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      told += text;
    });
    await until('it listens', () => /listening on http:\/\/127\.0\.0\.1:\d+/.test(told));
    const port = Number(/listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(told)?.[1]);
    await using client = await RawClient.connect(port);
    const dropped = (): number => {
      const found = [...told.matchAll(/"access_lines_dropped":(\d+)/g)].at(-1)?.[1];
      return Number(found ?? 0);
    };
    // More than 4 MiB a time: whatever the pipe takes, some are dropped in the end.
    await until('lines are dropped', async () => {
      for (let n = 0; n < 8; n++) {
        await client.send(`GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(batch));
        for (let i = 0; i < batch; i++) expect((await client.response()).status).toBe(200);
      }
      child.kill('SIGUSR2');
      return dropped() > 0;
    });
  } finally {
    child.kill('SIGKILL');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  }
});

/** Reads the pipe until it is told to end. */
function reader(fifo: string) {
  const child = spawn('cat', [fifo], { stdio: ['ignore', 'pipe', 'ignore'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece));
  const ended = once(child, 'exit');
  return {
    text: () => text,
    end: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

test.each(runtimes)(
  'an access log whose reader leaves is told and counted, and goes on with another one: %s',
  async (runtime) => {
    await using origin = await httpOrigin('a', (_, response) => response.end('ok'));
    const folder = mkdtempSync(join(tmpdir(), 'limpet-'));
    const file = join(folder, 'limpet.yaml');
    const fifo = join(folder, 'access');
    execFileSync('mkfifo', [fifo]);
    writeFileSync(file, stringify({ ...configFor([origin]), workers: 1, log: { access: 'text' } }));
    const command = limpetCommand(runtime, join(folder, 'state'), ['--config', file]);
    const first = reader(fifo);
    const stdout = await open(fifo, 'w');
    const child = spawn(command.file, command.args, {
      cwd: folder,
      stdio: ['ignore', stdout.fd, 'pipe'],
      env: command.env,
    });
    await stdout.close();
    const exited = once(child, 'exit');
    try {
      let told = '';
      child.stderr!.setEncoding('utf8').on('data', (text: string) => (told += text));
      await until('it listens', () => /listening on http:\/\/\S+:\d+/.test(told));
      const url = /listening on (http:\S+)/.exec(told)?.[1];
      const visit = async (path: string) => expect((await ask(`${url}${path}`)).status).toBe(200);
      await visit('/first');
      await until('a line', () => first.text().includes('/first '));
      await first.end();
      for (let n = 0; n < 2; n++) {
        const before = told.length;
        await until('a line is lost', async () => {
          await visit('/lost');
          child.kill('SIGUSR2');
          return /"access_lines_dropped":[1-9]/.test(told.slice(before));
        });
      }
      expect(told.match(/error limpet: the access log cannot be written: EPIPE/g)).toHaveLength(1);
      const second = reader(fifo);
      await until('it is written again', async () => {
        await visit('/second');
        return second.text().includes('/second ');
      });
      await until('that is told', () => /info limpet: the access log is written again: \d+ lines were lost/.test(told));
      child.kill('SIGTERM');
      expect(await exited).toEqual([0, null]);
      await second.end();
    } finally {
      child.kill('SIGKILL');
      await exited;
      await first.end();
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
