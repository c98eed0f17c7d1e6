/**
 * Flow control (RFC 9113 sections 5.2 and 6.9): each connection and each stream has a window for either direction.
 *
 *      SendWindow       what may still be sent; the other side's WINDOW_UPDATE adds to it
 *      ReceiveWindow    what may still come; what has been taken is given back
 *
 * Bytes are given back when they have gone on to where they are sent, not when they come: a slow receiver at the other end so holds up the
 * sender, and not the memory of this process. They are given back once half of the window has been taken, as one WINDOW_UPDATE.
 */
import { maxWindowSize } from './frame.ts';

export class SendWindow {
  /** Bytes. Below 0 when SETTINGS_INITIAL_WINDOW_SIZE became lower than what is on the way (section 6.9.2). */
  left: number;

  constructor(size: number) {
    this.left = size;
  }

  /** A WINDOW_UPDATE, or a change of the initial size, which may be negative. False: it would be beyond 2^31-1. */
  add(bytes: number): boolean {
    if (this.left + bytes > maxWindowSize) return false;
    this.left += bytes;
    return true;
  }

  take(bytes: number): void {
    this.left -= bytes;
  }
}

export class ReceiveWindow {
  /** What it is when nothing is on the way. */
  size: number;
  /** Bytes that may still come. */
  left: number;
  /** Bytes that have been taken and not been given back yet. */
  taken = 0;

  constructor(size: number) {
    this.size = size;
    this.left = size;
  }

  /** Bytes that have come and were not taken. */
  get held(): number {
    return this.size - this.left - this.taken;
  }

  /** A DATA frame of so many bytes, padding included, has begun. False: the other side may not send that many. */
  receive(bytes: number): boolean {
    if (bytes > this.left) return false;
    this.left -= bytes;
    return true;
  }

  /** So many of them have gone on, or were dropped. Returns how many a WINDOW_UPDATE gives back now; 0: none is due. */
  consume(bytes: number): number {
    this.taken += bytes;
    if (2 * this.taken < this.size || this.taken === 0) return 0;
    const increment = this.taken;
    this.taken = 0;
    this.left += increment;
    return increment;
  }

  /** The window gets another size. Returns how many bytes a WINDOW_UPDATE adds for that. It cannot take back what it has allowed. */
  enlarge(size: number): number {
    const increment = Math.max(0, size - this.size);
    this.size += increment;
    this.left += increment;
    return increment;
  }

  /** SETTINGS_INITIAL_WINDOW_SIZE of this side changes by so many bytes: up when it is sent, down when it is acknowledged. */
  adjust(bytes: number): void {
    this.size += bytes;
    this.left += bytes;
  }
}
