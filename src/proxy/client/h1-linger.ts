/**
 * The lingering end of an HTTP/1.1 connection. Our FIN has been sent, and what the client still sends is read and dropped, within bounds:
 * if we closed at once, a client that writes all of its request before it reads would lose our response to a reset (RFC 9112 section
 * 9.6).
 */
import { counter } from '../../metrics/counters.ts';
import type { WorkerContext } from '../worker-context.ts';
import type { ListenerSettings } from './listener-settings.ts';

/** A client counts as silent when it has sent nothing for this long. */
export const silenceMs = 2000;

export class Linger {
  /** Wheel time (ms) at which it began, or the client last sent something. */
  activeAt: number;
  private readonly worker: WorkerContext;
  private readonly settings: ListenerSettings;
  /** It ends when the client is silent: all of its request has come, or it has been slow with it. */
  private readonly isBrief: boolean;
  /** Wheel time at which it ends in any case. */
  private readonly endsAt: number;
  /** Bytes read and dropped. */
  private bytes = 0;

  constructor(worker: WorkerContext, settings: ListenerSettings, isBrief: boolean) {
    const { now } = worker.wheel;
    this.worker = worker;
    this.settings = settings;
    this.isBrief = isBrief;
    this.activeAt = now;
    this.endsAt = now + settings.timeouts.linger;
  }

  /** Until it ends, if the client sends nothing more. */
  remainingMs(isStopping: boolean): number {
    const leftMs = Math.max(1, this.endsAt - this.worker.wheel.now);
    return this.isBrief || isStopping ? Math.min(leftMs, silenceMs) : leftMs;
  }

  /** So many bytes have come, and are dropped. False: they are too many. */
  drop(bytes: number): boolean {
    const { wheel, counters } = this.worker;
    counters.add(counter.linger_bytes, bytes);
    this.bytes += bytes;
    this.activeAt = wheel.now;
    if (this.bytes <= this.settings.lingerBytes) return true;
    counters.add(counter.linger_exceeded);
    return false;
  }

  /** Its time is over. A client that still sends is cut off, and counted. */
  onTimeout(): void {
    const isSending = this.bytes > 0 && this.worker.wheel.now - this.activeAt < silenceMs;
    if (isSending) this.worker.counters.add(counter.linger_exceeded);
  }
}
