/** Warns about rules that refuse, redirect or rewrite requests, because none of them is carried over. */

import type { Concern } from '../imported.ts';
import type { LineReport } from './line-report.ts';
import type { Line } from './lines.ts';
import type { ProxySection } from './sections.ts';

const refusing = new Set(['deny', 'reject', 'tarpit', 'auth', 'silent-drop']);
const rewriting = new Set(
  'set-path replace-path set-pathq replace-pathq set-uri replace-uri set-query set-method set-dst set-dst-port'.split(
    ' ',
  ),
);
/** Headers that identify the user to an application. A client must not be able to set them. */
const identifying = /(?:user|auth|client|cert|\bdn\b|role|group|secret|token|ssl|internal|real-ip)/i;
const ownHeaders = /^(?:x-forwarded-(?:for|proto|host|port|by|server)|forwarded)$/i;

/** `section`: one that requests go through. */
export function warnAboutAccess({ kind, name, lines }: ProxySection, report: LineReport): void {
  for (const line of lines) {
    // A redirect to https is carried over.
    const found = report.isCarried(line) ? null : concernOf(line, `${kind} ${name}`);
    if (found !== null) report.warn(line, found.concern, found.why);
  }
}

function concernOf({ words }: Line, where: string): { readonly concern: Concern; readonly why: string } | null {
  const [first, second = '', third = '', fourth = ''] = words;
  const open = (what: string) => ({ concern: 'open' as const, why: `${what} in ${where}: do it before or behind` });
  const lost = (what: string) => ({
    concern: 'not-working' as const,
    why: `${what} in ${where}: do it before or behind`,
  });
  if (first === 'block') return open('requests are not refused here, so that any client gets through');
  if (first === 'redirect') return lost('no request is redirected here: it reaches a server instead');
  if (first === 'monitor-uri') return lost(`no path answers by itself here: ${second} reaches a server instead`);
  if (/^(?:req|rsp)i?(?:deny|tarpit)$/.test(first))
    return open('nothing is refused here, so that any client gets through');
  if (/^reqi?(?:rep|pass)$/.test(first))
    return lost('requests are passed on as they come: a server sees another path or header');
  if (first === 'tcp-request') {
    const action = second === 'inspect-delay' ? '' : third;
    if (action === 'reject' || action === 'silent-drop')
      return open('connections are not refused here, so that any client gets through');
    if (action === 'expect-proxy') return lost('PROXY lines are not read here, and a client that sends one gets 400');
    return null;
  }
  if (first === 'http-response') return second === 'deny' ? open('no response is held back here') : null;
  if (first !== 'http-request') return null;
  if (second === 'auth') return open('no password is asked for here, so that any client gets through');
  if (refusing.has(second)) return open('requests are not refused here, so that any client gets through');
  if (second === 'return') {
    const status = words[words.indexOf('status') + 1] ?? '';
    return words.includes('status') && /^[45]/.test(status)
      ? open('requests are not refused here, so that any client gets through')
      : lost('only servers answer here: the request reaches one instead');
  }
  if (second === 'redirect') return lost('no request is redirected here: it reaches a server instead');
  if (second === 'use-service') return lost('only servers answer here: the request reaches one instead');
  if (rewriting.has(second)) return lost('requests are passed on as they come: a server sees another path or method');
  const name = second === 'del-header' || second === 'set-header' || second === 'replace-header' ? third : '';
  if (second === 'set-header' && /^host$/i.test(name))
    return lost('requests are passed on as they come: a server sees another Host');
  if (name !== '' && identifying.test(name) && !ownHeaders.test(name) && fourth !== '-m')
    return open(`headers are passed on as they come, so that any client can say ${name}`);
  return null;
}
