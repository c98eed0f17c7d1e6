/** `limpet import FILE`: reads another balancer's config and writes a limpet.yaml that `limpet check` accepts. */
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { readConfig } from '../config/read.ts';
import { readYaml } from '../config/yaml.ts';
import { UsageError } from '../errors.ts';
import { importText, summarise, writeImported } from '../import/import.ts';
import type { ImportKind } from '../import/imported.ts';

export interface ImportFlags {
  readonly from?: ImportKind;
  /** Left out: standard output. */
  readonly output?: string;
}

export interface ImportSurroundings {
  /** The current folder. */
  readonly folder: string;
  readonly write: (text: string) => void;
  readonly writeError: (text: string) => void;
  /** All of standard input. */
  readonly readInput: () => Promise<Buffer>;
}

/**
 * `named`: a file, or `-` for standard input. Rejects with UsageError for a file that cannot be read, is no config, or an
 * output that is there already.
 */
export async function importFile(
  named: string,
  { from, output }: ImportFlags,
  around: ImportSurroundings,
): Promise<void> {
  const text = named === '-' ? (await around.readInput()).toString() : readText(named, around.folder);
  const file = named === '-' ? 'standard input' : named;
  const imported = importText(text, file, from);
  const yaml = writeImported(imported, file);
  checkWritten(yaml, file);
  if (output === undefined) around.write(yaml);
  else writeNew(yaml, output, around.folder);
  around.writeError(summarise(imported, text, file));
  if (output !== undefined)
    around.writeError(`limpet: wrote ${output}; its head tells each line that is not the same\n`);
}

/** Checks the result of an import as a config, before it is written. Throws ConfigError. */
export function checkWritten(yaml: string, file: string): void {
  const { value, locate } = readYaml(yaml);
  readConfig(value, { source: { name: `what was made of ${file}`, locate }, env: {}, variables: true });
}

function readText(file: string, folder: string): string {
  try {
    return readFileSync(resolve(folder, file), 'utf8');
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${reasonOf(error)}`);
  }
}

function writeNew(text: string, file: string, folder: string): void {
  try {
    writeFileSync(resolve(folder, file), text, { flag: 'wx' });
  } catch (error) {
    throw new UsageError(`cannot write ${file}: ${reasonOf(error)}`);
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EEXIST') return 'it is there already. Remove it, or name another file';
  if (code === 'ENOENT') return 'there is no such file or folder';
  if (code === 'EACCES') return 'no permission';
  if (code === 'EISDIR') return 'it is a folder';
  return error instanceof Error ? error.message : String(error);
}
