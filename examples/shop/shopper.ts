/**
 * A simulated shopper: a small browser with a cookie jar of its own and one connection kept alive, which sends
 * forms, follows redirects, reads the page, and notes which server answered.
 */
import { Agent, type IncomingHttpHeaders, request } from 'node:http';

export interface Visit {
  readonly server: string;
  /** Generation of the session's ownership, as the balancer tells with `--identify`; 0 when it does not. */
  readonly epoch: number;
  readonly status: number;
  readonly body: string;
  /** Until the last byte (ms). */
  readonly time: number;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A request that is not answered in this time (ms) has failed. */
const patience = 5_000;

export class Shopper {
  readonly name: string;
  /** All answers, in order. */
  readonly visits: Visit[] = [];
  private readonly bases: readonly string[];
  private readonly jar = new Map<string, string>();
  /** Connections that were refused. */
  refused = 0;
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 1 });

  /** `base`: of the site. Of several each request takes one by chance, and another one where nobody listens, as a browser does. */
  constructor(name: string, base: string | readonly string[]) {
    this.name = name;
    this.bases = [base].flat();
  }

  /** Names of the servers that answered, each once, in order of first answer. */
  get servers(): readonly string[] {
    return [...new Set(this.visits.map((visit) => visit.server))];
  }

  get last(): Visit | undefined {
    return this.visits.at(-1);
  }

  /** What it sends with each request. */
  get cookieBytes(): number {
    return this.cookie === '' ? 0 : `Cookie: ${this.cookie}`.length;
  }

  /** Another one with the same cookies, who asks there alone. */
  at(base: string): Shopper {
    const other = new Shopper(this.name, base);
    for (const [name, value] of this.jar) other.jar.set(name, value);
    return other;
  }

  async signIn(): Promise<void> {
    await this.submit('/sign-in', { name: this.name });
  }

  async add(product: string): Promise<void> {
    await this.submit('/cart/add', { product });
  }

  /** Presses the button that kills the server. */
  async kill(): Promise<void> {
    await this.send('POST', '/kill', '');
  }

  /** Things in the cart, as the page shows them. */
  async look(): Promise<number> {
    const { body } = await this.send('GET', '/', '');
    return Number(/data-things="(\d+)"/.exec(body)?.[1] ?? Number.NaN);
  }

  /** Closes the connection. */
  leave(): void {
    this.agent.destroy();
  }

  private async submit(path: string, fields: Readonly<Record<string, string>>): Promise<void> {
    await this.send('POST', path, new URLSearchParams(fields).toString());
    await this.send('GET', '/', '');
  }

  private async send(method: string, path: string, form: string): Promise<Visit> {
    const begun = performance.now();
    const { status, headers, body } = await this.anywhere(method, path, form);
    const time = performance.now() - begun;
    for (const line of headers['set-cookie'] ?? []) this.keep(line);
    const epoch = Number(/;\s*epoch=(\d+)/.exec(String(headers['limpet-server'] ?? ''))?.[1] ?? 0);
    const visit = { server: String(headers['x-served-by'] ?? 'nobody'), epoch, status, body, time };
    this.visits.push(visit);
    return visit;
  }

  private get cookie(): string {
    return [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  private keep(line: string): void {
    const [name = '', value = ''] = (line.split(';', 1)[0] ?? '').split('=', 2);
    if (/;\s*max-age=0/i.test(line)) this.jar.delete(name.trim());
    else this.jar.set(name.trim(), value.trim());
  }

  private async anywhere(method: string, path: string, form: string): Promise<Answer> {
    const first = Math.floor(Math.random() * this.bases.length);
    for (let tries = 1; ; tries++) {
      try {
        return await this.exchange(this.bases[(first + tries) % this.bases.length]!, method, path, form);
      } catch (error) {
        const isRefused = error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED';
        if (!isRefused || tries >= this.bases.length) throw error;
        this.refused++;
      }
    }
  }

  private exchange(base: string, method: string, path: string, form: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { cookie } = this;
      const headers: Record<string, string> = cookie === '' ? {} : { Cookie: cookie };
      if (method === 'POST') headers['Content-Type'] = 'application/x-www-form-urlencoded';
      if (method === 'POST') headers['Content-Length'] = String(Buffer.byteLength(form));
      const sent = request(new URL(path, base), { method, headers, agent: this.agent }, (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (text: string) => {
          body += text;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
        response.on('error', reject);
      });
      sent.setTimeout(patience, () => sent.destroy(new Error(`${method} ${path}: no answer in ${patience / 1000} s`)));
      sent.on('error', reject);
      sent.end(form);
    });
  }
}
