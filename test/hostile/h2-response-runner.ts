/** Has a server of HTTP/2 say one hostile thing, and compares what clients of HTTP/1.1 and HTTP/2 see with what the table demands. */

import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { clientPreface, FrameType } from '../../src/http/h2/frame.ts';
import { HpackDecoder } from '../../src/http/h2/hpack/decoder.ts';
import { FieldList } from '../../src/http/h2/hpack/field-list.ts';
import { frame } from '../support/h2-frames.ts';
import { H2RawClient, type H2Response } from '../support/h2-raw.ts';
import { host } from '../support/host.ts';
import { RawClient, show, valuesOf } from '../support/raw.ts';
import { block, changed, data, f, get, headers, postPseudo, request, times } from './h2-case.ts';
import type { H2ResponseCase } from './h2-responses.ts';
import { markOf, newMark, same, settle, withMark } from './stage.ts';

/** One connection of the balancer. It gives no window but the first. */
class Connection {
  goaway: number | null = null;
  isClosed = false;
  /** By a reset, which may overtake GOAWAY: the balancer has not read all of a flood. */
  isBroken = false;
  readonly socket: Socket;
  private readonly scripts: Map<string, Script>;
  private received = Buffer.alloc(0);
  private readonly decoder = new HpackDecoder(4096);
  private readonly list = new FieldList(1 << 20);
  private hasPreface = false;

  constructor(socket: Socket, scripts: Map<string, Script>) {
    this.socket = socket;
    this.scripts = scripts;
    socket.on('error', () => {
      this.isBroken = true;
    });
    socket.on('close', () => {
      this.isClosed = true;
    });
    socket.on('end', () => socket.end());
    socket.on('data', (chunk: Buffer) => this.read(chunk));
    socket.write(frame(FrameType.settings, 0, 0));
  }

  private read(chunk: Buffer): void {
    this.received = Buffer.concat([this.received, chunk]);
    if (!this.hasPreface) {
      if (this.received.length < clientPreface.length) return;
      this.hasPreface = true;
      this.received = this.received.subarray(clientPreface.length);
    }
    for (;;) {
      const end = this.received.length < 9 ? Number.POSITIVE_INFINITY : 9 + this.received.readUIntBE(0, 3);
      if (end > this.received.length) return;
      const one = this.received.subarray(0, end);
      this.received = this.received.subarray(end);
      this.onFrame(one[3] ?? 0, one.readUInt32BE(5), one.subarray(9));
    }
  }

  /** Heads of requests are short here: one frame. */
  private onFrame(type: number, id: number, payload: Buffer): void {
    if (type === FrameType.goaway) this.goaway = payload.readUInt32BE(4) || this.goaway;
    if (type !== FrameType.headers) return;
    this.decoder.decode(payload, 0, payload.length, this.list);
    const path = this.list.toArray().find(([name]) => name === ':path')?.[1] ?? '';
    const mark = markOf(path) ?? 'none';
    const script = this.scripts.get(mark);
    if (script === undefined) {
      const fields = block([
        [':status', '200'],
        ['x-mark', mark],
      ]);
      this.socket.write(Buffer.from(f(headers, 4, id, fields) + f(data, 1, id, mark), 'latin1'));
      return;
    }
    script.connection = this;
    const { ending, say } = script.one;
    this.socket.write(Buffer.from(say(id), 'latin1'), () => {
      if (ending === 'close') this.socket.end();
      // Else the reset could overtake the bytes.
      if (ending === 'reset') setTimeout(() => this.socket.resetAndDestroy(), 10);
    });
  }
}

interface Script {
  readonly one: H2ResponseCase;
  connection: Connection | null;
}

export interface ScriptedH2Origin {
  readonly address: string;
  /** What to say to the request with this mark; all others get a plain 200 with their mark as body. */
  readonly scripts: Map<string, Script>;
  readonly connections: readonly Connection[];
  close(): Promise<void>;
}

export async function scriptedH2Origin(): Promise<ScriptedH2Origin> {
  const scripts = new Map<string, Script>();
  const connections: Connection[] = [];
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    connections.push(new Connection(socket, scripts));
  });
  await new Promise<void>((done) => server.listen(0, host, done));
  return {
    address: `${host}:${(server.address() as AddressInfo).port}`,
    scripts,
    connections,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        for (const { socket } of connections) socket.destroy();
      }),
  };
}

const uploadBytes = 100_000;
/** Of ours, for a response that is not whole. */
const ownFaults = ['502 bad-response-body', '502 body-cut', '502 closed-early', '502 bad-response', '502 stream-reset'];

interface Seen {
  /** Status, and the reason if it is the balancer's own. */
  readonly outcome: string;
  readonly isWhole: boolean;
  readonly body: string;
  readonly trailers: readonly string[];
  readonly text: string;
}

/** Complaints; empty when all is as demanded. */
export async function runH2Response(
  port: number,
  origin: ScriptedH2Origin,
  one: H2ResponseCase,
  protocol: 'h1' | 'h2',
): Promise<string[]> {
  const mark = newMark();
  const script: Script = { one, connection: null };
  origin.scripts.set(mark, script);
  const seen = await (protocol === 'h1' ? askByH1(port, one, mark) : askByH2(port, one, mark));
  const complaints = [...check(seen, one, one[protocol]), ...(await checkConnection(script, port))];
  origin.scripts.delete(mark);
  return complaints.length === 0 ? [] : [`a client of ${protocol}: ${show(seen.text)}`, ...complaints];
}

async function askByH1(port: number, { method }: H2ResponseCase, mark: string): Promise<Seen> {
  await using client = await RawClient.connect(port);
  const upload = method === 'POST' ? `Content-Length: ${uploadBytes}\r\n\r\n${'x'.repeat(uploadBytes)}` : '\r\n';
  await client.send(`${method} /${mark} HTTP/1.1\r\nHost: a\r\n${upload}`);
  await client.wait('an answer', 5000, () => client.received.length > 0 || client.state !== 'open');
  for (;;) {
    if (client.received.length === 0) return { outcome: 'nothing', isWhole: false, body: '', trailers: [], text: '' };
    const response = await client.response(method === 'HEAD' ? 'HEAD' : 'GET', 5000);
    if (response.status < 200 && response.complete) continue;
    const lines = [...response.headers, ...response.trailers].map((line) => line.join(': '));
    return {
      outcome: [response.status, ...valuesOf(response, 'Limpet-Reason')].join(' '),
      isWhole: response.complete,
      body: response.body.toString('latin1'),
      trailers: response.trailers.map((line) => line.join(': ')),
      text: `${lines.join('\n')}\n\n${response.body.toString('latin1')}`,
    };
  }
}

async function askByH2(port: number, { method }: H2ResponseCase, mark: string): Promise<Seen> {
  await using client = await H2RawClient.connect(port);
  const start = clientPreface.toString('latin1') + f(FrameType.settings, 0, 0);
  const upload = times(10, (i) => f(data, i === 9 ? 1 : 0, 1, 'x'.repeat(uploadBytes / 10)));
  const asked =
    method === 'POST'
      ? request(1, [...postPseudo, ['content-length', String(uploadBytes)]], 4) + upload
      : method === 'HEAD'
        ? request(1, changed({ ':method': 'HEAD' }))
        : get(1);
  await client.send(withMark(start + asked, mark));
  await client.wait('an answer', () => client.isOver(1) || client.isClosed);
  return seenOf(client.response(1), client.faults);
}

function seenOf({ status, fields, body, trailers, isEnded }: H2Response, faults: readonly string[]): Seen {
  const reason = fields.find(([name]) => name === 'limpet-reason')?.[1];
  const lines = [...fields, ...trailers].map((line) => line.join(': '));
  return {
    outcome: [status, ...(reason === undefined ? [] : [reason])].join(' '),
    isWhole: isEnded && faults.length === 0,
    body: body.toString('latin1'),
    trailers: trailers.map((line) => line.join(': ')),
    text: `${lines.join('\n')}\n\n${body.toString('latin1')} ${faults.join('; ')}`,
  };
}

function check(seen: Seen, one: H2ResponseCase, wanted: string): string[] {
  const evil = seen.text.replace(/limpet=[\w-]{72}/g, '').includes('evil') ? ['evil has reached the client'] : [];
  if (wanted === 'cut')
    return seen.isWhole && !ownFaults.includes(seen.outcome) ? [...evil, `passed on as whole: ${seen.outcome}`] : evil;
  if (wanted !== 'served') return [...evil, ...same('outcome', [seen.outcome, seen.isWhole], [wanted, true])];
  return [
    ...evil,
    ...same('outcome', [seen.outcome, seen.isWhole], [String(one.status), true]),
    ...same('body', seen.body, one.body),
    ...same('trailers', seen.trailers, one.trailers),
  ];
}

/** What becomes of the connection to the server; and the next request gets its own response. */
async function checkConnection({ one, connection }: Script, port: number): Promise<string[]> {
  if (connection === null) return ['the server has got no request'];
  if (!one.isKept) await settle('the connection to the server ends', () => connection.isClosed);
  const mark = newMark();
  await using client = await RawClient.connect(port);
  await client.send(`GET /${mark} HTTP/1.1\r\nHost: a\r\n\r\n`);
  const next = await client.response('GET', 5000);
  return [
    ...same('the connection is closed', connection.isClosed, !one.isKept),
    ...(connection.isBroken ? [] : same('GOAWAY', connection.goaway, one.error)),
    ...same('the next response', [next.status, next.body.toString()], [200, mark]),
  ];
}
