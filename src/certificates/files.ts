/** Reads the files that a config names, once each, and collects what is wrong with them. */
import { X509Certificate } from 'node:crypto';
import type { Stats } from 'node:fs';
import { resolve } from 'node:path';
import { readRegularFile, UnreadableFile } from '../regular-file.ts';
import type { FieldPath, Flaw } from './flaw.ts';
import { describeContent, type PemBlock, pemBlocks } from './pem.ts';

/** The bundle of all authorities of a system has a quarter of it. */
const mostBytes = 1024 ** 2;

export interface ReadFile {
  /** As the config has it. */
  readonly name: string;
  readonly bytes: Buffer;
  readonly stats: Stats;
  readonly blocks: readonly PemBlock[];
}

export class CertificateFiles {
  readonly flaws: Flaw[] = [];
  private readonly folder: string;
  /** By absolute path; the text says why it could not be read. */
  private readonly files = new Map<string, ReadFile | string>();

  /** Relative paths begin at `folder`. */
  constructor(folder: string) {
    this.folder = folder;
  }

  /** Absolute. */
  get paths(): readonly string[] {
    return [...this.files.keys()];
  }

  error(path: FieldPath, text: string): null {
    this.flaws.push({ level: 'error', path, text });
    return null;
  }

  warning(path: FieldPath, text: string): void {
    this.flaws.push({ level: 'warning', path, text });
  }

  /** null: it cannot be read, which has been noted. */
  read(name: string, path: FieldPath): ReadFile | null {
    const absolute = resolve(this.folder, name);
    let file = this.files.get(absolute);
    if (file === undefined) {
      file = load(name, absolute);
      this.files.set(absolute, file);
    }
    return typeof file === 'string' ? this.error(path, `cannot read ${shorten(name)}: ${file}`) : file;
  }

  /** At least one; null: there is none that can be read, which has been noted. */
  readCertificates(name: string, path: FieldPath): readonly X509Certificate[] | null {
    const file = this.read(name, path);
    if (file === null) return null;
    const blocks = file.blocks.filter(({ label }) => label === 'CERTIFICATE');
    if (blocks.length === 0) {
      const found = describeContent(file.bytes, file.blocks);
      const swapped = / KEY$/.test(found) ? '; are cert and key the wrong way round?' : derHint(found, 'x509', name);
      return this.error(path, `found ${found} in ${shorten(name)}, expected a certificate in PEM${swapped}`);
    }
    const certificates: X509Certificate[] = [];
    for (const [i, block] of blocks.entries()) {
      try {
        certificates.push(new X509Certificate(block.text));
      } catch {
        return this.error(path, `certificate ${i + 1} of ${shorten(name)} cannot be read: it is damaged`);
      }
    }
    return certificates;
  }
}

/** How a file of DER becomes one of PEM. */
export function derHint(found: string, command: 'x509' | 'pkey', name: string): string {
  return found === 'what may be DER' ? `: openssl ${command} -inform der -in ${name} -out ${name}.pem` : '';
}

export function shorten(name: string): string {
  return name.length > 120 ? `${name.slice(0, 117)}...` : name;
}

function load(name: string, absolute: string): ReadFile | string {
  try {
    const { bytes, stats } = readRegularFile(absolute, mostBytes);
    return { name, bytes, stats, blocks: pemBlocks(bytes.toString('latin1')) };
  } catch (error) {
    if (error instanceof UnreadableFile) return error.message;
    throw error;
  }
}
