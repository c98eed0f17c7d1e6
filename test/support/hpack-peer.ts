/** HPACK of another make: Debian's python3-hpack. */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';

export interface BlockToEncode {
  /** Sizes that the dynamic table gets before, one after the other. */
  readonly sizes: readonly number[];
  readonly huffman: boolean;
  readonly fields: readonly (readonly [name: string, value: string, neverIndexed: boolean])[];
}

/** Each job has an encoder or decoder of its own, and blocks for it in their order, in hex where they are encoded. */
export type PeerJob =
  | { readonly kind: 'encode'; readonly blocks: readonly BlockToEncode[] }
  | { readonly kind: 'decode'; readonly limit: number; readonly blocks: readonly string[] };

/** Lists of fields; the name of the error in place of the last one when that block was refused. */
export type DecodedByPeer = readonly (string | readonly (readonly [name: string, value: string])[])[];

/** `python`: needProgram(context, 'hpack'). Results of jobs in their order: `string[]` of encode, `DecodedByPeer` of decode. */
export function runPeer(python: string, jobs: readonly PeerJob[]): unknown[] {
  const { status, stdout, stderr } = spawnSync(python, [resolve(import.meta.dirname, 'hpack-peer.py')], {
    input: JSON.stringify(jobs),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: 60_000,
  });
  if (status !== 0) throw new Error(`python3-hpack: ${stderr}`);
  return JSON.parse(stdout) as unknown[];
}
