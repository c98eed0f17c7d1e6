/** Hosts as routes match them: `shop.example.org`, `*.example.org` for all below it, and '' for any. */

/** Every host that `narrow` matches is matched by `wide`. */
export function holdsHost(wide: string, narrow: string): boolean {
  return wide === '' || wide === narrow || (wide.startsWith('*.') && narrow.endsWith(wide.slice(1)));
}

/** What both match; null: nothing. */
export function narrowerHost(a: string, b: string): string | null {
  if (holdsHost(b, a)) return a;
  return holdsHost(a, b) ? b : null;
}

/** Some host is matched by both. */
export function hostsMeet(a: string, b: string): boolean {
  return narrowerHost(a, b) !== null;
}

/** To sort by, the narrowest first: 0 for one host, then wildcards, the longer before the shorter, then any. */
export function hostBreadth(host: string): number {
  if (host === '') return 1000;
  return host.startsWith('*.') ? 999 - host.length : 0;
}
