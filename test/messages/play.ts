/** Runs one case of a transcript in this process: the real command line and config, and a balancer that is none. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArguments } from '../../src/cli/arguments.ts';
import { execute } from '../../src/cli/command.ts';
import { importKinds } from '../../src/import/imported.ts';
import { bytesOf, type Case, wordsOf } from './transcript.ts';

/** Of what would have gone on: a balancer has started. */
const started = 'a balancer would have started';

/** They grow, and are not what a message is about. */
const kinds = importKinds.join(', ');
const help = parseArguments(['--help'], '');
const helpText = help.kind === 'print' ? help.text : '';

export async function play({ files, line }: Case): Promise<{ readonly says: string; readonly code: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-messages-'));
  let says = '';
  const write = (text: string) => {
    says += text;
  };
  const { env, args } = wordsOf(line);
  try {
    for (const file of files) make(folder, file);
    const code = await execute(args, {
      version: '1.2.3',
      runtime: 'node',
      folder,
      env,
      signals: { on: () => {}, release: () => {} },
      reopenLogs: () => {},
      readInput: async () => Buffer.alloc(0),
      write,
      writeError: write,
      loadStart: async () => () => Promise.reject(new Error(started)),
    });
    return {
      says: says.replaceAll(folder, 'FOLDER').replace(helpText, '(the help)\n').replaceAll(kinds, '(the kinds)'),
      code,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function make(folder: string, file: Case['files'][number]): void {
  const path = join(folder, file.name);
  mkdirSync(dirname(path), { recursive: true });
  if (file.kind === 'folder') mkdirSync(path);
  else if (file.kind === 'fifo') spawnSync('mkfifo', [path]);
  else writeFileSync(path, bytesOf(file));
  // A hole: it takes no room.
  if (file.kind === 'sparse') truncateSync(path, 2 ** 32);
}
