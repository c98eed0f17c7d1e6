/**
 * The files of the dashboard, as the admin listener answers with them. They lie beside the bundle in `dashboard/` (scripts/build.ts);
 * for a program that runs from its sources, in dist. Only what is found there by its name is answered: no path of a request is ever
 * joined to a folder.
 */
import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface DashboardFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly contentType: string;
  /** All others that its response needs. */
  readonly headers: Readonly<Record<string, string>>;
}

const contentTypes: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** The page holds no inline script or style, reads nothing of other origins, and no other page may frame it. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const safety = {
  'content-security-policy': contentSecurityPolicy,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const;

/** Beside the bundle, and from the sources. */
const folders = ['./dashboard/', '../../dist/dashboard/'].map((path) => fileURLToPath(new URL(path, import.meta.url)));

export class DashboardFiles {
  private readonly folders: readonly string[];
  /** By path of the request, the file; null: not looked for yet. */
  private files: ReadonlyMap<string, string> | null = null;

  constructor(from: readonly string[] = folders) {
    this.folders = from;
  }

  /** `path` is `/` or `/assets/NAME`, without a query. null: there is no such file, or this copy of Limpet was not built. */
  async read(path: string): Promise<DashboardFile | null> {
    if (this.files === null || this.files.size === 0) this.files = await this.find();
    const file = this.files.get(path);
    if (file === undefined) return null;
    const contentType = contentTypes[extname(file)];
    if (contentType === undefined) return null;
    // The name of an asset contains a hash of what is in it.
    const caching = path === '/' ? 'no-cache' : 'public, max-age=31536000, immutable';
    try {
      return { bytes: await readFile(file), contentType, headers: { ...safety, 'cache-control': caching } };
    } catch {
      // Another build has replaced it.
      this.files = null;
      return null;
    }
  }

  private async find(): Promise<ReadonlyMap<string, string>> {
    for (const folder of this.folders) {
      try {
        const assets = await readdir(join(folder, 'assets'), { withFileTypes: true });
        return new Map([
          ['/', join(folder, 'index.html')],
          ...assets
            .filter((entry) => entry.isFile())
            .map(({ name }): [string, string] => [`/assets/${name}`, join(folder, 'assets', name)]),
        ]);
      } catch {
        // The next one.
      }
    }
    return new Map();
  }
}
