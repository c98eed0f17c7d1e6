/** The sites of a Caddyfile as routes, in their order, with warnings about requests that Caddy answered or refused itself. */
import { hostBreadth } from '../../config/host-pattern.ts';
import type { ConfigBuilder, Fields } from '../config-builder.ts';
import type { Directive } from '../directive.ts';
import type { DirectiveReport } from '../directive-report.ts';
import { canReach, type SiteReader, type Step } from './site-reader.ts';

export interface Site {
  readonly directive: Directive;
  readonly listener: string;
  readonly hosts: readonly string[];
  readonly steps: readonly Step[];
  readonly reader: SiteReader;
}

/** In the order of Caddy: exact hosts, then patterns, then sites for every host. */
export function addSites(
  sites: readonly Site[],
  builder: ConfigBuilder,
  globals: Fields,
  report: DirectiveReport,
): void {
  const steps = sites.flatMap(({ listener, hosts, steps: own, directive, reader }) =>
    own.flatMap((step) =>
      typeof step.when === 'string'
        ? hosts.map((host) => ({ step, host, listener, directive, reader }))
        : step.when.map((one) => ({
            step: { ...step, when: [one] },
            host: one.host,
            listener,
            directive,
            reader,
          })),
    ),
  );
  const sorted = steps.toSorted((a, b) => hostBreadth(a.host) - hostBreadth(b.host));
  const open = new Set(sites.filter(({ steps: own }) => own.some(({ kind }) => kind === 'proxy')));
  for (const { listener, reader } of open) {
    builder.listen(listener, globals);
    for (const { directive, concern, why } of reader.warnings) report.warn(directive, concern, why);
  }
  for (const [index, { step, listener, host }] of sorted.entries()) {
    const later = sorted.slice(index + 1).filter((one) => one.listener === listener);
    if (step.kind === 'proxy') {
      if (typeof step.when === 'string') continue;
      for (const match of step.when) builder.add({ ...match, listeners: [listener] }, step.pool);
      continue;
    }
    const next = later.map((one) => one.step);
    const goesOn = canReach(step, next);
    const where = whereOf(step, host);
    if (step.kind === 'refused' && goesOn) {
      const what = step.directive.name.startsWith('handle') ? 'what it does not serve' : 'what was refused';
      report.warn(step.directive, 'open', `${where}: ${what} goes to a server now`);
    } else if (step.kind === 'answered') {
      const was = step.directive.name === 'redir' ? 'redirected' : 'answered';
      const now = goesOn ? 'and a server gets it' : 'and nobody answers it';
      report.warn(step.directive, 'not-working', `${where}: it is not ${was} here any more, ${now}`);
    }
  }
  warnAboutFallThrough(sites, report);
}

function whereOf({ when, directive }: Step, host: string): string {
  const [one] = typeof when === 'string' ? [] : when;
  if (one === undefined) return directive.args[0] ?? '';
  return `${host === '' ? '*' : host}${one.path}${one.extensions.map((ending) => `*.${ending}`).join()}`;
}

/** In Caddy a host with a site uses no other site. Here a site for every host takes the requests that the first does not serve. */
function warnAboutFallThrough(sites: readonly Site[], report: DirectiveReport): void {
  for (const { directive, listener, hosts, steps } of sites) {
    if (hosts.includes('')) continue;
    const proxies = steps.filter(({ kind }) => kind === 'proxy');
    const whole = (host: string) =>
      proxies.some(
        ({ when }) =>
          typeof when !== 'string' &&
          when.some(
            (one) =>
              one.host === host &&
              one.path === '/' &&
              !one.exact &&
              one.methods.length === 0 &&
              one.extensions.length === 0,
          ),
      );
    const wide = sites.find(
      (one) => one.listener === listener && one.hosts.includes('') && one.steps.some(({ kind }) => kind === 'proxy'),
    );
    if (wide === undefined || proxies.length === 0 || hosts.every(whole)) continue;
    report.warn(directive, 'open', `what this site does not serve goes to the site of line ${wide.directive.line} now`);
  }
}
