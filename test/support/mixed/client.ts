/** One client of the mixed load: begins a session, comes again and again, one or two requests at a time, and begins another. */
import { type Answer, type Asker, type Connection, headerIn } from './connection.ts';
import type { Load } from './driver.ts';
import type { Kind } from './kinds.ts';
import { microseconds, type Part } from './record.ts';

/** Shares of visits: two requests at once, a POST, a request that takes the server some time. */
const twice = 0.1;
const posts = 0.05;
const slow = 0.05;
const longest = 40;

export class Client {
  private readonly number: number;
  private readonly kind: Kind;
  private readonly load: Load;
  private generation = 0;
  private session: string;
  private proof = '';
  /** Something has come of the session: a request of it has been answered. */
  private begun = false;
  private under = 0;

  constructor(number: number, kind: Kind, load: Load) {
    this.number = number;
    this.kind = kind;
    this.load = load;
    this.session = `${kind.name}.${number}.0`;
  }

  visit(): void {
    const { load, kind } = this;
    const unnamed = kind.learn !== undefined && this.proof === '';
    if (!unnamed && this.begun && load.random() < load.plan.renew) {
      if (kind.end !== undefined) {
        this.ask('end', 'GET');
        return;
      }
      this.renew();
      this.visit();
      return;
    }
    // Until it has a name only one request at a time: each would begin a session of its own.
    const requests = !unnamed && load.random() < twice ? 2 : 1;
    for (let i = 0; i < requests; i++) {
      this.ask(unnamed ? 'begin' : 'go', !unnamed && load.random() < posts ? 'POST' : 'GET');
    }
  }

  visitOnceMore(): void {
    if (this.begun && (this.kind.learn === undefined || this.proof !== '')) this.ask('go', 'GET');
  }

  private ask(part: Part, method: string): void {
    this.under++;
    this.load.withConnection((connection) => new Visit(this.load, this, part, method).start(connection));
  }

  /** As it goes over the wire. */
  request(part: Part, method: string, seq: number): { readonly text: string; readonly method: string } {
    const { kind, session, load } = this;
    const shape = part === 'end' && kind.end ? kind.end(session, this.proof) : kind.request(session, this.proof);
    const asked = shape.method ?? method;
    const delay = load.random() < slow ? `X-Delay: ${Math.ceil(load.random() * longest)}\r\n` : '';
    const body = asked === 'POST' ? 'Content-Length: 5\r\n\r\nhello' : '\r\n';
    const text = `${asked} ${shape.path} HTTP/1.1\r\nHost: mixed\r\nX-Session: ${session}\r\nX-Seq: ${seq}\r\n${shape.headers}${delay}${body}`;
    return { text, method: asked };
  }

  get name(): string {
    return this.session;
  }

  /** One of its requests is over; `answer` is null unless the app has answered it. */
  answered(part: Part, answer: Answer | null): void {
    this.under--;
    if (answer !== null) {
      this.begun = true;
      if (part === 'end') this.renew();
      // Our own cookie is told again when it changes: a new owner, a later date.
      else if (this.kind.learn !== undefined) this.proof = this.kind.learn(answer.head, answer.body) || this.proof;
    } else if (part === 'begin') this.renew();
    if (this.under === 0) this.load.rest(this);
  }

  private renew(): void {
    this.generation++;
    this.session = `${this.kind.name}.${this.number}.${this.generation}`;
    this.proof = '';
    this.begun = false;
  }
}

/** One request of a client. */
class Visit implements Asker {
  private readonly load: Load;
  private readonly client: Client;
  private readonly part: Part;
  private readonly session: string;
  private readonly seq: number;
  private readonly method: string;
  private readonly text: string;
  private sent = 0;

  constructor(load: Load, client: Client, part: Part, method: string) {
    this.load = load;
    this.client = client;
    this.part = part;
    this.session = client.name;
    this.seq = load.nextSeq();
    const request = client.request(part, method, this.seq);
    this.method = request.method;
    this.text = request.text;
  }

  start(connection: Connection): void {
    this.sent = microseconds();
    connection.ask(this.text, this);
  }

  answered(answer: Answer | null): void {
    const { session, seq, method, part, sent } = this;
    const head = answer?.head ?? '';
    const server = headerIn(head, 'x-server') ?? '-';
    const crossed = server !== '-' && headerIn(head, 'x-answers') !== `${session} ${seq}`;
    const status = crossed ? -1 : (answer?.status ?? 0);
    const epoch = Number(/epoch=(\d+)/.exec(headerIn(head, 'limpet-server') ?? '')?.[1] ?? 0);
    const received = microseconds();
    this.load.ended({ sent, received, session, seq, method, status, part, server, epoch });
    this.client.answered(part, status === 200 ? answer : null);
  }
}
