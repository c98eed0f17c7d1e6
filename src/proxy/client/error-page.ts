/**
 * The body of an error response, in the form that the client asked for: a short page for people, JSON for programs, a line of text for
 * the rest. It says what the fault says, and nothing about servers, addresses or code.
 */
import { type Fault, retryAfterOf } from '../../errors.ts';
import { longestRequestId } from '../../http/request-id.ts';
import { http } from '../../node-http.ts';

export interface ErrorBody {
  /** For Content-Type. */
  readonly type: string;
  readonly body: Buffer;
}

type Kind = 'text' | 'html' | 'json';

interface Form {
  readonly kind: Kind;
  readonly media: string;
  readonly type: string;
  readonly write: (fault: Fault, requestId: string) => string;
}

/** In order of preference when the client has none: a program that says nothing gets text. */
const forms: readonly Form[] = [
  { kind: 'text', media: 'text/plain', type: 'text/plain; charset=utf-8', write: writeText },
  { kind: 'html', media: 'text/html', type: 'text/html; charset=utf-8', write: writePage },
  { kind: 'json', media: 'application/json', type: 'application/json', write: writeJson },
];

/** An error storm must not cost more than the traffic it replaces: each body is made once. */
const made = new WeakMap<Fault, Partial<Record<Kind, ErrorBody>>>();

/**
 * `accept` is the request's Accept (several lines joined by commas), null without one. The body is shared: only
 * read it. With a request id it is made anew. A fault that is not in the registry (a
 * status of the user's choice) should be one lasting object.
 */
export function errorBody(fault: Fault, accept: string | null, requestId = ''): ErrorBody {
  const form = preferredForm(accept);
  if (requestId !== '') return build(form, fault, requestId.slice(0, longestRequestId));
  let bodies = made.get(fault);
  if (bodies === undefined) made.set(fault, (bodies = {}));
  return (bodies[form.kind] ??= build(form, fault, ''));
}

/** The header lines of an error response with this body. `date` as HTTP writes it. */
export function errorLines(fault: Fault, { type, body }: ErrorBody, date: string): string {
  const retryAfter = retryAfterOf(fault);
  const lines = `Content-Type: ${type}\r\nContent-Length: ${body.length}\r\nDate: ${date}\r\nCache-Control: no-store\r\nLimpet-Reason: ${fault.code}\r\n`;
  return retryAfter > 0 ? `${lines}Retry-After: ${retryAfter}\r\n` : lines;
}

function build(form: Form, fault: Fault, requestId: string): ErrorBody {
  return { type: form.type, body: Buffer.from(form.write(fault, requestId)) };
}

/** Elements of Accept that count; what stands behind them does not. Browsers send eight. */
const maxRanges = 32;

/** One element of Accept. */
interface Range {
  readonly media: string;
  readonly quality: number;
  readonly position: number;
}

/**
 * RFC 9110 section 12.5.1: for each form the most specific range that matches gives its quality. The highest quality wins, then what was
 * named in full, then what was named first. When nothing is acceptable it is text, because the client must get the error all the same.
 */
function preferredForm(accept: string | null): Form {
  const ranges = accept === null ? [] : accept.split(',', maxRanges).map(readRange);
  let best = forms[0]!;
  let bestRank: readonly number[] = [0, 0, 0];
  for (const form of forms) {
    const rank = rankOf(form, ranges);
    if (rank[0] !== 0 && isHigher(rank, bestRank)) {
      best = form;
      bestRank = rank;
    }
  }
  return best;
}

/** Quality, specificity (3 to 1), and how early it stands; all 0 when no range matches. */
function rankOf({ media }: Form, ranges: readonly Range[]): readonly number[] {
  let rank: readonly number[] = [0, 0, 0];
  for (const range of ranges) {
    const specificity = specificityFor(range.media, media);
    if (specificity > (rank[1] ?? 0)) rank = [range.quality, specificity, -range.position];
  }
  return rank;
}

function specificityFor(range: string, media: string): number {
  if (range === media) return 3;
  // application/problem+json and its kin: whoever reads those reads JSON.
  if (media === 'application/json' && range.startsWith('application/') && range.endsWith('+json')) return 3;
  if (range === `${media.slice(0, media.indexOf('/'))}/*`) return 2;
  return range === '*/*' ? 1 : 0;
}

function isHigher(rank: readonly number[], than: readonly number[]): boolean {
  const differs = rank.findIndex((value, at) => value !== than[at]);
  return differs >= 0 && (rank[differs] ?? 0) > (than[differs] ?? 0);
}

const qualityValue = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;
/** Parts of an element that count: the media type and its parameters. */
const maxParts = 8;

/** `text/html;level=1;q=0.4`; a quality that is not well formed makes the range count for nothing. */
function readRange(element: string, position: number): Range {
  const [media = '', ...parameters] = element.split(';', maxParts).map((part) => part.trim().toLowerCase());
  const quality = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? '1';
  return { media, quality: qualityValue.test(quality) ? Number(quality) : 0, position };
}

function phraseOf(status: number): string {
  return http.STATUS_CODES[status] ?? 'Error';
}

function writeText(fault: Fault, requestId: string): string {
  const reference = requestId === '' ? '' : `Request ${printable(requestId)}\n`;
  return `${fault.status} ${phraseOf(fault.status)} (${fault.code})\n${fault.text}\n${reference}`;
}

function writeJson(fault: Fault, requestId: string): string {
  const { code, status, text } = fault;
  const reference = requestId === '' ? {} : { requestId };
  return `${JSON.stringify({ error: code, status, message: text, ...reference })}\n`;
}

function writePage(fault: Fault, requestId: string): string {
  const title = `${fault.status} ${phraseOf(fault.status)}`;
  const advice = fault.status >= 502 ? ' Please try again in a moment.' : '';
  const reference = requestId === '' ? '' : ` &middot; ${escapeHtml(requestId)}`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${escapeHtml(title)}</title>
<style>
:root { color-scheme: light dark; --ink: #23302f; --soft: #64716f; --ground: #f4f6f4; --shell: #2f7f79 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ecea; --soft: #93a19e; --ground: #151a1a; --shell: #62b5ad } }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--ground); color: var(--ink);
  font: 1.05rem/1.55 system-ui, sans-serif }
main { max-width: 30rem; padding: 2rem }
svg { width: 4.5rem; fill: none; stroke: var(--shell); stroke-width: 3; stroke-linecap: round; stroke-linejoin: round }
h1 { margin: .6rem 0 .4rem; font-size: 1.6rem; line-height: 1.25 }
p { margin: 0 }
small { display: block; margin-top: 1.6rem; color: var(--soft); overflow-wrap: anywhere }
</style>
<main>
<svg viewBox="0 0 72 44" aria-hidden="true"><path d="M6 40h60M12 40C16 20 28 6 36 6s20 14 24 34M36 6v34M36 6 24 40M36 6l12 34"/></svg>
<h1>${escapeHtml(phraseOf(fault.status))}</h1>
<p>${escapeHtml(fault.text)}${advice}</p>
<small>${fault.status} &middot; ${escapeHtml(fault.code)}${reference}</small>
</main>
</html>
`;
}

const htmlEscapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return printable(text).replace(/[&<>"']/g, (char) => htmlEscapes[char] ?? '');
}

/** Without control characters: a line of text stays a line, a terminal gets no command. */
function printable(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/g, '?');
}
