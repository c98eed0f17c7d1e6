/** Another Limpet has a cookie of the same name: each of the two takes the other's for a stranger's. Told once, while counters go on. */

/** `server` null: a client came with its token; else the server that set it, '' when that is not known. */
export interface ForeignCookie {
  readonly pool: string;
  readonly cookie: string;
  readonly server: string | null;
}

const guide = 'docs/guide/behind-a-proxy.md';

export class ForeignCookies {
  private readonly log: (line: string) => void;
  private readonly told = new Set<string>();

  constructor(log: (line: string) => void) {
    this.log = log;
  }

  tell(foreign: ForeignCookie): void {
    const what = `${foreign.pool} ${foreign.cookie} ${foreign.server === null}`;
    if (this.told.has(what)) return;
    this.told.add(what);
    this.log(say(foreign));
  }
}

function say({ pool, cookie, server }: ForeignCookie): string {
  if (server === null) {
    return `pool ${pool}: a client came with a token in the cookie ${cookie} that was signed for another pool, or with a key that is not known here: it counts as none (tokens_foreign). When it is no key of before, another Limpet has a cookie of this name: give one of them another name (${guide})`;
  }
  const who = server === '' ? 'a server' : `server ${server}`;
  return `pool ${pool}: ${who} sets a cookie ${cookie}, the name of this balancer's own: it is removed (cookies_foreign). When that server is a Limpet, its sessions do not stick: give one of the two another name (${guide})`;
}
