/** Which view is open, kept in the address after the #, so that it can be linked to and the Back button works. */
import { signal } from '@preact/signals';

export const viewNames = ['overview', 'servers', 'sessions', 'explain', 'events'] as const;
export type ViewName = (typeof viewNames)[number];

export interface Route {
  readonly view: ViewName;
  /** `#/servers/POOL/SERVER`: the server whose panel is open. */
  readonly server: { readonly pool: string; readonly name: string } | null;
  readonly query: URLSearchParams;
}

export const route = signal<Route>(readRoute(globalThis.location?.hash ?? ''));

export function readRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [name = '', pool, server] = path.split('/').map(decode);
  const view = viewNames.find((known) => known === name) ?? 'overview';
  return {
    view,
    server: pool !== undefined && server !== undefined && server !== '' ? { pool, name: server } : null,
    query: new URLSearchParams(query),
  };
}

export function serverLink(pool: string, name: string, view: ViewName = 'servers'): string {
  return `#/${view}/${encodeURIComponent(pool)}/${encodeURIComponent(name)}`;
}

export function followRoute(): void {
  addEventListener('hashchange', () => {
    route.value = readRoute(location.hash);
  });
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
