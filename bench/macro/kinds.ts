/** What a table shows: its columns, and the one figure that rivals are compared by. Lower is better in all of them. */
import type { Figure } from './workload.ts';

export interface Column {
  readonly title: string;
  readonly figure: Figure;
  /** Divides the figure; default 1. */
  readonly unit?: number;
  readonly digits: number;
  /** The lowest and the highest round in a column of their own. */
  readonly spread?: boolean;
}

export interface Kind {
  /** The first column; ratios against rivals are of its figure. */
  readonly headline: Column;
  readonly columns: readonly Column[];
}

const latency: readonly Column[] = [
  { title: 'p50 ms', figure: 'p50', digits: 2 },
  { title: 'p99 ms', figure: 'p99', digits: 2 },
  { title: 'p99.9 ms', figure: 'p999', digits: 2 },
];
const split: readonly Column[] = [
  { title: 'user', figure: 'user', digits: 1 },
  { title: 'system', figure: 'system', digits: 1 },
];
const busy: Column = { title: 'cores busy %', figure: 'busy', unit: 0.01, digits: 0 };
const memory: Column = { title: 'RSS MB', figure: 'resident', unit: 1e6, digits: 1 };

export const requests: Kind = {
  headline: { title: 'CPU us/req', figure: 'total', digits: 1, spread: true },
  columns: [
    ...split,
    { title: 'req/CPU s', figure: 'perCpuSecond', digits: 0 },
    { title: 'req/s', figure: 'perSecond', digits: 0, spread: true },
    busy,
    ...latency,
    memory,
  ],
};

export const handshakes: Kind = {
  headline: { title: 'CPU us/handshake', figure: 'total', digits: 1, spread: true },
  columns: [
    ...split,
    { title: 'handshakes/CPU s', figure: 'perCpuSecond', digits: 0 },
    { title: 'handshakes/s', figure: 'perSecond', digits: 0, spread: true },
    busy,
    ...latency.slice(0, 2),
    memory,
  ],
};

export const bytes: Kind = {
  headline: { title: 'CPU us/MB', figure: 'total', digits: 0, spread: true },
  columns: [
    ...split.map((column) => ({ ...column, digits: 0 })),
    { title: 'GB/CPU s', figure: 'perCpuSecond', unit: 1000, digits: 2 },
    { title: 'GB/s', figure: 'perSecond', unit: 1000, digits: 2, spread: true },
    busy,
    memory,
  ],
};

export const messages: Kind = {
  headline: { title: 'CPU us/message', figure: 'total', digits: 1, spread: true },
  columns: [...split, { title: 'messages/s', figure: 'perSecond', digits: 0, spread: true }, busy, ...latency, memory],
};

export const latencies: Kind = {
  headline: { title: 'p99 ms', figure: 'p99', digits: 2, spread: true },
  columns: [
    ...latency.filter(({ figure }) => figure !== 'p99'),
    { title: 'req/s', figure: 'perSecond', digits: 0 },
    busy,
    { title: 'CPU us/req', figure: 'total', digits: 1 },
  ],
};

export const idle: Kind = {
  headline: { title: 'bytes/connection', figure: 'perConnection', digits: 0, spread: true },
  columns: [memory],
};

export const growth: Kind = {
  headline: { title: 'RSS MB after 10 M', figure: 'late', unit: 1e6, digits: 1, spread: true },
  columns: [
    { title: 'after 100 k', figure: 'early', unit: 1e6, digits: 1 },
    { title: 'growth', figure: 'growth', unit: 1e6, digits: 1 },
  ],
};
