/** Limpet as it was at another commit: a worktree of its own, with the packages that are installed here. */
import { spawnSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { capture, projectRoot, temporaryDirectory } from './processes.ts';
import { keyAt } from './report.ts';
import type { Rival } from './rival.ts';
import { limpet, limpetVariants } from './rivals/limpet.ts';

/**
 * Each of these rivals that is Limpet, as it was at that commit; without one, Limpet on Bun. Throws with git's words when there is no
 * such commit. The worktree is removed when the benchmark ends.
 */
export function rivalsAt(revision: string, keys: readonly string[]): Map<string, Rival> {
  const git = (...args: readonly string[]) => capture('git', ['-C', projectRoot, ...args]);
  const commit = git('rev-parse', '--short', '--verify', `${revision}^{commit}`);
  const root = join(temporaryDirectory(), 'checkout');
  git('worktree', 'add', '--detach', root, commit);
  // Before the directory itself goes: git would keep a note of it for months.
  process.prependListener('exit', () => {
    spawnSync('git', ['-C', projectRoot, 'worktree', 'remove', '--force', root]);
  });
  symlinkSync(join(projectRoot, 'node_modules'), join(root, 'node_modules'));
  const own = keys.filter((key) => limpetVariants[key] !== undefined);
  const before = new Map<string, Rival>();
  for (const key of own.length === 0 ? ['limpet-bun'] : own) {
    const variant = limpetVariants[key];
    if (variant === undefined) continue;
    const label = [variant.label, commit].filter(Boolean).join(', ');
    before.set(keyAt(key, commit), limpet({ ...variant, label, root }));
  }
  return before;
}
