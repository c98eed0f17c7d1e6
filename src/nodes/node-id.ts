/** The id of this node: 8 hex digits in the state folder, so that it is the same node after a restart. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { codeOf, UsageError } from '../errors.ts';
import { makePrivate, readPrivate } from '../secrets/private-file.ts';

/** In the state folder. */
export const nodeIdFile = 'node.id';

const idForm = /^[0-9a-f]{8}$/;

export function isNodeId(text: string): boolean {
  return idForm.test(text);
}

/**
 * Reads it, or makes it. One that cannot be kept is another one after the next start, with a warning. Throws UsageError when the
 * file holds something else, or others may open it.
 */
export function nodeId(stateDir: string, log: { warn(message: string): void }): string {
  const file = join(stateDir, nodeIdFile);
  const made = randomBytes(4).toString('hex');
  const kept = readPrivate(file)?.trim();
  if (kept === undefined) {
    try {
      makePrivate(file, `${made}\n`);
    } catch (error) {
      log.warn(`the id of this node cannot be kept in ${file} (${codeOf(error)}): after a restart it is another node`);
    }
    return made;
  }
  if (isNodeId(kept)) return kept;
  throw new UsageError(`${file} holds no id of a node, expected 8 hex digits: remove it, and a new one is made`);
}
