/** Starts a balancer in this process, with the sockets of its runtime, its outputs and its keys. */
import { join, resolve } from 'node:path';
import type { ConfigFile } from '../admin/dependencies.ts';
import { AutoFiles } from '../certificates/auto.ts';
import type { LimpetOptions } from '../config/options.ts';
import type { Net } from '../net/socket.ts';
import { readInjectedFault } from '../store/injected-fault.ts';
import { systemClock } from '../time/clock.ts';
import { Supervisor } from '../workers/supervisor.ts';
import { testTombstoneTime } from '../workers/test-hooks.ts';
import type { AccessOutput } from './access-output.ts';
import { findKeys } from './fleet-keys.ts';
import type { Logger } from './log.ts';
import { logOutput, openAccessOutput } from './outputs.ts';
import { shareSecret } from './share-secret.ts';
import { checkState, storeKey } from './state-key.ts';

/** `bun` or `node`. */
export const runtime = process.versions.bun === undefined ? 'node' : 'bun';

/** File of the session table in the state folder. */
const tableFile = 'sessions.table';

/** Rejects with the system's error when an address cannot be listened on, with UsageError for a config that cannot be used. */
export async function startLimpet(
  options: LimpetOptions,
  {
    log,
    configFile = null,
    config = null,
  }: { readonly log: Logger; readonly configFile?: string | null; readonly config?: ConfigFile | null },
): Promise<Supervisor> {
  const { stateDir } = options;
  checkState(stateDir);
  const auto = new AutoFiles({ stateDir: resolve(stateDir), now: () => systemClock.wall(), log });
  const net = await loadNet();
  const access = await openAccessOutput(options.log, net);
  const supervisor = new Supervisor(shareSecret(options, process.env, log), {
    net,
    log,
    writeAccess: (lines, done) => access.write(lines, done),
    ...(await findKeys(options, log)),
    tableFile: join(stateDir, tableFile),
    configFile,
    config,
    autoCertificate: ({ listeners }) => auto.certificateFor(listeners),
    storeKey: () => storeKey(stateDir, log),
    injectedFault: readInjectedFault(process.env),
    tombstoneTime: testTombstoneTime(process.env),
  });
  reportLosses(supervisor, access, log);
  await supervisor.start();
  return supervisor;
}

/** Counts the lines of logs that cannot be written, and reports it on stderr, or when the log can be written again. */
function reportLosses(supervisor: Supervisor, access: AccessOutput, log: Logger): void {
  logOutput.onLost = (lines) => supervisor.count('log_lines_dropped', lines);
  for (const { name, output } of access.destinations) {
    output.onLost = (lines) => supervisor.count('access_lines_dropped', lines);
    output.onFailed = (reason) => {
      const then = 'Its lines are lost, and counted (access_lines_dropped), until it can be';
      log.error(`the access log${name} cannot be written: ${reason}. ${then}`);
    };
    output.onRecovered = (lost) => {
      const here = lost > 0 ? `: ${lost} lines were lost` : '';
      log.info(`the access log${name} is written again${here}`);
    };
  }
  logOutput.onRecovered = (lost) => log.warn(`${lost} lines of this log were lost: it could not be written`);
}

/** Loads the file of this runtime only; the other runtime's would not load. */
async function loadNet(): Promise<Net> {
  return runtime === 'bun' ? (await import('../net/bun.ts')).bunNet : (await import('../net/node.ts')).nodeNet;
}
