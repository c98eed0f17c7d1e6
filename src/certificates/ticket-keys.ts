/**
 * Keys of TLS session tickets, which all workers share. They change with the clock: a ticket of a former key costs its client a full
 * handshake. With `keys` in the config they are derived from these, so that all nodes with the same keys read each other's tickets.
 */
import { hkdfSync, randomBytes } from 'node:crypto';

/** What node:tls takes: name, HMAC key and AES key, 16 bytes each. */
const keyBytes = 48;
const periodMs = 8 * 3_600_000;
const label = 'limpet tls session tickets';

export class TicketKeys {
  private period = Number.NaN;
  private random = new Uint8Array(keyBytes);

  /** `keys`: those of the config; the first one is used. */
  at(nowMs: number, keys: readonly Uint8Array[]): Uint8Array {
    const period = Math.floor(nowMs / periodMs);
    const [key] = keys;
    if (key !== undefined) return new Uint8Array(hkdfSync('sha256', key, '', `${label} ${period}`, keyBytes));
    if (period !== this.period) this.random = new Uint8Array(randomBytes(keyBytes));
    this.period = period;
    return this.random;
  }
}
