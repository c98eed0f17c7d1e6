/** The access log by a template, in a file that a tool moves (SIGUSR1) and to a syslog server, with requests that never wait for either. */
import { createSocket } from 'node:dgram';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { configFor, until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

/** A syslog server: the messages that it gets. */
async function syslogServer() {
  const socket = createSocket('udp4');
  const messages: string[] = [];
  socket.on('message', (bytes) => messages.push(bytes.toString()));
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return { port: socket.address().port, messages, [Symbol.dispose]: () => void socket.close() };
}

describe.each(runtimes)('the access log on %s', (runtime) => {
  test('goes to a file, which is opened again on SIGUSR1, and to syslog', async () => {
    await using origin = await httpOrigin('a');
    using syslog = await syslogServer();
    const access = {
      format: '{status} {target} "{userAgent}"',
      file: { path: 'access.log' },
      syslog: { address: `udp://127.0.0.1:${syslog.port}`, facility: 'local3', tag: 'shop' },
    };
    await using limpet = await startLimpet(runtime, {
      config: { ...configFor([origin]), workers: 1, log: { access } },
    });
    const path = join(limpet.folder, 'access.log');
    const ask = async (target: string) => {
      const response = await fetch(`${limpet.url}${target}`, { headers: { 'User-Agent': 'a "tool"' } });
      await response.text();
    };
    const textOf = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8') : '');
    await ask('/first');
    await until('it is in the file', () => textOf(path) !== '');
    renameSync(path, `${path}.moved`);
    process.kill(limpet.pid, 'SIGUSR1');
    // The signal and the request race: whichever is first, no line is lost.
    await ask('/second');
    await until('there is a new file', async () => {
      await ask('/more');
      return existsSync(path);
    });
    await until('both are in syslog', () => syslog.messages.length >= 2);
    await limpet.stop();
    const lines = (textOf(`${path}.moved`) + textOf(path)).split('\n');
    expect(lines.slice(0, 3)).toEqual(
      ['/first', '/second', '/more'].map((target) => `200 ${target} "a \\x22tool\\x22"`),
    );
    expect(syslog.messages[0]).toMatch(
      /^<158>1 \d{4}-\d\d-\d\dT[\d:.]+Z \S+ shop \d+ access - 200 \/first "a \\x22tool\\x22"$/,
    );
    expect(limpet.stdout()).toBe('');
  });
});
