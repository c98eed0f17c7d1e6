/** A log that nobody reads costs neither requests nor memory: lines are dropped, and counted. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { limpetCommand } from '../support/command.ts';
import { httpOrigin } from '../support/origin.ts';
import { configFor, until } from '../support/peers.ts';
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
