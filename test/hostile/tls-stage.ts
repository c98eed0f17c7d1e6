/** What the hostile TLS cases need: certificates, a balancer with several TLS listeners, and clients of TLS, right ones and raw ones. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect as connectPlain, type Socket } from 'node:net';
import { join } from 'node:path';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { type Issued, TestAuthority } from '../support/certificates.ts';
import { until } from '../support/until.ts';

export interface TlsPorts {
  /** Identities a.test (the first) and b.test, h2 and http/1.1, no client certificates. */
  readonly open: number;
  /** Client certificates are required. */
  readonly required: number;
  /** Client certificates are asked for. */
  readonly asked: number;
  readonly plain: number;
}

export interface TlsStage {
  readonly ports: TlsPorts;
  readonly authority: TestAuthority;
  readonly clients: Readonly<Record<'right' | 'expired' | 'early' | 'foreign' | 'asServer' | 'hostile', Issued>>;
  /** Whole requests that the server has got so far. */
  requests(): number;
  /** Of the last of them, that header; undefined: it is not there. */
  lastHeader(name: string): string | undefined;
}

const day = 86_400_000;

/** The certificates, as files in that folder. */
export function makeCertificates(folder: string) {
  mkdirSync(folder, { recursive: true });
  const authority = new TestAuthority();
  const foreign = new TestAuthority('Test Authority');
  const files: Record<string, string> = {};
  const write = (name: string, text: string) => {
    files[name] = join(folder, name);
    writeFileSync(files[name], text, { mode: 0o600 });
    return files[name];
  };
  const server = (name: string) => {
    const issued = authority.issue([name]);
    return { cert: write(`${name}.crt`, issued.cert), key: write(`${name}.key`, issued.key) };
  };
  const clients = {
    right: authority.issue(['client.test'], { use: 'client', subject: 'alice' }),
    expired: authority.issue(['client.test'], { use: 'client', from: -2 * day, until: -day }),
    early: authority.issue(['client.test'], { use: 'client', from: day, until: 2 * day }),
    foreign: foreign.issue(['client.test'], { use: 'client', subject: 'alice' }),
    asServer: authority.issue(['client.test'], { use: 'server', subject: 'alice' }),
    hostile: authority.issue(['client.test'], {
      use: 'client',
      subject: 'alice\r\nX-Evil: 1\r\n\r\nGET /smuggled HTTP/1.1',
    }),
  };
  return { authority, clients, servers: [server('a.test'), server('b.test')], ca: write('ca.pem', authority.cert) };
}

export const request = (path: string, ...lines: string[]) =>
  [`GET ${path} HTTP/1.1`, 'Host: a.test', 'Connection: close', ...lines, '', ''].join('\r\n');

export interface Spoken {
  /** `secure` was reached. */
  readonly isSecure: boolean;
  readonly said: string;
  /** Code of the error that ended it. */
  readonly error: string;
  readonly socket: TLSSocket;
}

/** Says that over TLS, and reads until the end. */
export async function speak(port: number, options: ConnectionOptions, text: string | Buffer): Promise<Spoken> {
  const socket = connectTls({ host: '127.0.0.1', port, servername: 'a.test', rejectUnauthorized: false, ...options });
  let said = '';
  let error = '';
  let isSecure = false;
  socket.on('data', (chunk: Buffer) => {
    said += chunk.toString('latin1');
  });
  socket.on('error', (problem: Error & { code?: string }) => {
    error ||= problem.code ?? problem.message;
  });
  socket.once('secureConnect', () => {
    isSecure = true;
    if (text.length > 0) socket.write(text);
  });
  await until('the connection ends', () => socket.closed, 15_000);
  return { isSecure, said, error, socket };
}

/** `200`, status and reason of the balancer, or `nothing`: no response came. */
export function outcomeOf({ said }: { readonly said: string }): string {
  const status = /^HTTP\/1\.1 (\d+)/.exec(said)?.[1];
  if (status === undefined) return said === '' ? 'nothing' : 'something else';
  const reason = /^limpet-reason: (.*)$/im.exec(said.replaceAll('\r', ''))?.[1];
  return reason === undefined ? status : `${status} ${reason}`;
}

export async function ask(port: number, options: ConnectionOptions = {}, path = '/'): Promise<string> {
  return outcomeOf(await speak(port, options, request(path)));
}

/** Raw bytes on TCP. What comes first: `hello` (a handshake record), `alert`, `closed`, or the beginning of other bytes. */
export async function sayRaw(port: number, pieces: readonly Buffer[], waitsForEnd = true): Promise<string> {
  const socket: Socket = connectPlain(port, '127.0.0.1');
  let said = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    said = Buffer.concat([said, chunk]);
  });
  socket.on('error', () => {});
  socket.on('end', () => socket.end());
  for (const piece of pieces) if (!socket.destroyed) socket.write(piece);
  await until('something comes', () => socket.closed || (!waitsForEnd && said.length > 0), 15_000);
  socket.destroy();
  if (said.length === 0) return 'closed';
  if (said[0] === 22) return 'hello';
  return said[0] === 21 ? 'alert' : said.toString('latin1', 0, 40).split('\r\n', 1)[0]!;
}

function vector(bytes: Buffer | string, lengthBytes: number): Buffer {
  const body = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
  const length = Buffer.alloc(lengthBytes);
  length.writeUIntBE(body.length, 0, lengthBytes);
  return Buffer.concat([length, body]);
}

export function record(type: number, payload: Buffer, version = 0x0303): Buffer {
  return Buffer.concat([Buffer.from([type, version >> 8, version & 0xff]), vector(payload, 2)]);
}

export function extension(id: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([id >> 8, id & 0xff]), vector(body, 2)]);
}

/** The extension server_name, with these names, each of its type. */
export function serverNames(...names: readonly (readonly [type: number, name: string])[]): Buffer {
  const list = names.map(([type, name]) => Buffer.concat([Buffer.from([type]), vector(name, 2)]));
  return extension(0, vector(Buffer.concat(list), 2));
}

/** A ClientHello of TLS 1.2 with ordinary suites, curves and signatures, in one record. */
export function clientHello(extensions: readonly Buffer[], version = 0x0303): Buffer {
  const suites = Buffer.from([0xc0, 0x2b, 0xc0, 0x2f, 0xc0, 0x2c, 0xc0, 0x30, 0xcc, 0xa9, 0xcc, 0xa8]);
  const usual = [
    extension(10, vector(Buffer.from([0, 29, 0, 23]), 2)),
    extension(11, vector(Buffer.from([0]), 1)),
    extension(13, vector(Buffer.from([4, 3, 8, 4, 4, 1]), 2)),
  ];
  const body = Buffer.concat([
    Buffer.from([version >> 8, version & 0xff]),
    Buffer.alloc(32, 7),
    vector('', 1),
    vector(suites, 2),
    vector(Buffer.from([0]), 1),
    vector(Buffer.concat([...usual, ...extensions]), 2),
  ]);
  return record(22, Buffer.concat([Buffer.from([1]), vector(body, 3)]), 0x0301);
}
