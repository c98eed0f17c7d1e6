/** The result of an import: a config, and a note for every line that is not in it or is changed. */
import type { Loops } from './loops.ts';

export interface Imported {
  /** As a person would write it in limpet.yaml: fields as in docs/reference/config.md, without defaults. */
  readonly config: Readonly<Record<string, unknown>>;
  /** In the order of the file. A line that is not carried over and has no note is a bug. */
  readonly notes: readonly Note[];
  /** Addresses of listeners that the importer chose, because the file gives none that can be listened on. */
  readonly chosenListeners?: readonly string[];
}

export interface Note {
  /** In the file that was read, counted from 1. */
  readonly line: number;
  /** The line without white space around it. */
  readonly text: string;
  /** One sentence: why it is not carried over, or what is different now. */
  readonly why: string;
  /** left-out: nothing of it is in the config. changed: it is in the config, but not exactly. */
  readonly kind: 'left-out' | 'changed';
  /** Set when the service behaves differently without this line. */
  readonly concern?: Concern;
}

/**
 * In the order in which they are reported:
 * - open: clients that were refused, or asked for a password, are let through now.
 * - not-working: requests that were served are not served now, or reach another application.
 * - not-sticky: clients that stayed with one server do not stay with one now.
 */
export const concerns = ['open', 'not-working', 'not-sticky'] as const;
export type Concern = (typeof concerns)[number];

export const concernTitles: Readonly<Record<Concern, string>> = {
  open: 'OPEN NOW',
  'not-working': 'NOT WORKING',
  'not-sticky': 'NOT STICKY',
};

/**
 * Throws UsageError, with the line, for a text that is no config of that program. `loops`: what it must not write, found in
 * what it wrote before.
 */
export type Importer = (text: string, file: string, loops?: Loops) => Imported;

/** The kinds of config that can be read. Ingress and Gateway API are manifests of Kubernetes. */
export const importKinds = ['nginx', 'haproxy', 'ingress', 'gateway', 'traefik', 'caddy', 'envoy'] as const;
export type ImportKind = (typeof importKinds)[number];
