/** Signals that come while the balancer starts do what they say, when the start is over; none of them ends the process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { limpetCommand, spawnCommand } from '../support/command.ts';
import { freePort } from '../support/free-port.ts';
import { host } from '../support/host.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, until } from '../support/peers.ts';
import { type Runtime, runtimes } from '../support/runtimes.ts';

/** SIGHUP has a handler: the last of those that are held, and unlike SIGTERM none that Node has by itself. */
function holdsSignals(child: ChildProcess): boolean {
  return isOf('SigCgt', child, constants.signals.SIGHUP);
}

/** The signal is one of those that the kernel lists for the process in that line. */
function isOf(line: 'SigCgt' | 'SigIgn' | 'SigBlk', { pid }: ChildProcess, signal: number): boolean {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const listed = new RegExp(`^${line}:\\s*(\\S+)$`, 'm').exec(status)?.[1] ?? '0';
  return ((BigInt(`0x${listed}`) >> BigInt(signal - 1)) & 1n) !== 0n;
}

/** The signal cannot end the process, and that stays so. Node takes back what the shell has had ignored, until it listens. */
function isSafe(runtime: Runtime, child: ChildProcess, signal: 'SIGHUP' | 'SIGUSR1' | 'SIGUSR2'): boolean {
  // Node has a handler of its own for SIGUSR1 before ours, which opens a port.
  if (runtime === 'node') return holdsSignals(child);
  const number = constants.signals[signal];
  return isOf('SigCgt', child, number) || isOf('SigIgn', child, number);
}

async function starting(runtime: Runtime) {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-signals-'));
  const origin = await httpOrigin('a', (_, response) => response.end('a'));
  const port = await freePort();
  const file = join(folder, 'limpet.yaml');
  writeFileSync(file, stringify({ ...configFor([origin], {}, { address: `${host}:${port}` }), workers: 2 }));
  const command = limpetCommand(runtime, join(folder, 'state'), ['--config', file]);
  const { child, said, closed } = spawnCommand(command, folder);
  return {
    child,
    said,
    answers: () =>
      ask(`http://${host}:${port}`).then(
        ({ status }) => status === 200,
        () => false,
      ),
    closed,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await closed;
      await origin[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const expected = {
  SIGHUP: /config reloaded/,
  SIGUSR2: /^\{"counters":/m,
  SIGTERM: /finishing open exchanges/,
} as const;

describe.each(runtimes)('on %s', (runtime) => {
  test.each(['SIGHUP', 'SIGTERM', 'SIGINT'] as const)(
    'a command that waits for its input is ended by %s',
    async (signal) => {
      const folder = mkdtempSync(join(tmpdir(), 'limpet-signals-'));
      const file = join(folder, 'limpet.yaml');
      writeFileSync(file, stringify({ ...configFor([{ name: 'a', address: '127.0.0.1:1' }]), keys: ['k'.repeat(40)] }));
      const command = limpetCommand(runtime, join(folder, 'state'), ['explain', '--config', file, '--request', '-']);
      const child = spawn(command.file, command.args, {
        cwd: folder,
        env: command.env,
        stdio: ['pipe', 'ignore', 'ignore'],
      });
      const closed = once(child, 'close');
      try {
        // Held first, then let go: it is past the start when it has no handler of its own any more.
        while (!holdsSignals(child)) expect(child.exitCode ?? child.signalCode).toBeNull();
        await until('it has let the signals go', () => !holdsSignals(child));
        child.kill(signal);
        expect(await closed).toEqual([null, signal]);
      } finally {
        child.kill('SIGKILL');
        await closed;
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );

  test('signals at every moment of the start end nothing, and the config is read once more', async () => {
    await using limpet = await starting(runtime);
    const { child } = limpet;
    const sent = { SIGHUP: 0, SIGUSR1: 0, SIGUSR2: 0 };
    let answered = false;
    const answer = until('an answer', limpet.answers).finally(() => (answered = true));
    while (!answered && (child.exitCode ?? child.signalCode) === null) {
      for (const signal of ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) {
        if (isSafe(runtime, child, signal) && child.kill(signal)) sent[signal]++;
      }
      await nextTurn();
    }
    expect([child.exitCode, child.signalCode]).toEqual([null, null]);
    await answer;
    expect(Math.min(...Object.values(sent))).toBeGreaterThan(10);
    await until('the config has been read again', () => expected.SIGHUP.test(limpet.said()));
    expect(limpet.said()).not.toMatch(/Debugger listening/i);
    expect(limpet.said()).toMatch(expected.SIGUSR2);
    await until('it answers', limpet.answers);
    child.kill('SIGTERM');
    expect(await limpet.closed).toEqual([0, null]);
  });

  describe.each(['as soon as it is handled', 'right after the first answer'] as const)('%s', (moment) => {
    test.each(['SIGHUP', 'SIGUSR2', 'SIGTERM'] as const)('%s does what it says', async (signal) => {
      await using limpet = await starting(runtime);
      const { child } = limpet;
      // Without a pause between two looks: the moment is short.
      if (moment === 'right after the first answer') await until('an answer', limpet.answers);
      else while (!holdsSignals(child)) expect(child.exitCode ?? child.signalCode).toBeNull();
      const early = limpet.said();
      child.kill(signal);
      await until(
        'it is done',
        () => expected[signal].test(limpet.said()) || (child.exitCode ?? child.signalCode) !== null,
      );
      if (moment === 'as soon as it is handled') expect(early).not.toContain('listening on');
      expect(limpet.said()).toMatch(expected[signal]);
      if (signal !== 'SIGTERM') {
        expect(await limpet.answers()).toBe(true);
        child.kill('SIGTERM');
      }
      expect(await limpet.closed).toEqual([0, null]);
    });
  });
});
