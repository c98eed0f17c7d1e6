/**
 * The secrets by which a balancer signs the session headers of its requests: those of the options, or without any the one that a
 * balancer of the same user on the same machine has made. A header without a valid signature does not count, wherever it comes from:
 * any program of the machine can connect to a server, and any other proxy may pass on what its clients send.
 */
import { timingSafeEqual } from 'node:crypto';
import { Mac } from '../../secrets/mac.ts';
import { readSessionSecret } from '../../secrets/session-secret.ts';
import { readNumber } from './protocol.ts';

/** How long a signature is valid. Clocks may differ by as much, and by what the options allow. */
const signatureAgeSeconds = 120;
/** Between two looks for a secret that was not there, or was another one. */
const reloadIntervalMs = 1000;
/** Hex digits of a signature, with which a line ends. */
export const signatureDigits = 32;
const signatureStart = '; sig=';

/** How far the clock of the balancer, which may be on another machine, may differ. */
export interface AllowedSkew {
  readonly maxSkewSeconds: number;
  /** Called once when it differs by more than the age of a signature: positive when that clock is ahead. */
  readonly onDiffers: (seconds: number) => void;
}

const noSkew: AllowedSkew = { maxSkewSeconds: 0, onDiffers() {} };

export class BalancerSecrets {
  /** Goes up whenever the secrets change. */
  generation = 0;
  private readonly file: string | null;
  private secrets: readonly string[];
  private macs: readonly Mac[];
  /** Why the file has no secret. */
  private problem = '';
  private loadedAt = Number.NEGATIVE_INFINITY;
  private readonly skew: AllowedSkew;
  private hasWarnedOfClock = false;

  /** `file`: read when there are no `given` secrets; null: none. */
  constructor(given: readonly string[], file: string | null, skew = noSkew) {
    this.skew = skew;
    this.secrets = given;
    this.macs = given.map((secret) => new Mac(secret));
    this.file = given.length > 0 ? null : file;
  }

  /** The one that this server shows to the store interface; undefined: there is none. */
  get first(): string | undefined {
    return this.secrets[0];
  }

  /** null: the line is signed by the balancer; else a sentence that says why it does not count. `now`: Unix ms. */
  verify(line: string, now: number): string | null {
    if (this.secrets.length === 0) this.reload(now);
    // The balancer may have made another secret, or its first one just now.
    if (this.isSigned(line) || (this.reload(now) && this.isSigned(line))) return this.verifyTime(timeOf(line), now);
    const expected =
      'expected a balancer of this user on this machine, or the same secret here and in sessions.secret there';
    if (this.problem !== '')
      return `found a Limpet-Session header, and no secret to check it with: ${this.problem}; ${expected}`;
    if (!line.includes(signatureStart))
      return 'found a Limpet-Session header without a signature, which anybody could send';
    const where = this.file === null ? '' : ` by the secret in ${this.file}; ${expected}`;
    return `found a Limpet-Session header without a right and recent signature${where}`;
  }

  /** `signedAt`: Unix seconds. `now`: Unix ms. */
  isRecent(signedAt: number, now: number): boolean {
    return signedAt >= 0 && Math.abs(signedAt - now / 1000) <= signatureAgeSeconds + this.skew.maxSkewSeconds;
  }

  private verifyTime(signedAt: number, now: number): string | null {
    if (signedAt < 0) {
      return 'found a Limpet-Session header without a recent signature: it does not say when it was signed';
    }
    const aheadSeconds = Math.round(signedAt - now / 1000);
    if (!this.isRecent(signedAt, now)) {
      const how = aheadSeconds > 0 ? 'ahead of' : 'old by';
      const maxSeconds = signatureAgeSeconds + this.skew.maxSkewSeconds;
      return `found a Limpet-Session header without a recent signature: it is ${Math.abs(aheadSeconds)} s ${how} this machine's clock; expected at most ${maxSeconds} s: set the clocks, or clockSkew`;
    }
    if (Math.abs(aheadSeconds) > signatureAgeSeconds && !this.hasWarnedOfClock) {
      this.hasWarnedOfClock = true;
      this.skew.onDiffers(aheadSeconds);
    }
    return null;
  }

  /** Reads the file. False: it has nothing new, or was read just now. */
  private reload(now: number): boolean {
    if (this.file === null || Math.abs(now - this.loadedAt) < reloadIntervalMs) return false;
    this.loadedAt = now;
    const [before] = this.secrets;
    try {
      const secret = readSessionSecret(this.file);
      this.problem = secret === null ? `there is no ${this.file}` : '';
      this.secrets = secret === null ? [] : [secret];
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
      this.secrets = [];
    }
    if (this.first === before) return false;
    this.macs = this.secrets.map((secret) => new Mac(secret));
    this.generation++;
    return this.secrets.length > 0;
  }

  private isSigned(line: string): boolean {
    const end = line.length - signatureDigits;
    if (!line.startsWith(signatureStart, end - signatureStart.length)) return false;
    const bytes = Buffer.from(line);
    // A client may send characters of more than one byte.
    if (bytes.length !== line.length) return false;
    const signature = bytes.subarray(end);
    return this.macs.some((mac) =>
      timingSafeEqual(
        signature,
        Buffer.from(mac.digits(bytes, 0, end - signatureStart.length).slice(0, signatureDigits), 'latin1'),
      ),
    );
  }
}

/** Unix seconds at which a line was signed, which stand before its signature; -1: it has none. */
export function timeOf(line: string): number {
  const end = line.length - signatureDigits - signatureStart.length;
  const start = line.lastIndexOf('; t=', end);
  return start < 0 ? -1 : readNumber(line.slice(start + '; t='.length, end));
}
