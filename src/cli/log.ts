/**
 * What the program says about itself: lines on stderr with time and level, as text for people or JSON (pino) for machines.
 *
 *      2026-03-01T12:00:00.123Z warn limpet: server shop/s1 is out: status 503 was=up
 *      {"level":"warn","time":"2026-03-01T12:00:00.123Z","name":"limpet","was":"up","msg":"server shop/s1 is out: status 503"}
 */
import { pino } from 'pino';
import type { LogOptions } from '../config/options.ts';
import { type Clock, systemClock } from '../time/clock.ts';

/**
 * Where the balancer writes its log. Each method takes one message, and fields for whoever searches the log by them.
 * A method must not throw, and must not wait.
 *
 * @example
 * ```ts
 * import { type Logger, startLimpet } from 'limpet';
 *
 * const log: Logger = {
 *   debug: () => {},
 *   info: (message, fields) => console.log(message, fields),
 *   warn: (message, fields) => console.warn(message, fields),
 *   error: (message, fields) => console.error(message, fields),
 * };
 * const limpet = await startLimpet(config, { log });
 * ```
 */
export interface Logger {
  /** Details for whoever looks for the cause of something, such as each change of a server's health. */
  debug(message: string, fields?: Record<string, unknown>): void;
  /** What has happened as it should. */
  info(message: string, fields?: Record<string, unknown>): void;
  /** What goes on working, but should be looked at. */
  warn(message: string, fields?: Record<string, unknown>): void;
  /** What does not work. */
  error(message: string, fields?: Record<string, unknown>): void;
}

export interface LoggerSettings {
  readonly format: 'text' | 'json';
  readonly level: LogOptions['level'];
  /** Gets whole lines, each with its line feed. */
  readonly write: (line: string) => void;
  /** Default: the clock of this machine. */
  readonly clock?: Pick<Clock, 'wall'>;
}

const levels = ['debug', 'info', 'warn', 'error'] as const;

export function createLogger({ format, level, write, clock = systemClock }: LoggerSettings): Logger {
  const time = (): string => new Date(clock.wall()).toISOString();
  if (format === 'json') {
    const formatters = { level: (label: string) => ({ level: label }) };
    const timestamp = (): string => `,"time":"${time()}"`;
    const json = pino({ level, base: { name: 'limpet' }, formatters, timestamp }, { write });
    return {
      debug: (message, fields = {}) => json.debug(fields, message),
      info: (message, fields = {}) => json.info(fields, message),
      warn: (message, fields = {}) => json.warn(fields, message),
      error: (message, fields = {}) => json.error(fields, message),
    };
  }
  const lineWriter = (of: (typeof levels)[number]) => (message: string, fields?: Record<string, unknown>) => {
    if (levels.indexOf(of) < levels.indexOf(level)) return;
    const start = `${time()} ${of} limpet: `;
    // A message of several lines (a stack, the errors of a config) becomes that many lines of the log.
    const lines = `${message}${formatFields(fields)}`.split('\n');
    write(lines.map((line) => `${start}${line}\n`).join(''));
  };
  return { debug: lineWriter('debug'), info: lineWriter('info'), warn: lineWriter('warn'), error: lineWriter('error') };
}

/** ` server=s1 after="2 failures"`: quoted where a space, quote or control character would break the line. */
function formatFields(fields: Record<string, unknown> = {}): string {
  return Object.entries(fields)
    .map(([name, value]) => {
      const text = typeof value === 'string' ? value : value instanceof Error ? value.message : JSON.stringify(value);
      return ` ${name}=${/^[\x21\x23-\x7e]+$/.test(text ?? '') ? text : JSON.stringify(text ?? null)}`;
    })
    .join('');
}
