/**
 * Counts, for each connection, what costs its sender little and this side much, and is of no use in large numbers. More of one kind within
 * a minute than its limit allows is an error of the connection (ENHANCE_YOUR_CALM). The time is handed in.
 *
 *      kind                  what                                                                       known as
 *      resets                streams that the other side resets before they are complete                CVE-2023-44487, rapid reset
 *      forced-resets         its errors that make this side reset a stream                              CVE-2025-8671, made you reset
 *      refused-streams       streams beyond SETTINGS_MAX_CONCURRENT_STREAMS
 *      pings                 PING and its answers, since this side has last sent HEADERS or DATA        CVE-2019-9512
 *      settings              SETTINGS                                                                   CVE-2019-9515
 *      empty-frames          DATA of nothing without END_STREAM; frames of unknown types                CVE-2019-9518
 *      window-updates        WINDOW_UPDATE beyond ten for each DATA frame that this side sends, if the  CVE-2019-9511, CVE-2019-9517
 *                            windows have let it be of a size that is worth sending
 *      priorities            PRIORITY                                                                   CVE-2019-9513
 *      continuations         CONTINUATION                                                               CVE-2024-27316
 *      closed-stream-frames  frames of streams that are closed, and requests behind the GOAWAY of this side
 *      goaways               GOAWAY
 */
import { ErrorCode, type H2Error } from './errors.ts';

export const Abuse = {
  resets: 0,
  forcedResets: 1,
  refusedStreams: 2,
  pings: 3,
  settings: 4,
  emptyFrames: 5,
  windowUpdates: 6,
  priorities: 7,
  continuations: 8,
  closedStreamFrames: 9,
  goaways: 10,
} as const;

export type AbuseKind = keyof typeof Abuse;

/** Most in a minute, of each kind. */
export type AbuseLimits = Readonly<Record<AbuseKind, number>>;

/** Far above what browsers and gRPC clients do, and far below what hurts. */
export const defaultAbuseLimits: AbuseLimits = Object.freeze({
  resets: 1000,
  forcedResets: 100,
  refusedStreams: 200,
  pings: 600,
  settings: 100,
  emptyFrames: 1000,
  windowUpdates: 2000,
  priorities: 1000,
  continuations: 1000,
  closedStreamFrames: 5000,
  goaways: 100,
});

export const abuseKinds = Object.keys(Abuse) as AbuseKind[];

/** Of counters and of the log. */
export const abuseNames: readonly string[] = abuseKinds.map((kind) =>
  kind.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
);

/** By kind. */
export const abuseErrors: readonly H2Error[] = abuseNames.map((name) => ({
  code: ErrorCode.enhanceYourCalm,
  scope: 'connection',
  text: `There are too many in a minute: ${name}.`,
}));

const windowMs = 60_000;
const windowUpdatesPerData = 10;

export class AbuseCounters {
  private readonly limits: AbuseLimits;
  private readonly counts: number[] = abuseKinds.map(() => 0);
  private windowBeginMs: number;

  constructor(limits: AbuseLimits, nowMs: number) {
    this.limits = limits;
    this.windowBeginMs = nowMs;
  }

  /** One more. null: that is still within the limit. `kind`: a value of `Abuse`. */
  count(kind: number, nowMs: number): H2Error | null {
    if (nowMs - this.windowBeginMs >= windowMs) {
      this.windowBeginMs = nowMs;
      this.counts.fill(0);
    }
    return ++this.counts[kind]! > this.limits[abuseKinds[kind]!] ? abuseErrors[kind]! : null;
  }

  /** This side has sent HEADERS: a client measures a connection that it uses by PING. */
  onHeadersSent(): void {
    this.counts[Abuse.pings] = 0;
  }

  /**
   * This side has sent DATA, for which the other side gives windows back. gRPC also measures by PING meanwhile. `isCutSmall`: the windows
   * have allowed a few bytes only, which would make a frame of each of its WINDOW_UPDATE frames ("data dribble").
   */
  onDataSent(isCutSmall: boolean): void {
    this.counts[Abuse.pings] = 0;
    if (isCutSmall) return;
    this.counts[Abuse.windowUpdates] = Math.max(0, this.counts[Abuse.windowUpdates]! - windowUpdatesPerData);
  }
}
