/** Warns of certificates that expire: 30, 7 and 1 days before, once each. */
import { type CertificateInfo, dateOf } from './pair.ts';

const dayMs = 86_400_000;
const warnDays = [1, 7, 30] as const;

type WarnOfExpiry = (message: string, certificate: CertificateInfo, days: number) => void;

export class ExpiryLog {
  private readonly warn: WarnOfExpiry;
  /** By fingerprint, the days that were last warned of. */
  private warned = new Map<string, number>();

  /** `warn` gets the whole days that are left, too. */
  constructor(warn: WarnOfExpiry) {
    this.warn = warn;
  }

  /** The certificates that are in use now. What has expired is a flaw of its file. */
  check(certificates: readonly CertificateInfo[], nowMs: number): void {
    const before = this.warned;
    this.warned = new Map();
    for (const certificate of certificates) {
      const { fingerprint, file, names, notAfterMs } = certificate;
      const leftMs = notAfterMs - nowMs;
      const days = warnDays.find((limit) => leftMs <= limit * dayMs);
      if (days === undefined) continue;
      this.warned.set(fingerprint, days);
      if (leftMs <= 0 || days >= (before.get(fingerprint) ?? Number.POSITIVE_INFINITY)) continue;
      const wholeDays = Math.floor(leftMs / dayMs);
      const left = wholeDays === 0 ? 'in less than a day' : `in ${wholeDays} days`;
      const text = `the certificate ${file}${namesText(names)} expires ${left} (${dateOf(notAfterMs)})`;
      this.warn(text, certificate, wholeDays);
    }
  }
}

/** ` (a.example, b.example and 3 more)`; '' for none. */
export function namesText(names: readonly string[]): string {
  if (names.length === 0) return '';
  const more = names.length > 2 ? ` and ${names.length - 2} more` : '';
  return ` (${names.slice(0, 2).join(', ')}${more})`;
}
