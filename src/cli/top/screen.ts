/** The screen of `limpet top` as lines of text: exactly as many, and as wide, as the terminal has room for. */
import { styleText } from 'node:util';
import { nameOf, stateOf } from '../server-words.ts';
import type { TopModel, TopServer } from './model.ts';

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

type Style = Parameters<typeof styleText>[0];
export type Paint = (style: Style, text: string) => string;

export const plain: Paint = (_style, text) => text;
export const coloured: Paint = (style, text) => styleText(style, text, { validateStream: false });

interface Column {
  readonly name: string;
  readonly width: number;
  readonly isText?: true;
  readonly text: (server: TopServer) => string;
}

const meterWidth = 12;
const shownMessages = 4;
/** Lines beside the servers: title, figures, a blank one, the head of the table; a blank one, messages, keys. */
const otherLines = 4 + 1 + shownMessages + 1;

/** Servers that are seen at once. */
export function serverRows({ rows }: ScreenSize): number {
  return Math.max(1, rows - otherLines);
}

export function drawScreen(model: TopModel, size: ScreenSize, now: number, paint: Paint): string[] {
  const shown = model.shown();
  const selection = model.selection(shown);
  const page = serverRows(size);
  // The selected one stays in the middle where it can.
  const first = Math.max(0, Math.min(shown.length - page, selection - Math.floor(page / 2)));
  const columns = columnsFor(shown, size.columns);
  const most = shown.reduce((sum, { sessions }) => Math.max(sum, sessions.live), 0);
  const visible = shown.slice(first, first + page);
  const lines = [
    title(model, size, now, paint),
    figures(model, size, paint),
    '',
    paint(
      'bold',
      cut(`  ${columns.map(({ name, width, isText }) => align(name, width, isText)).join('  ')}`, size.columns),
    ),
    ...visible.map((server, i) => serverLine(server, first + i === selection, columns, most, size, paint)),
  ];
  if (shown.length === 0)
    lines.push(paint('dim', model.status === null ? '  asking the balancer ...' : '  no server matches'));
  while (lines.length < 4 + page) lines.push('');
  const messages = model.messages.slice(-shownMessages);
  lines.push('', ...messages.map((text) => paint('dim', cut(text, size.columns))));
  while (lines.length < size.rows - 1) lines.push('');
  return [...lines.slice(0, size.rows - 1), keysLine(model, shown.length, size, paint)];
}

function title({ status, trouble }: TopModel, { columns }: ScreenSize, now: number, paint: Paint): string {
  if (trouble !== '') return paint(['red', 'bold'], cut(`limpet: ${trouble}`, columns));
  if (status === null) return paint('bold', 'limpet');
  const facts = [
    `limpet ${status.version}`,
    status.runtime,
    `${status.workers.length} workers`,
    `up ${span(now - Date.parse(status.startedAt))}`,
    status.store === null ? 'no store' : `store ${status.store.kind}`,
  ];
  const clock = new Date(now).toTimeString().slice(0, 8);
  return paint('bold', spread(facts.join('  '), clock, columns));
}

function figures({ status, rates }: TopModel, { columns }: ScreenSize, paint: Paint): string {
  if (status === null) return '';
  const { live, copied } = status.sessions;
  const parts: [text: string, style: Style | null][] = [
    [`${live} sessions, ${percent(copied, live)} copied`, null],
    [rates === null ? '' : `${figure(rates.requests)} requests/s`, null],
    [rates === null ? '' : `${figure(rates.responses_5xx)} errors/s`, (rates?.responses_5xx ?? 0) > 0 ? 'red' : null],
    [rates === null ? '' : `${figure(rates.sessions_moved)} moved/s`, (rates?.sessions_moved ?? 0) > 0 ? 'cyan' : null],
    [rates === null ? '' : `${figure(rates.rebinds)} rescued/s`, (rates?.rebinds ?? 0) > 0 ? 'magenta' : null],
  ];
  let room = columns;
  return parts
    .filter(([text]) => text !== '' && (room -= text.length + 3) >= 0)
    .map(([text, style]) => (style === null ? text : paint(style, text)))
    .join('   ');
}

/** As many as there is room for; the first ones always. */
function columnsFor(shown: readonly TopServer[], width: number): Column[] {
  const names = shown.reduce((most, server) => Math.max(most, nameOf(server).length), 'server'.length);
  const all: Column[] = [
    { name: 'server', width: Math.min(names, Math.max(12, Math.floor(width / 3))), isText: true, text: nameOf },
    { name: 'state', width: 13, isText: true, text: stateOf },
    { name: 'sessions', width: 8, text: ({ sessions }) => String(sessions.live) },
    { name: 'uncopied', width: 8, text: ({ sessions }) => String(sessions.uncopied) },
    { name: 'in flight', width: 9, text: ({ inflight }) => String(inflight) },
    { name: '', width: meterWidth, isText: true, text: () => '' },
    { name: 'streams', width: 7, text: ({ streams }) => String(streams) },
    { name: 'tunnels', width: 7, text: ({ tunnels }) => String(tunnels) },
    { name: 'weight', width: 6, text: ({ weight }) => String(weight) },
    { name: 'address', width: 21, isText: true, text: ({ address }) => address },
  ];
  let room = width - 2;
  return all.filter(({ width: needed }, i) => (room -= needed + 2) >= -2 || i < 3);
}

function serverLine(
  server: TopServer,
  isSelected: boolean,
  columns: readonly Column[],
  most: number,
  size: ScreenSize,
  paint: Paint,
): string {
  const cells = columns.map(({ name, width, isText, text }) =>
    name === '' ? meter(server, most) : align(text(server), width, isText),
  );
  const line = cut(`${isSelected ? '>' : ' '} ${cells.join('  ')}`, size.columns);
  if (isSelected) return paint('inverse', line.padEnd(size.columns));
  if (server.state === 'down') return paint('red', line);
  return server.state === 'draining' ? paint('yellow', line) : line;
}

/** Sessions with a copy as full blocks, those without as pale ones. */
function meter({ sessions }: TopServer, most: number): string {
  if (most === 0) return ' '.repeat(meterWidth);
  const full = Math.round((sessions.copied / most) * meterWidth);
  const all = Math.max(full, Math.round((sessions.live / most) * meterWidth));
  return `${'█'.repeat(full)}${'░'.repeat(all - full)}`.padEnd(meterWidth);
}

function keysLine(model: TopModel, many: number, { columns }: ScreenSize, paint: Paint): string {
  const { question, filter, isTyping, sort } = model;
  if (question !== null) {
    const { server, action } = question;
    const { copied, uncopied } = server.sessions;
    const effect =
      action === 'ready'
        ? 'it gets new sessions again'
        : `${copied} sessions can move, ${uncopied} have no copy and stay`;
    return paint(
      ['bold', 'inverse'],
      cut(` ${action} ${nameOf(server)}? ${effect}   y: yes, any other key: no `, columns),
    );
  }
  if (isTyping) return cut(`filter: ${filter}_   Enter: keep it, Escape: all servers`, columns);
  const found = filter === '' ? `${many} servers` : `${many} servers with "${filter}"`;
  return paint(
    'dim',
    spread('arrows select  d drain  r ready  s sort  / filter  q quit', `${found}, by ${sort}`, columns),
  );
}

/** One at the left end of the line, and one at its right end when both have room. */
function spread(left: string, right: string, columns: number): string {
  const gap = columns - left.length - right.length;
  return gap < 2 ? cut(left, columns) : `${left}${' '.repeat(gap)}${right}`;
}

function align(text: string, width: number, isText = false): string {
  const short = cut(text, width);
  return isText ? short.padEnd(width) : short.padStart(width);
}

/** What servers are called is not ours: no byte of it reaches the terminal as a command. */
function cut(text: string, width: number): string {
  const clean = text.replace(/[\x00-\x1f\x7f-\x9f]/g, '?');
  return clean.length <= width ? clean : `${clean.slice(0, Math.max(0, width - 1))}…`;
}

function figure(value: number): string {
  return value > 0 && value < 10 ? value.toFixed(1) : String(Math.round(value));
}

function percent(part: number, whole: number): string {
  return whole === 0 ? '0%' : `${Math.round((100 * part) / whole)}%`;
}

function span(ms: number): string {
  const minutes = Math.max(0, Math.floor(ms / 60_000));
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d`;
}
