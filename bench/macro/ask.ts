/** One request to a rival, in whatever protocol the stage speaks, on a connection of its own. */
import { readFileSync } from 'node:fs';
import { type IncomingMessage, request as requestPlain } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { request as requestTls } from 'node:https';
import { serverHeader } from './backend.ts';
import { certificate, certificateName } from './certificate.ts';
import { cookieName, type Endpoint } from './rival.ts';

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly server: string | null;
  /** name=value of the sticky cookie it sets, or null. */
  readonly cookie: string | null;
}

const patienceMs = 5_000;

export function ask(
  { port, tls = false, http2 = false }: Endpoint,
  cookie: string | null,
  path = '/',
): Promise<Answer> {
  const headers: Record<string, string> = cookie === null ? {} : { cookie };
  return http2 ? askHttp2(port, tls, headers, path) : askHttp1(port, tls, headers, path);
}

function askHttp1(port: number, tls: boolean, headers: Record<string, string>, path: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const place = { host: '127.0.0.1', port, path, headers: { ...headers, host: certificateName }, agent: false };
    const secure = tls ? { ca: readFileSync(certificate().cert), servername: certificateName } : {};
    const request = (tls ? requestTls : requestPlain)({ ...place, ...secure, timeout: patienceMs });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${patienceMs} ms`)));
    request.on('error', reject);
    request.on('response', (response: IncomingMessage) => {
      readText(response, reject, (body) => {
        const { statusCode = 0, headers } = response;
        resolve(answerOf(statusCode, body, headers[serverHeader], headers['set-cookie']));
      });
    });
    request.end();
  });
}

function askHttp2(port: number, tls: boolean, headers: Record<string, string>, path: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const secure = tls ? { ca: readFileSync(certificate().cert), servername: certificateName } : {};
    const session = connectHttp2(`${tls ? 'https' : 'http'}://127.0.0.1:${port}`, secure);
    const fail = (error: Error) => {
      session.destroy();
      reject(error);
    };
    session.on('error', fail);
    session.setTimeout(patienceMs, () => fail(new Error(`no answer within ${patienceMs} ms`)));
    const stream = session.request({ ...headers, ':path': path, ':authority': certificateName });
    stream.on('error', fail);
    stream.on('response', (fields) => {
      readText(stream, fail, (body) => {
        session.destroy();
        const server = fields[serverHeader];
        resolve(answerOf(fields[':status'] ?? 0, body, server, fields['set-cookie']));
      });
    });
  });
}

function readText(from: NodeJS.ReadableStream, fail: (error: Error) => void, done: (text: string) => void): void {
  let text = '';
  from.setEncoding('utf8');
  from.on('data', (piece: string) => (text += piece));
  from.on('error', fail);
  from.on('end', () => done(text));
}

function answerOf(
  status: number,
  body: string,
  server: string | string[] | undefined,
  cookies: readonly string[] = [],
): Answer {
  const set = cookies.find((value) => value.startsWith(`${cookieName}=`));
  return { status, body, server: typeof server === 'string' ? server : null, cookie: set?.split(';', 1)[0] ?? null };
}
