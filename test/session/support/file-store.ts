/** A store of express-session, a file for each session: what one process has written another one reads. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Store } from 'express-session';

export class FileStore extends Store {
  private readonly folder: string;

  constructor(folder: string) {
    super();
    this.folder = folder;
  }

  get(id: string, done: Parameters<Store['get']>[1]): void {
    readFile(this.file(id), 'utf8').then(
      (text) => done(null, JSON.parse(text)),
      (error) => done(error),
    );
  }

  set(id: string, session: object, done: (error?: unknown) => void = () => {}): void {
    writeFile(this.file(id), JSON.stringify(session)).then(() => done(), done);
  }

  destroy(id: string, done: (error?: unknown) => void = () => {}): void {
    rm(this.file(id), { force: true }).then(() => done(), done);
  }

  private file(id: string): string {
    return join(this.folder, encodeURIComponent(id));
  }
}
