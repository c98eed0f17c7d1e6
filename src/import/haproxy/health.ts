/** The health checks of the servers of a backend as one set for the pool. */
import { commonReasons } from '../common-reasons.ts';
import { isCheckPath, maxTimerMs, parseWhole, writeTime } from '../values.ts';
import type { Directives } from './directives.ts';
import type { Line } from './lines.ts';
import type { Server } from './server.ts';
import { parseTime } from './values.ts';

/** The defaults of HAProxy, which are those of Limpet too. */
const defaults = { interval: 2000, timeout: 1000, rise: 2, fall: 3 };

const otherChecks = [
  ...[
    'tcp-check',
    'mysql-check',
    'pgsql-check',
    'redis-check',
    'smtpchk',
    'ldap-check',
    'ssl-hello-chk',
    'external-check',
  ],
  'spop-check',
];

/** Returns undefined if the config needs no `health`. */
export function readHealth(directives: Directives, servers: readonly Server[]): Record<string, unknown> | undefined {
  const health = {
    ...readActive(directives, servers),
    ...readSlowStart(directives, servers),
    ...readPassive(directives, servers),
  };
  return Object.keys(health).length === 0 ? undefined : health;
}

function readActive(directives: Directives, servers: readonly Server[]): Record<string, unknown> {
  const { report } = directives;
  const probe = directives.option('httpchk');
  const [first] = servers.filter(({ options }) => options.has('check'));
  const lines = [
    ...directives.all('http-check'),
    ...directives.all('tcp-check'),
    ...(probe === undefined ? [] : [probe]),
  ];
  if (first === undefined) {
    for (const line of lines) report.leaveOut(line, 'no server of it is checked (check)');
    return {};
  }
  for (const server of servers) {
    if (!server.options.has('check')) report.change(server.line, 'it is checked like its peers');
    sameForAll(directives, first, server, ['inter', 'rise', 'fall']);
  }
  for (const name of otherChecks) {
    const line = directives.option(name);
    if (line === undefined) continue;
    if (name === 'tcp-check') report.carry(line);
    else report.change(line, 'a check connects by TCP and says nothing');
  }
  for (const line of directives.all('tcp-check')) report.leaveOut(line, 'a check connects by TCP and says nothing');
  const interval = Math.min(parseTime(first.options.get('inter')) || defaults.interval, maxTimerMs);
  const timeout = readTimeout(directives, interval);
  const [rise, fall] = [readCount(directives, first, 'rise'), readCount(directives, first, 'fall')];
  return {
    ...(probe === undefined ? { active: 'tcp' } : readProbe(directives, probe)),
    ...(interval !== defaults.interval && { interval: writeTime(interval, maxTimerMs) }),
    ...(timeout !== defaults.timeout && { timeout: writeTime(timeout, maxTimerMs) }),
    ...(rise !== defaults.rise && { rise }),
    ...(fall !== defaults.fall && { fall }),
    // HAProxy applies its checks even when they take all servers down.
    panicThreshold: 0,
  };
}

function sameForAll({ report }: Directives, first: Server, server: Server, names: readonly string[]): void {
  for (const name of names) {
    const [one, other] = [first.options.get(name), server.options.get(name)];
    if (one === other) continue;
    const value = one === undefined ? `the usual ${name}` : `${name} ${one}`;
    report.change(server.line, `${value} of line ${first.line.number} holds for the whole pool`);
  }
}

function readCount({ report }: Directives, { options, line }: Server, name: 'rise' | 'fall'): number {
  const count = parseWhole(options.get(name) ?? String(defaults[name]), 1, 100);
  if (count === null) report.change(line, `"${name} ${options.get(name)}" is no number from 1 to 100`);
  return count ?? defaults[name];
}

/** At most the interval, so that checks do not overlap. HAProxy limits it in the same way. */
function readTimeout(directives: Directives, interval: number): number {
  const line = directives.last('timeout', 'check');
  const wanted = line === undefined ? defaults.timeout : parseTime(line.words[2]);
  if (line !== undefined && !wanted)
    directives.report.leaveOut(line, `"${line.words[2] ?? ''}" is no time for a check`);
  else if (line !== undefined && wanted !== null && wanted > interval) {
    directives.report.change(line, commonReasons.checkTimeout);
  } else if (line !== undefined) directives.report.carry(line);
  return Math.min(wanted || defaults.timeout, interval);
}

function readProbe(directives: Directives, probe: Line): Record<string, unknown> {
  const { report } = directives;
  const words = probe.words.slice(2);
  // option httpchk [METHOD] URI [VERSION]; with the URI alone, or without arguments, the method is OPTIONS.
  let [method = '', path = '', version = ''] = words.length <= 1 ? ['OPTIONS', words[0] ?? '/'] : words;
  let host = /\nhost:[ \t]*([^\r\n]*)/i.exec(version)?.[1]?.trim() ?? '';
  for (const line of directives.all('http-check', 'send')) {
    const sent = readSend(line.words.slice(2));
    method = sent.method ?? method;
    path = sent.path ?? path;
    host = sent.host ?? host;
    if (sent.without.length === 0) report.carry(line);
    else report.change(line, `without ${sent.without.join(', ')}: there is no counterpart`);
  }
  report.carry(probe);
  if (method !== 'GET') report.change(probe, `it is asked with GET, not with ${method}`);
  if (!isCheckPath(path)) {
    report.change(probe, `"${path}" is no path, so / is asked for`);
    path = '/';
  }
  if (!/^[A-Za-z0-9._:[\]-]*$/.test(host)) {
    report.change(probe, `"${host}" is no host, so the address of the server is the Host of the check`);
    host = '';
  }
  for (const line of directives.all('http-check')) {
    if (!['send', 'expect'].includes(line.words[1] ?? ''))
      report.leaveOut(line, 'a check is one request and its answer');
  }
  return { path, ...(host !== '' && { host }), ...readExpected(directives) };
}

function readSend(words: readonly string[]) {
  const sent: { method?: string; path?: string; host?: string; without: string[] } = { without: [] };
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    const value = words[++at] ?? '';
    if (word === 'meth') sent.method = value;
    else if (word === 'uri') sent.path = value;
    else if (word === 'hdr') {
      const text = words[++at] ?? '';
      if (value.toLowerCase() === 'host') sent.host = text;
      else sent.without.push(`hdr ${value}`);
    } else if (word !== 'ver') sent.without.push(word);
  }
  return sent;
}

function readExpected(directives: Directives): Record<string, unknown> {
  const { report } = directives;
  const line = directives.last('http-check', 'expect');
  if (line === undefined) return {};
  const negated = line.words[2] === '!';
  const [kind = '', value = '', ...more] = line.words.slice(negated ? 3 : 2);
  const status =
    kind === 'status' ? value : (/^\^?\(?([1-5])(?:\[0-9\]\[0-9\]|\.\.|\\d\\d)?\)?\$?$/.exec(value)?.[1] ?? '');
  const whole = kind === 'rstatus' && status !== '' ? `${status}00-${status}99` : status;
  const range = negated ? others(whole) : whole;
  if (more.length === 0 && ['status', 'rstatus'].includes(kind) && isStatuses(range)) {
    report.carry(line);
    return { status: range };
  }
  if (!negated && kind === 'string' && value !== '' && more.length === 0) {
    report.carry(line);
    return { body: value };
  }
  const why = 'a check can expect statuses, or a text in the body: a server that fails this one takes requests here';
  report.warn(line, 'not-working', why);
  return {};
}

/** All statuses except these; '' if the text is no list of statuses. */
function others(text: string): string {
  if (!isStatuses(text)) return '';
  const pieces = text.split(',').map((piece) => piece.split('-').map(Number));
  const left: string[] = [];
  let from = 100;
  for (const [low = 0, high = low] of pieces.toSorted(([a = 0], [b = 0]) => a - b)) {
    if (low > from) left.push(low - 1 === from ? `${from}` : `${from}-${low - 1}`);
    from = Math.max(from, high + 1);
  }
  if (from <= 599) left.push(`${from}-599`);
  return left.join(',');
}

function isStatuses(text: string): boolean {
  return text.split(',').every((piece) => {
    const [, from = '', to = from] = /^([1-9][0-9]{2})(?:-([1-9][0-9]{2}))?$/.exec(piece) ?? [];
    return from !== '' && from <= to;
  });
}

function readSlowStart(directives: Directives, servers: readonly Server[]): Record<string, unknown> {
  const first = servers.find(({ options }) => parseTime(options.get('slowstart')));
  if (first === undefined) return {};
  for (const server of servers) sameForAll(directives, first, server, ['slowstart']);
  return { slowStart: writeTime(parseTime(first.options.get('slowstart')) ?? 0, maxTimerMs) };
}

/** `observe`: errors of requests count as failed checks. */
function readPassive({ report }: Directives, servers: readonly Server[]): Record<string, unknown> {
  const first = servers.find(({ options }) => ['layer4', 'layer7'].includes(options.get('observe') ?? ''));
  if (first === undefined) return {};
  const limit = parseWhole(first.options.get('error-limit') ?? '10', 1, 1000) ?? 10;
  report.change(
    first.line,
    'a server with that many errors is out for a second, and longer each further time (observe)',
  );
  const layer7 = first.options.get('observe') === 'layer7';
  return { passive: { connectErrors: limit, ...(layer7 && { serverErrors: limit }) } };
}
