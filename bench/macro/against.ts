/** Limpet as it was at another commit: a worktree of its own, with the packages that are installed here. */
import { spawnSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { capture, projectRoot, temporaryDirectory } from './processes.ts';
import type { Rival } from './rival.ts';
import { limpet } from './rivals/limpet.ts';

/** Throws with git's words when there is no such commit. The worktree is removed when the benchmark ends. */
export function rivalAt(revision: string): { readonly key: string; readonly rival: Rival } {
  const git = (...args: readonly string[]) => capture('git', ['-C', projectRoot, ...args]);
  const commit = git('rev-parse', '--short', '--verify', `${revision}^{commit}`);
  const root = join(temporaryDirectory(), 'checkout');
  git('worktree', 'add', '--detach', root, commit);
  // Before the directory itself goes: git would keep a note of it for months.
  process.prependListener('exit', () => {
    spawnSync('git', ['-C', projectRoot, 'worktree', 'remove', '--force', root]);
  });
  symlinkSync(join(projectRoot, 'node_modules'), join(root, 'node_modules'));
  return { key: `limpet-bun@${commit}`, rival: limpet({ runtime: 'bun', label: commit, root }) };
}
