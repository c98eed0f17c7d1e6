/**
 * The secrets under which a balancer signs what it tells of a session: those of the options, or without any the one that a
 * balancer of the same user on the same machine has made. What is not signed is not believed, wherever it comes from: any
 * program of this machine can connect to a server, and any other proxy on it may pass on what its clients send.
 */
import { timingSafeEqual } from 'node:crypto';
import { Mac } from '../../secrets/mac.ts';
import { readSessionSecret } from '../../secrets/session-secret.ts';
import { readNumber } from './protocol.ts';

/** Seconds that a signature counts; clocks may differ by as much, and by what the options allow. */
const signatureAge = 120;
/** Milliseconds between two looks for a secret that was not there, or was another one. */
const lookAgain = 1000;
/** Hex digits of a signature, with which a line ends. */
export const signatureDigits = 32;
const signatureStart = '; sig=';

/** The clock of the balancer is another machine's. */
export interface SecretsClock {
  /** Seconds by which it may differ from ours. */
  readonly skew: number;
  /** Told once of a difference, in seconds, that only `skew` allows: positive when that clock is ahead. */
  readonly onDiffers: (seconds: number) => void;
}

const sameClock: SecretsClock = { skew: 0, onDiffers() {} };

export class Secrets {
  /** Goes up whenever other secrets count. */
  generation = 0;
  private readonly file: string | null;
  private found: readonly string[];
  private macs: readonly Mac[];
  /** Why the file gives none. */
  private problem = '';
  private lookedAt = Number.NEGATIVE_INFINITY;
  private readonly clock: SecretsClock;
  private toldOfClock = false;

  /** `file`: read when there are no `given` ones; null: none is. */
  constructor(given: readonly string[], file: string | null, clock = sameClock) {
    this.clock = clock;
    this.found = given;
    this.macs = given.map((secret) => new Mac(secret));
    this.file = given.length > 0 ? null : file;
  }

  /** To be shown at the store interface; undefined: there is none. */
  get first(): string | undefined {
    return this.found[0];
  }

  /** null: the line is signed by the balancer; else a sentence that says why it is not believed. `now`: Unix ms. */
  refuse(line: string, now: number): string | null {
    if (this.found.length === 0) this.look(now);
    // The balancer may have made another one, or the first one just now.
    if (this.isSigned(line) || (this.look(now) && this.isSigned(line))) return this.refuseTime(timeOf(line), now);
    const both =
      'expected a balancer of this user on this machine, or the same secret here and in sessions.secret there';
    if (this.problem !== '')
      return `found a Limpet-Session header, and no secret to check it with: ${this.problem}; ${both}`;
    if (!line.includes(signatureStart))
      return 'found a Limpet-Session header without a signature, which anybody could send';
    const which = this.file === null ? '' : ` by the secret in ${this.file}; ${both}`;
    return `found a Limpet-Session header without a right and recent signature${which}`;
  }

  /** `time`: Unix seconds at which a line was signed; `now`: Unix ms. */
  isRecent(time: number, now: number): boolean {
    return time >= 0 && Math.abs(time - now / 1000) <= signatureAge + this.clock.skew;
  }

  /** Of a line that is signed. */
  private refuseTime(time: number, now: number): string | null {
    if (time < 0) return 'found a Limpet-Session header without a recent signature: it does not say when it was signed';
    const ahead = Math.round(time - now / 1000);
    if (!this.isRecent(time, now)) {
      const how = ahead > 0 ? 'ahead of' : 'old by';
      const most = signatureAge + this.clock.skew;
      return `found a Limpet-Session header without a recent signature: it is ${Math.abs(ahead)} s ${how} this machine's clock; expected at most ${most} s: set the clocks, or clockSkew`;
    }
    if (Math.abs(ahead) > signatureAge && !this.toldOfClock) {
      this.toldOfClock = true;
      this.clock.onDiffers(ahead);
    }
    return null;
  }

  /** False: nothing new was found. */
  private look(now: number): boolean {
    if (this.file === null || Math.abs(now - this.lookedAt) < lookAgain) return false;
    this.lookedAt = now;
    const [before] = this.found;
    try {
      const secret = readSessionSecret(this.file);
      this.problem = secret === null ? `there is no ${this.file}` : '';
      this.found = secret === null ? [] : [secret];
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
      this.found = [];
    }
    if (this.first === before) return false;
    this.macs = this.found.map((one) => new Mac(one));
    this.generation++;
    return this.found.length > 0;
  }

  private isSigned(line: string): boolean {
    const end = line.length - signatureDigits;
    if (!line.startsWith(signatureStart, end - signatureStart.length)) return false;
    const bytes = Buffer.from(line);
    // Digits are not all that a client may send.
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

/** Unix seconds at which a line was signed, which stand before its signature; -1: it does not say. */
export function timeOf(line: string): number {
  const end = line.length - signatureDigits - signatureStart.length;
  const start = line.lastIndexOf('; t=', end);
  return start < 0 ? -1 : readNumber(line.slice(start + '; t='.length, end));
}
