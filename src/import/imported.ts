/** What an importer makes of another balancer's config: a config of ours, and every line that it did not carry over. */

export interface Imported {
  /** As a person would write it in limpet.yaml: names of fields as in docs/reference/config.md, defaults left out. */
  readonly config: Readonly<Record<string, unknown>>;
  /** In the order of the file. A line that is neither in here nor carried over is a bug. */
  readonly notes: readonly Note[];
}

export interface Note {
  /** 1-based, in the file that was read. */
  readonly line: number;
  /** The line as it stands there, without white space around it. */
  readonly text: string;
  /** Why it is not carried over, or what about it is different now: one sentence. */
  readonly why: string;
  /** left-out: nothing of it is in the config. changed: it is, but not exactly. */
  readonly kind: 'left-out' | 'changed';
  /** What a person has to know before anything else; left out: the service is what it was. */
  readonly concern?: Concern;
}

/**
 * In the order in which they are told:
 * - open: who was refused or asked for a password before is let through now.
 * - not-working: requests that were served are not, or reach another application.
 * - not-sticky: clients that stayed with one server do not, or not yet.
 */
export const concerns = ['open', 'not-working', 'not-sticky'] as const;
export type Concern = (typeof concerns)[number];

export const concernTitles: Readonly<Record<Concern, string>> = {
  open: 'OPEN NOW',
  'not-working': 'NOT WORKING',
  'not-sticky': 'NOT STICKY',
};

/** The one that is told first. */
export function worse(a: Concern | undefined, b: Concern | undefined): Concern | undefined {
  return concerns.find((concern) => concern === a || concern === b);
}

/** Throws UsageError, with the line, for a text that is no config of that program at all. */
export type Importer = (text: string, file: string) => Imported;

/** Whose configs are read. Ingress and Gateway API are manifests of Kubernetes. */
export const importKinds = ['nginx', 'haproxy', 'ingress', 'gateway', 'traefik', 'caddy', 'envoy'] as const;
export type ImportKind = (typeof importKinds)[number];
