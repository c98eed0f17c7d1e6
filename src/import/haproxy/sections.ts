/** The sections of a haproxy.cfg, with the lines that they inherit from `defaults`. */
import { UsageError } from '../../errors.ts';
import type { Concern } from '../imported.ts';
import type { LineReport } from './line-report.ts';
import type { Line } from './lines.ts';

/** A section that handles requests. */
export interface ProxySection {
  readonly kind: 'frontend' | 'backend' | 'listen';
  readonly name: string;
  readonly header: Line;
  /** Without the inherited lines. */
  readonly own: readonly Line[];
  /** The inherited lines come first, because the last line overrules the others. */
  readonly lines: readonly Line[];
}

export interface Sections {
  readonly global: readonly Line[];
  readonly proxies: readonly ProxySection[];
}

interface Section {
  readonly header: Line;
  readonly lines: Line[];
}

const proxyKinds: readonly string[] = ['frontend', 'backend', 'listen'];

/** Sections that are not about requests and servers, and why they are left out. */
const otherSections: ReadonlyMap<string, string> = new Map([
  [
    'peers',
    'it shares tables between nodes: a cookie of our own needs no sharing, learned sessions stay with one node',
  ],
  ['resolvers', 'names are resolved by the system'],
  ['mailers', 'no mail is sent'],
  ['userlist', 'passwords are not asked for here'],
  ['program', 'no other programs are started'],
  ['ring', 'logs are written to standard output'],
  ['log-forward', 'logs are not received'],
  ['log-profile', 'logs have the forms of log.access'],
  ['cache', 'nothing is cached'],
  ['http-errors', 'the pages of errors are our own'],
  ['fcgi-app', 'servers speak HTTP'],
  ['crt-store', 'TLS ends before us'],
  ['crt-list', 'TLS ends before us'],
  ['acme', 'TLS ends before us'],
  ['traces', 'it is for debugging HAProxy'],
]);

/** Throws UsageError if the text has no section of HAProxy, or a line before the first section. */
export function readSections(lines: readonly Line[], file: string, report: LineReport): Sections {
  const global: Line[] = [];
  const proxies: ProxySection[] = [];
  const named = new Map<string, readonly Line[]>();
  let latest: readonly Line[] = [];
  for (const { header, lines: own } of splitSections(lines, file, report)) {
    const [kind, name = ''] = header.words;
    const why = otherSections.get(kind);
    if (kind === 'global') {
      global.push(...own);
      // The header by itself has no meaning, like that of `defaults`.
      report.carry(header);
    } else if (kind === 'defaults') {
      latest = [...inherited(header, [], named, report), ...own];
      if (name !== '' && name !== 'from') named.set(name, latest);
      report.carry(header);
    } else if (why !== undefined) {
      for (const line of [header, ...own]) report.leaveOut(line, `section ${kind}: ${why}`);
    } else {
      const duplicate = proxies.find((other) => other.name === name && overlap(other.kind, kind));
      const reason =
        name === '' ? `a ${kind} needs a name` : `line ${duplicate?.header.number} has the name ${name} already`;
      if (name === '' || duplicate !== undefined) {
        for (const line of [header, ...own]) report.leaveOut(line, reason);
      } else {
        const lines = [...inherited(header, latest, named, report), ...own];
        proxies.push({ kind: kind as ProxySection['kind'], name, header, own, lines });
      }
    }
  }
  return { global, proxies };
}

/** Only a frontend and a backend may have the same name. */
function overlap(a: string, b: string): boolean {
  return a === b || a === 'listen' || b === 'listen';
}

function inherited(
  header: Line,
  latest: readonly Line[],
  named: ReadonlyMap<string, readonly Line[]>,
  report: LineReport,
): readonly Line[] {
  const at = header.words.indexOf('from', 1);
  const from = at < 0 ? undefined : header.words[at + 1];
  if (from === undefined) return latest;
  const found = named.get(from);
  if (found === undefined) report.change(header, `there is no defaults section "${from}" before it`);
  return found ?? [];
}

/** Leaves out lines with a variable, and lines under a condition: their meaning is not known. */
function splitSections(lines: readonly Line[], file: string, report: LineReport): Section[] {
  const sections: Section[] = [];
  let depth = 0;
  for (const line of lines) {
    const [word] = line.words;
    if (word.startsWith('.')) {
      if (word === '.if') depth++;
      else if (word === '.endif') depth = Math.max(0, depth - 1);
      report.leaveOut(line, 'conditions of the file are not evaluated');
    } else if (depth > 0) warnLost(line, 'it stands under a condition of the file, which is not evaluated', report);
    else if (proxyKinds.includes(word) || otherSections.has(word) || word === 'global' || word === 'defaults') {
      sections.push({ header: line, lines: [] });
    } else {
      const current = sections.at(-1);
      if (current === undefined) {
        throw new UsageError(
          `${file}:${line.number}: found "${line.text.slice(0, 60)}", expected a section of HAProxy (global, defaults, frontend, backend, listen)`,
        );
      }
      if (line.variable === '') current.lines.push(line);
      else
        warnLost(
          line,
          `it holds the environment variable ${line.variable}: put in its value, and import again`,
          report,
        );
    }
  }
  if (sections.length === 0) {
    throw new UsageError(
      `${file}:1: found no section of HAProxy, expected global, defaults, frontend, backend or listen`,
    );
  }
  return sections;
}

const lostConcerns: Readonly<Record<string, Concern>> = {
  ...Object.fromEntries(['http-request', 'tcp-request', 'block', 'http-response'].map((word) => [word, 'open'])),
  ...Object.fromEntries(
    ['bind', 'server', 'server-template', 'use_backend', 'default_backend', 'acl', 'frontend', 'backend', 'listen'].map(
      (word) => [word, 'not-working'],
    ),
  ),
  ...Object.fromEntries(['cookie', 'stick', 'balance', 'stick-table'].map((word) => [word, 'not-sticky'])),
};

function warnLost(line: Line, why: string, report: LineReport): void {
  const concern = lostConcerns[line.words[0]];
  if (concern === undefined) report.leaveOut(line, why);
  else report.warn(line, concern, why);
}
