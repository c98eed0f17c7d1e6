/** The captured request of `limpet explain`: from a file, or from standard input. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { codeOf, UsageError } from '../errors.ts';

export interface ExplainSurroundings {
  /** The current folder. */
  readonly folder: string;
  readonly readInput: () => Promise<Buffer>;
}

/** `named`: a file, or `-`. Throws UsageError for a file that cannot be read. */
export async function readRequest(named: string, { folder, readInput }: ExplainSurroundings): Promise<Buffer> {
  if (named === '-') return readInput();
  const path = resolve(folder, named);
  try {
    return readFileSync(path);
  } catch (error) {
    const code = codeOf(error);
    throw new UsageError(`cannot read the request ${path}: ${code === 'ENOENT' ? 'there is no such file' : code}`);
  }
}
