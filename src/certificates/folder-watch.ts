/**
 * Watches files by the folders that lead to them, because files are replaced and not rewritten: certbot changes symbolic links,
 * Kubernetes renames a link to a folder, editors rename a new file over the old one.
 */
import { type FSWatcher, lstatSync, readlinkSync, watch } from 'node:fs';
import { dirname, parse, resolve, sep } from 'node:path';
import type { Timers } from '../time/clock.ts';

/** The change is reported when there has been none for this long (ms): a pair of files is written one after the other. */
const quietMs = 500;
const maxLinks = 40;

export class FolderWatch {
  private readonly timers: Timers;
  private readonly onChange: () => void;
  private readonly watchers = new Map<string, FSWatcher>();
  private cancel: () => void = () => {};

  constructor(timers: Timers, onChange: () => void) {
    this.timers = timers;
    this.onChange = onChange;
  }

  /** From now on these files, given by absolute paths. */
  follow(files: readonly string[]): void {
    const wanted = new Set(files.flatMap(foldersOf));
    for (const [folder, watcher] of this.watchers) if (!wanted.has(folder)) this.close(folder, watcher);
    for (const folder of wanted) if (!this.watchers.has(folder)) this.open(folder);
  }

  stop(): void {
    this.cancel();
    for (const [folder, watcher] of this.watchers) this.close(folder, watcher);
  }

  private open(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, () => this.changed());
      // Such as a folder that was removed.
      watcher.on('error', () => this.close(folder, watcher));
      this.watchers.set(folder, watcher);
    } catch {
      // A folder that is not there, or too many watches: the files are read again by the clock too.
    }
  }

  private close(folder: string, watcher: FSWatcher): void {
    this.watchers.delete(folder);
    watcher.close();
  }

  private changed(): void {
    this.cancel();
    this.cancel = this.timers.after(quietMs, this.onChange);
  }
}

/** The folders in which something is replaced when the file changes: that of each symbolic link on its path, and its own. */
export function foldersOf(file: string): string[] {
  const folders = new Set<string>();
  let path = file;
  for (let links = 0; links < maxLinks; links++) {
    const link = firstLink(path);
    if (link === null) break;
    folders.add(dirname(link.path));
    path = resolve(dirname(link.path), link.target, link.rest);
  }
  folders.add(dirname(path));
  return [...folders];
}

interface Link {
  readonly path: string;
  readonly target: string;
  /** The path behind it. */
  readonly rest: string;
}

function firstLink(path: string): Link | null {
  const { root } = parse(path);
  const parts = path.slice(root.length).split(sep);
  for (let length = 1; length <= parts.length; length++) {
    const at = root + parts.slice(0, length).join(sep);
    try {
      if (!lstatSync(at).isSymbolicLink()) continue;
      return { path: at, target: readlinkSync(at), rest: parts.slice(length).join(sep) };
    } catch {
      return null;
    }
  }
  return null;
}
