/** A client that keeps cookies with their attributes, as a browser does: by name, domain and path, until they end or it is closed. */
import { type AskOptions, ask, parseSetCookie, type Reply, type SetCookie } from '../../support/peers.ts';

export class Browser {
  /** By name, Domain and Path. */
  readonly jar = new Map<string, SetCookie>();
  readonly base: string;
  private readonly host: string;

  /** `former`: its cookies are there. `host`: under which it asks; '' that of `base`. */
  constructor(base: string, former: Browser | null = null, host = '') {
    this.base = base;
    this.host = host;
    for (const [key, cookie] of former?.jar ?? []) this.jar.set(key, cookie);
  }

  async get(path: string, options: AskOptions = {}): Promise<Reply> {
    const cookie = this.header(path);
    const headers = { ...options.headers, ...(cookie && { cookie }), ...(this.host && { host: this.host }) };
    const reply = await ask(this.base + path, { ...options, headers });
    for (const line of reply.setCookies) this.keep(parseSetCookie(line));
    return reply;
  }

  /** The attributes of the cookie that the last answer with one has set; undefined: there is none. */
  cookie(name: string): SetCookie | undefined {
    return [...this.jar.values()].findLast((one) => one.name === name);
  }

  get names(): string[] {
    return [...this.jar.values()].map(({ name }) => name).sort();
  }

  /** It is closed and opened again: what has no time of its own is gone. */
  restart(): void {
    for (const [key, { attributes }] of this.jar) {
      if (!attributes.has('max-age') && !attributes.has('expires')) this.jar.delete(key);
    }
  }

  private keep(cookie: SetCookie): void {
    const { name, attributes } = cookie;
    const key = `${name} ${attributes.get('domain') ?? ''} ${attributes.get('path') ?? ''}`;
    this.jar.delete(key);
    const maxAge = Number(attributes.get('max-age') ?? 1);
    if (maxAge > 0 && Date.parse(attributes.get('expires') ?? '2100-01-01') > Date.now()) this.jar.set(key, cookie);
  }

  /** The longer path first (RFC 6265 section 5.4). */
  private header(path: string): string {
    const pathOf = ({ attributes }: SetCookie) => attributes.get('path') ?? '/';
    const sent = [...this.jar.values()].filter((one) => path.startsWith(pathOf(one)));
    sent.sort((a, b) => pathOf(b).length - pathOf(a).length);
    return sent.map(({ name, value }) => `${name}=${value}`).join('; ');
  }
}
