/**
 * Warns when another Limpet seems to use a cookie of the same name: each of the two then takes the other's cookie for one that
 * it does not know. Logged once for each pool, cookie and direction; counters count all of them.
 */

/** `server` null: a client sent a token of the other Limpet. Otherwise the server that set the cookie; '' when it is not known. */
export interface ForeignCookie {
  readonly pool: string;
  readonly cookie: string;
  readonly server: string | null;
}

const guide = 'docs/guide/behind-a-proxy.md';

export class ForeignCookieLog {
  private readonly log: (line: string) => void;
  private readonly logged = new Set<string>();

  constructor(log: (line: string) => void) {
    this.log = log;
  }

  report(foreign: ForeignCookie): void {
    const key = `${foreign.pool} ${foreign.cookie} ${foreign.server === null}`;
    if (this.logged.has(key)) return;
    this.logged.add(key);
    this.log(format(foreign));
  }
}

function format({ pool, cookie, server }: ForeignCookie): string {
  if (server === null) {
    return (
      `pool ${pool}: a client sent a token in the cookie ${cookie} that was signed for another pool, or with a key that is not ` +
      `configured here: it is ignored (tokens_foreign). If the key was not in use before, another Limpet has a cookie of ` +
      `this name: give one of them another name (${guide})`
    );
  }
  const sender = server === '' ? 'a server' : `server ${server}`;
  return (
    `pool ${pool}: ${sender} sets a cookie ${cookie}, the name of this balancer's own: it is removed (cookies_foreign). If that ` +
    `server is a Limpet, its sessions do not stick: give one of the two another name (${guide})`
  );
}
