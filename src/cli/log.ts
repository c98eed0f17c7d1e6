/** What the program says about itself: one line each on stderr, for people, or JSON (pino) for machines. */
import { pino } from 'pino';
import type { LogOptions } from '../config/options.ts';

export interface Logger {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

export interface LoggerSettings {
  readonly format: 'text' | 'json';
  readonly level: LogOptions['level'];
  /** Gets whole lines, each with its line feed. */
  readonly write: (line: string) => void;
}

const levels = ['debug', 'info', 'warn', 'error'] as const;
/** Information is what people expect, so it carries no label. */
const labels = { debug: 'debug: ', info: '', warn: 'warning: ', error: 'error: ' } as const;

export function createLogger({ format, level, write }: LoggerSettings): Logger {
  if (format === 'json') {
    const json = pino({ level, base: { name: 'limpet' } }, { write });
    return {
      debug: (message, fields = {}) => json.debug(fields, message),
      info: (message, fields = {}) => json.info(fields, message),
      warn: (message, fields = {}) => json.warn(fields, message),
      error: (message, fields = {}) => json.error(fields, message),
    };
  }
  const say = (of: (typeof levels)[number]) => (message: string, fields?: Record<string, unknown>) => {
    if (levels.indexOf(of) >= levels.indexOf(level)) write(`limpet: ${labels[of]}${message}${formatFields(fields)}\n`);
  };
  return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
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
