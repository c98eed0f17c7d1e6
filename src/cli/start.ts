/** Starts a balancer on the runtime that this process is, with the sockets, outputs and key that belong to it. */
import type { LimpetOptions } from '../config/options.ts';
import { Limpet } from '../limpet.ts';
import type { Net } from '../net/socket.ts';
import type { Logger } from './log.ts';
import { stateKey } from './state-key.ts';

/** `bun` or `node`. */
export const runtime = process.versions.bun === undefined ? 'node' : 'bun';

/** Rejects with the system's error when an address cannot be listened on, with UsageError for a config that cannot be used. */
export async function startLimpet(options: LimpetOptions, { log }: { readonly log: Logger }): Promise<Limpet> {
  const keys = options.keys.length > 0 ? options.keys : [stateKey(options.stateDir, log)];
  const writeAccess = (lines: string) => void process.stdout.write(lines);
  const limpet = new Limpet({ ...options, keys }, { net: await loadNet(), log, writeAccess });
  await limpet.start();
  return limpet;
}

/** Only the file of this runtime: the other's would not load. */
async function loadNet(): Promise<Net> {
  return runtime === 'bun' ? (await import('../net/bun.ts')).bunNet : (await import('../net/node.ts')).nodeNet;
}
