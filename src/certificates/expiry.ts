/** Warns of certificates that expire: 30, 7 and 1 days before, once each. */
import { type CertificateInfo, dateOf } from './pair.ts';

const dayMs = 86_400_000;
const warnDays = [1, 7, 30] as const;

export class ExpiryLog {
  private readonly warn: (message: string) => void;
  /** By fingerprint, the days that were last warned of. */
  private warned = new Map<string, number>();

  constructor(warn: (message: string) => void) {
    this.warn = warn;
  }

  /** The certificates that are in use now. What has expired is a flaw of its file. */
  check(certificates: readonly CertificateInfo[], nowMs: number): void {
    const before = this.warned;
    this.warned = new Map();
    for (const { fingerprint, file, names, notAfterMs } of certificates) {
      const leftMs = notAfterMs - nowMs;
      const days = warnDays.find((limit) => leftMs <= limit * dayMs);
      if (days === undefined) continue;
      this.warned.set(fingerprint, days);
      if (leftMs <= 0 || days >= (before.get(fingerprint) ?? Number.POSITIVE_INFINITY)) continue;
      const left = leftMs < dayMs ? 'in less than a day' : `in ${Math.floor(leftMs / dayMs)} days`;
      this.warn(`the certificate ${file}${namesText(names)} expires ${left} (${dateOf(notAfterMs)})`);
    }
  }
}

/** ` (a.example, b.example and 3 more)`; '' for none. */
export function namesText(names: readonly string[]): string {
  if (names.length === 0) return '';
  const more = names.length > 2 ? ` and ${names.length - 2} more` : '';
  return ` (${names.slice(0, 2).join(', ')}${more})`;
}
