/** The keys of stateless sessions, and the tokens that they encrypt (JWE, `dir` with A256GCM). Needs the package jose. */
import { createHash } from 'node:crypto';
import type * as jose from 'jose';
import { derive } from '../../affinity/token.ts';

interface Key {
  /** Names the key in the header of a token. */
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** What a token holds: the encoded data, when the session began and when the token was written (Unix ms). */
export interface Claims {
  readonly data: string;
  readonly born: number;
  readonly seen: number;
  /** The minimum version of the session's user when the token was written. */
  readonly version: number;
}

/** Encrypts with the first key, decrypts with any: so secrets can be changed without logging anybody out. */
export class KeyRing {
  private readonly keys: readonly Key[];
  private loading: Promise<typeof jose> | null = null;

  constructor(secrets: readonly string[]) {
    this.keys = secrets.map((secret) => {
      const bytes = derive(Buffer.from(secret), 'limpet stateless session');
      return { bytes, id: createHash('sha256').update(bytes).digest('hex').slice(0, 8) };
    });
  }

  async seal(claims: Claims): Promise<string> {
    const [key] = this.keys;
    if (key === undefined) throw new TypeError('secret: found none, expected one for strategy stateless');
    const { CompactEncrypt } = await this.jose();
    const text = new TextEncoder().encode(JSON.stringify(claims));
    return new CompactEncrypt(text).setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: key.id }).encrypt(key.bytes);
  }

  /** null: it is not a token of these keys. */
  async open(token: string): Promise<Claims | null> {
    const { compactDecrypt, decodeProtectedHeader } = await this.jose();
    try {
      const { kid } = decodeProtectedHeader(token);
      const key = this.keys.find(({ id }) => id === kid);
      if (key === undefined) return null;
      const options = { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] };
      const { plaintext } = await compactDecrypt(token, key.bytes, options);
      const found: unknown = JSON.parse(new TextDecoder().decode(plaintext));
      return isClaims(found) ? found : null;
    } catch {
      return null;
    }
  }

  private jose(): Promise<typeof jose> {
    this.loading ??= import('jose');
    return this.loading;
  }
}

function isClaims(value: unknown): value is Claims {
  const { data, born, seen, version } = Object(value);
  return typeof data === 'string' && [born, seen, version].every((number) => typeof number === 'number');
}
