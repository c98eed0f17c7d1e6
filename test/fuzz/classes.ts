/**
 * Where our head reader and node:http's parser answer differently on purpose, and why. A disagreement that
 * no class explains is a bug of ours, until somebody has read the RFC and added the class with its section.
 * The conditions look at the bytes, not at our reader, so that a wrong refusal cannot explain itself.
 */
import { METHODS } from 'node:http';

/** `accepts`, `waits` for more bytes, or the fault code (ours) or `HPE_...: reason` (node's). */
export type Verdict = string;

export interface Disagreement {
  /** The head, latin1. */
  readonly text: string;
  readonly ours: Verdict;
  readonly node: Verdict;
}

export interface DisagreementClass {
  readonly name: string;
  readonly why: string;
  readonly ours: RegExp;
  readonly node: RegExp;
  readonly holds: (text: string) => boolean;
}

/** Node takes it, or would with more bytes. */
const lenient = /^(?:accepts|waits)$/;

/** Values of all headers of a name. */
function values(text: string, name: string): string[] {
  const head = text.replace(/^(?:\r\n)+/, '').split('\r\n\r\n', 1)[0] ?? '';
  return head.split('\r\n').flatMap((line, i) => {
    const colon = line.indexOf(':');
    if (i === 0 || line.slice(0, colon).toLowerCase() !== name) return [];
    return [line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')];
  });
}

/** Method, target and version, parted by single spaces; undefined when the first line is not that. */
function firstLine(text: string): { method: string; target: string; version: string } | undefined {
  const match = /^(?:\r\n)*([^ \r\n]+) ([^ \r\n]+) (HTTP\/\d\.\d)\r\n/.exec(text);
  return match === null ? undefined : { method: match[1] ?? '', target: match[2] ?? '', version: match[3] ?? '' };
}

function isHost(value: string): boolean {
  return /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%-]+)(?::\d*)?$/.test(value);
}

function isTarget(method: string, target: string): boolean {
  if (!/^[!-~]+$/.test(target) || target.includes('#')) return false;
  if (target.startsWith('/')) return true;
  if (target === '*') return method === 'OPTIONS';
  const authority = /^https?:\/\/([^/?]*)/i.exec(target)?.[1];
  return authority !== undefined && isHost(authority);
}

/** Node's list without RTSP's and Icecast's own, which it takes for other protocols only. */
function isNodeMethod(method: string): boolean {
  return METHODS.includes(method) && method !== 'SOURCE';
}

export const classes: readonly DisagreementClass[] = [
  {
    name: 'host missing',
    why: 'node checks it above the parser; RFC 9112 section 3.2',
    ours: /^host-missing$/,
    node: lenient,
    holds: (text) => values(text, 'host').length === 0,
  },
  {
    name: 'host repeated',
    why: 'node checks it above the parser; RFC 9112 section 3.2',
    ours: /^host-repeated$/,
    node: lenient,
    holds: (text) => values(text, 'host').length > 1,
  },
  {
    name: 'host malformed',
    why: 'node takes any value; RFC 9110 section 7.2: uri-host with an optional port',
    ours: /^bad-host$/,
    node: lenient,
    holds: (text) => values(text, 'host').some((value) => !isHost(value)),
  },
  {
    name: 'HTTP/1.0 body without length',
    why: 'node reads no body; RFC 1945 section 7.2.2 asks for 400, RFC 9110 section 15.5.12 has 411',
    ours: /^length-required$/,
    node: lenient,
    holds: (text) => {
      const first = firstLine(text);
      const body = values(text, 'content-length').length + values(text, 'transfer-encoding').length === 0;
      return body && first?.version === 'HTTP/1.0' && /^(?:POST|PUT|PATCH)$/.test(first.method);
    },
  },
  {
    name: 'expectation unknown',
    why: 'node checks it above the parser; RFC 9110 section 10.1.1',
    ours: /^expect-unknown$/,
    node: lenient,
    holds: (text) =>
      values(text, 'expect')
        .map((value) => value.toLowerCase())
        .join('\n') !== '100-continue',
  },
  {
    name: 'transfer coding in HTTP/1.0',
    why: 'node takes it; RFC 9112 section 6.1: the framing is faulty',
    ours: /^bad-transfer-encoding$/,
    node: lenient,
    holds: (text) => firstLine(text)?.version === 'HTTP/1.0' && values(text, 'transfer-encoding').length > 0,
  },
  {
    name: 'transfer coding other than one chunked',
    why: 'node refuses some only when the body begins, and takes others; RFC 9112 section 6.1',
    ours: /^(?:bad-transfer-encoding|encoding-unknown)$/,
    node: lenient,
    holds: (text) =>
      values(text, 'transfer-encoding')
        .map((value) => value.toLowerCase())
        .join('\n') !== 'chunked',
  },
  {
    name: 'tab behind chunked',
    why: 'node refuses it when the body begins; RFC 9110 section 5.5: the tab is not part of the value',
    ours: /^accepts$/,
    node: /^HPE_INVALID_TRANSFER_ENCODING/,
    holds: (text) => /\ntransfer-encoding:[ \t]*chunked[ \t]*\t[ \t]*\r\n/i.test(text),
  },
  {
    name: 'target',
    why: 'node takes fragments, other schemes, userinfo, any `*` and authority; RFC 9112 section 3.2',
    ours: /^bad-target$/,
    node: lenient,
    holds: (text) => {
      const match = /^(?:\r\n)*([^ ]+) ([^ ]*)/.exec(text);
      return match !== null && !isTarget(match[1] ?? '', match[2] ?? '');
    },
  },
  {
    name: 'CONNECT and TRACE',
    why: 'node has them; RFC 9110 sections 9.3.6 and 9.3.8: a gateway need not',
    ours: /^method-refused$/,
    node: lenient,
    holds: (text) => /^(?:\r\n)*(?:CONNECT|TRACE) /.test(text),
  },
  {
    name: 'version',
    why: 'node takes 0.9 and 2.0 written in full; RFC 9112 section 2.3',
    ours: /^bad-version$/,
    node: lenient,
    holds: (text) => /^[^\n]* HTTP\/(?:0\.9|2\.0)(?:\r|$)/m.test(text),
  },
  {
    name: 'later minor versions',
    why: 'node refuses HTTP/1.2 and later; RFC 9110 section 2.5: they are read as the latest that is known',
    ours: lenient,
    node: /^HPE_INVALID_VERSION/,
    holds: (text) => /^[^\n]* HTTP\/1\.[2-9](?:\r|$)/m.test(text),
  },
  {
    name: 'HTTP/0.9',
    why: 'node takes a line without version; RFC 9112 section 2.3: HTTP/1 names its version',
    ours: /^(?:bad-request-line|bad-target|bad-version)$/,
    node: lenient,
    holds: (text) => /^[\r\n]*[A-Z-]+ +[^ \r\n]+[\r\n]/.test(text),
  },
  {
    name: 'other protocols',
    why: 'node reads RTSP and Icecast too; RFC 9112 section 2.3: HTTP-name',
    ours: /^bad-request-line$/,
    node: lenient,
    holds: (text) => /^(?:\r\n)*[A-Z-]+ +[^ \r\n]+ +(?:RT?S?P?\b|IC?E?\b)/.test(text),
  },
  {
    name: 'empty lines before the request',
    why: 'node skips any CR and LF; RFC 9112 section 2.2 asks for one CR LF, and a bare one is refused',
    ours: /^(?:bad-request-line|bare-line-feed)$/,
    node: lenient,
    holds: (text) => /^(?:\r\n)*(?:\n|\r[^\n])/.test(text),
  },
  {
    name: 'several spaces in the request line',
    why: 'node skips them; RFC 9112 section 3: single SP',
    ours: /^bad-request-line$/,
    node: lenient,
    holds: (text) => /^(?:\r\n)*[A-Z-]+(?: {2,}| \S+ {2,})/.test(text),
  },
  {
    name: 'Content-Length of more than 16 digits',
    why: 'node counts to 2^64; we count to 2^53 exactly, and longer numbers overflow somewhere',
    ours: /^bad-content-length$/,
    node: lenient,
    holds: (text) => values(text, 'content-length').some((value) => /^\d{16,}$/.test(value)),
  },
  {
    name: 'method that node does not know',
    why: 'node has a list; RFC 9110 section 9.1: any token may be a method',
    ours: /^accepts$/,
    node: /^(?:HPE_INVALID_(?:METHOD|CONSTANT|VERSION)|waits$)/,
    holds: (text) => {
      const method = /^(?:\r\n)*([!#$%&'*+.^_`|~\w-]+) /.exec(text)?.[1];
      return method !== undefined && !isNodeMethod(method);
    },
  },
  {
    name: 'refused before the end',
    why: 'we look at some things only when the head is whole, node at each byte',
    ours: /^waits$/,
    node: /^HPE_/,
    holds: (text) => !text.replace(/^\r\n/, '').includes('\r\n\r\n'),
  },
];

export function explain({ text, ours, node }: Disagreement): DisagreementClass | undefined {
  return classes.find((one) => one.ours.test(ours) && one.node.test(node) && one.holds(text));
}
