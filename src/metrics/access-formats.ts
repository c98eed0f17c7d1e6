/**
 * The forms of a line of the access log by their names: text, JSON, the two of NCSA httpd that log analysers read (common and
 * combined), and templates such as `{client} {status} {totalMs}`.
 */
import {
  duration,
  type ExchangeRecord,
  field,
  formatJson,
  formatText,
  type LineFormat,
  quoted,
  timestamp,
} from './access-log.ts';

/** Any other text is a template. */
const named: Readonly<Record<string, LineFormat>> = {
  text: { format: formatText, readsAgent: false },
  json: { format: formatJson, readsAgent: false },
  common: { format: formatCommon, readsAgent: false },
  combined: { format: formatCombined, readsAgent: true },
};

/** What a template may name, each without a space, quote or control byte; those of the agent with spaces. */
const templateFields: Readonly<Record<string, (record: ExchangeRecord) => string>> = {
  time: (r) => timestamp(r.time),
  date: (r) => clfTime(r.time),
  client: (r) => field(r.client),
  listener: (r) => field(r.listener),
  host: (r) => field(r.host),
  method: (r) => field(r.method),
  target: (r) => field(r.target),
  version: (r) => field(r.version),
  status: (r) => String(r.status),
  bytesIn: (r) => String(r.bytesIn),
  bytesOut: (r) => String(r.bytesOut),
  pool: (r) => field(r.pool),
  server: (r) => field(r.server),
  session: (r) => field(r.session),
  epoch: (r) => String(r.epoch),
  flags: (r) => r.requestFlag + r.responseFlag,
  queueMs: (r) => duration(r.queueMs),
  connectMs: (r) => duration(r.connectMs),
  responseMs: (r) => duration(r.responseMs),
  totalMs: (r) => duration(r.totalMs),
  retries: (r) => String(r.retries),
  fault: (r) => field(r.fault),
  requestId: (r) => field(r.requestId),
  traceId: (r) => field(r.traceId),
  referer: (r) => quoted(r.referer),
  userAgent: (r) => quoted(r.userAgent),
};

export const templateFieldNames: readonly string[] = Object.keys(templateFields);

/** The format of that name, or of that template, which `formatFlaw` has found to be right. */
export function lineFormatOf(format: string): LineFormat {
  return (Object.hasOwn(named, format) ? named[format] : undefined) ?? templateOf(format);
}

/** What is wrong with the name or the template; null: nothing. */
export function formatFlaw(format: string): string | null {
  if (Object.hasOwn(named, format)) return null;
  const pieces = piecesOf(format);
  if (pieces === null) return 'a template in which each { has its } ({{ and }} stand for the braces themselves)';
  const unknown = pieces.find(({ name }) => name !== null && !Object.hasOwn(templateFields, name));
  if (unknown !== undefined) return `a template with these fields only: ${templateFieldNames.join(', ')}`;
  if (pieces.every(({ name }) => name === null) || /[^\x20-\x7e]/.test(format)) return formatForm;
  return null;
}

export const formatForm = `one of ${Object.keys(named).join(', ')}, or a template in ASCII such as {client} {status}`;

/** A field, or the text between two of them. */
interface Piece {
  readonly name: string | null;
  readonly text: string;
}

/** null: a brace stands alone. */
function piecesOf(template: string): readonly Piece[] | null {
  const pieces: Piece[] = [];
  for (const [part] of template.matchAll(/\{\{|\}\}|\{\w*\}|[^{}]+|[{}]/g)) {
    if (part === '{' || part === '}') return null;
    if (part === '{{' || part === '}}') pieces.push({ name: null, text: part.charAt(0) });
    else if (part.startsWith('{')) pieces.push({ name: part.slice(1, -1), text: '' });
    else pieces.push({ name: null, text: part });
  }
  return pieces;
}

function templateOf(template: string): LineFormat {
  const pieces = piecesOf(template) ?? [];
  const parts = pieces.map(({ name, text }) => (name === null ? text : (templateFields[name] ?? '')));
  return {
    format: (record) => {
      let line = '';
      for (const part of parts) line += typeof part === 'string' ? part : part(record);
      return line;
    },
    readsAgent: pieces.some(({ name }) => name === 'referer' || name === 'userAgent'),
  };
}

/** The Common Log Format. Its bytes are those of the whole response, head included. */
function formatCommon(r: ExchangeRecord): string {
  return (
    `${field(r.client)} - - [${clfTime(r.time)}] "${field(r.method)} ${field(r.target)} ${field(r.version)}" ` +
    `${r.status} ${r.bytesOut || '-'}`
  );
}

/** The Combined Log Format: with where the client came from, and which program it is. */
function formatCombined(r: ExchangeRecord): string {
  return `${formatCommon(r)} "${quoted(r.referer)}" "${quoted(r.userAgent)}"`;
}

/** The second of the last line, and its text, as in `timestamp`. */
let second = -1;
let secondText = '';

/** `01/Mar/2026:12:00:00 +0000` */
function clfTime(time: number): string {
  const whole = Math.floor(time / 1000);
  if (whole !== second) {
    second = whole;
    const [, day, month, year, clock] = new Date(whole * 1000).toUTCString().split(' ');
    secondText = `${day}/${month}/${year}:${clock} +0000`;
  }
  return secondText;
}
