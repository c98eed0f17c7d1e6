/**
 * The access log: one line of printable ASCII per finished exchange, as text or JSON, written in batches.
 * What clients send may be hostile: no byte of it can end a line, close a quote, or reach a terminal as a command.
 */
import type { Timers } from '../time/clock.ts';

/**
 * The session token of the request, in HAProxy's letters. N: no token. I: an invalid one. V: valid.
 * D: valid, but its server is down. E: expired (idle). O: old, beyond its absolute age. U: not asked, no affinity.
 */
export type RequestFlag = 'N' | 'I' | 'F' | 'D' | 'V' | 'E' | 'O' | 'U';

/**
 * What the response did with the token. N: nothing. I: inserted one. U: updated it (owner or date). P: the server
 * sent its own. R: the server's was rewritten. D: deleted it.
 */
export type ResponseFlag = 'N' | 'I' | 'U' | 'P' | 'R' | 'D';

/**
 * One finished exchange. Only scalars, and nothing is kept after `record`: one object may be filled again and
 * again. '' stands for a text that there is not, -1 for a time that was never reached.
 */
export interface ExchangeRecord {
  /** When its first byte arrived, ms since the Unix epoch. */
  time: number;
  /** Client address, after trusted X-Forwarded-For. */
  client: string;
  listener: string;
  method: string;
  /** The request target as it came, one char per byte. */
  target: string;
  host: string;
  /** The version of HTTP on the client's side, such as HTTP/1.1. */
  version: string;
  /** Sent to the client; 0 when none was. */
  status: number;
  /** From and to the client, heads included. */
  bytesIn: number;
  bytesOut: number;
  pool: string;
  /** Name of the server that responded, or was tried last. */
  server: string;
  /** Eight hex digits that tell sessions apart and cannot be turned back into an id. */
  session: string;
  epoch: number;
  retries: number;
  /** Milliseconds: waiting for a server with room; connecting to it; from `time` to its first byte; from `time` to the end. */
  queueMs: number;
  connectMs: number;
  responseMs: number;
  totalMs: number;
  /** Code of the fault. */
  fault: string;
  /** Of the request, as they came; '' also when the format of the log has no place for them. */
  referer: string;
  userAgent: string;
  /** '' when requests have none. */
  requestId: string;
  /** 32 hex digits; '' when requests have none. */
  traceId: string;
  requestFlag: RequestFlag;
  responseFlag: ResponseFlag;
}

/** How a line is made (access-formats.ts), and whether it has `referer` or `userAgent`, which are not read otherwise. */
export interface LineFormat {
  readonly format: (record: ExchangeRecord) => string;
  readonly readsAgent: boolean;
}

/** Which exchanges have a line. */
export interface Sampling {
  /** 0 to 1. Exchanges that failed, or were answered with 5xx, have a line always. */
  readonly share: number;
  /** From 0 to below 1. */
  readonly random: () => number;
}

export const everyExchange: Sampling = { share: 1, random: () => 0 };

/** A batch is written when it has this many bytes, or is this old (ms). */
const batchBytes = 64 * 1024;
const batchAge = 100;
/**
 * When this many characters are waiting for a reader that does not read, lines are dropped: no request waits, and memory is
 * bounded.
 */
const mostUnwritten = 4 * 1024 * 1024;

/** Takes whole lines, and calls back when they have left this process. */
export type WriteLines = (lines: string, done: () => void) => void;

export class AccessLog {
  /** Lines have the referer and the user agent. */
  readonly readsAgent: boolean;
  private readonly format: LineFormat['format'];
  private readonly sampling: Sampling;
  private readonly write: WriteLines;
  private readonly onDropped: (lines: number) => void;
  private readonly timers: Timers;
  private batch = '';
  private lines = 0;
  private unwritten = 0;
  private cancelTimer: (() => void) | null = null;

  /** `write` gets one or more whole lines, each with its line feed, in their order. `onDropped`: this many lines are lost. */
  constructor(
    { format, readsAgent }: LineFormat,
    write: WriteLines,
    timers: Timers,
    onDropped: (lines: number) => void,
    sampling = everyExchange,
  ) {
    this.format = format;
    this.readsAgent = readsAgent;
    this.sampling = sampling;
    this.write = write;
    this.onDropped = onDropped;
    this.timers = timers;
  }

  record(record: ExchangeRecord): void {
    if (this.sampling.share < 1 && !this.isSampled(record)) return;
    this.batch += `${this.format(record)}\n`;
    this.lines++;
    if (this.batch.length >= batchBytes) this.flush();
    else this.cancelTimer ??= this.timers.after(batchAge, () => this.flush());
  }

  private isSampled({ status, fault }: ExchangeRecord): boolean {
    const { share, random } = this.sampling;
    return status >= 500 || fault !== '' || random() < share;
  }

  /** Writes the lines collected so far. Call it once more when the balancer stops. */
  flush(): void {
    this.cancelTimer?.();
    this.cancelTimer = null;
    if (this.batch === '') return;
    const { batch, lines } = this;
    this.batch = '';
    this.lines = 0;
    if (this.unwritten + batch.length > mostUnwritten) {
      this.onDropped(lines);
      return;
    }
    this.unwritten += batch.length;
    this.write(batch, () => {
      this.unwritten -= batch.length;
    });
  }
}

/** Fifteen fields with one space between; docs/guide/logging.md names them. */
export function formatText(r: ExchangeRecord): string {
  return (
    `${timestamp(r.time)} ${field(r.client)} ${field(r.listener)} ${field(r.host)} ` +
    `"${field(r.method)} ${field(r.target)} ${field(r.version)}" ${r.status} ${r.bytesIn}/${r.bytesOut} ` +
    `${field(r.pool)}/${field(r.server)} ${field(r.session)}#${r.epoch} ${r.requestFlag}${r.responseFlag} ` +
    `${duration(r.queueMs)}/${duration(r.connectMs)}/${duration(r.responseMs)}/${duration(r.totalMs)} ` +
    `${r.retries} ${field(r.fault)}`
  );
}

/** One object per line; null for values that do not exist. */
export function formatJson(r: ExchangeRecord): string {
  const line = JSON.stringify({
    time: timestamp(r.time),
    client: r.client || null,
    listener: r.listener,
    host: r.host || null,
    method: r.method || null,
    target: r.target || null,
    version: r.version || null,
    status: r.status,
    bytesIn: r.bytesIn,
    bytesOut: r.bytesOut,
    pool: r.pool || null,
    server: r.server || null,
    session: r.session || null,
    epoch: r.epoch,
    flags: r.requestFlag + r.responseFlag,
    queueMs: tenths(r.queueMs),
    connectMs: tenths(r.connectMs),
    responseMs: tenths(r.responseMs),
    totalMs: tenths(r.totalMs),
    retries: r.retries,
    fault: r.fault || null,
    // JSON leaves out what is not defined.
    requestId: r.requestId || undefined,
    traceId: r.traceId || undefined,
  });
  // JSON leaves DEL, the C1 controls (a terminal's CSI) and line separators as they are.
  return beyondAscii.test(line) ? line.replace(beyondAsciiAll, unicodeEscape) : line;
}

/** The second of the last line, and its text: most lines share it, and formatting a date is expensive. */
let second = -1;
let secondText = '';

/** RFC 3339 in UTC, with milliseconds. */
export function timestamp(time: number): string {
  const whole = Math.floor(time / 1000);
  if (whole !== second) {
    second = whole;
    secondText = new Date(whole * 1000).toISOString().slice(0, 20);
  }
  return `${secondText}${String(Math.floor(time - whole * 1000)).padStart(3, '0')}Z`;
}

const unsafe = /[^\x21\x23-\x5b\x5d-\x7e]/;
const unsafeAll = new RegExp(unsafe, 'g');
const unquotable = /[^\x20\x21\x23-\x5b\x5d-\x7e]/;
const unquotableAll = new RegExp(unquotable, 'g');
const beyondAscii = /[^\x20-\x7e]/;
const beyondAsciiAll = new RegExp(beyondAscii, 'g');

/** The text with spaces, quotes, backslashes and control bytes written as \xHH, and characters beyond a byte as \uHHHH. */
export function field(text: string): string {
  if (text === '') return '-';
  return unsafe.test(text) ? text.replace(unsafeAll, byteEscape) : text;
}

/** The same between quotes: spaces stay. */
export function quoted(text: string): string {
  if (text === '') return '-';
  return unquotable.test(text) ? text.replace(unquotableAll, byteEscape) : text;
}

function byteEscape(char: string): string {
  const code = char.charCodeAt(0);
  return code > 0xff ? unicodeEscape(char) : `\\x${code.toString(16).padStart(2, '0')}`;
}

function unicodeEscape(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Milliseconds with one decimal; null for a time that was never reached. */
function tenths(ms: number): number | null {
  return ms < 0 ? null : Math.round(ms * 10) / 10;
}

export function duration(ms: number): string {
  return String(tenths(ms) ?? '-');
}
