/**
 * An app server of the mixed load, in a process of its own: `app.ts <folder>/<name> <port>`. It names sessions as apps do
 * (JSESSIONID, the sid of Engine.IO) and writes down each request that reaches it in `<folder>/<name>.log`, at once, so
 * that nothing is lost when it is killed.
 */
import { randomBytes } from 'node:crypto';
import { openSync, writeSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename } from 'node:path';
import { WebSocketServer } from 'ws';
import { host } from '../host.ts';
import { arrivalLine, microseconds } from './record.ts';

const [place, port = '0'] = process.argv.slice(2);
if (place === undefined) throw new Error('app.ts needs the place of its log, <folder>/<name>');
const name = basename(place);
// Appended to: one that is started again under its name goes on where the one before it was killed.
const log = openSync(`${place}.log`, 'a');

const large = Buffer.alloc(2 * 1024 ** 2, 'limpet ');

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const session = headerOf(request, 'x-session');
  if (session === '') {
    // A health check, or one who reads slowly.
    response.end(request.url === '/large' ? large : 'ok');
    return;
  }
  const seq = headerOf(request, 'x-seq');
  writeSync(log, arrivalLine({ at: microseconds(), session, seq: Number(seq), method: request.method ?? '' }));
  const headers: Record<string, string> = { 'X-Server': name, 'X-Answers': `${session} ${seq}` };
  const body = bodyFor(request, session, headers);
  headers['Content-Length'] = String(Buffer.byteLength(body));
  const delay = Number(headerOf(request, 'x-delay'));
  if (request.method !== 'POST') answer(response, headers, body, delay);
  else request.resume().on('end', () => answer(response, headers, body, delay));
});

new WebSocketServer({ server }).on('connection', (peer) => {
  peer.on('message', (data) => peer.send(data)).on('error', () => {});
});

function answer(response: ServerResponse, headers: Record<string, string>, body: string, delay: number): void {
  const send = (): void => void response.writeHead(200, headers).end(body);
  if (delay > 0) setTimeout(send, delay);
  else send();
}

/** What this kind of app says, and the session's name where it gives one. */
function bodyFor(request: IncomingMessage, session: string, headers: Record<string, string>): string {
  const url = request.url ?? '/';
  if (url.startsWith('/app')) {
    if (url === '/app/logout') headers['Set-Cookie'] = 'JSESSIONID=; Path=/; Max-Age=0';
    // Like an app that shares its sessions: a name that it did not give itself is as good.
    else if (!headerOf(request, 'cookie').includes('JSESSIONID=')) {
      headers['Set-Cookie'] = `JSESSIONID=${randomBytes(16).toString('hex').toUpperCase()}; Path=/; HttpOnly`;
    }
  } else if (url.startsWith('/socket.io/') && !url.includes('&sid=')) {
    const sid = randomBytes(15).toString('base64url');
    return `0${JSON.stringify({ sid, upgrades: ['websocket'], pingInterval: 25_000, pingTimeout: 20_000, maxPayload: 1e6 })}`;
  }
  return `${name} serves ${session}\n`;
}

function headerOf(request: IncomingMessage, key: string): string {
  const value = request.headers[key];
  return typeof value === 'string' ? value : '';
}

server.listen(Number(port), host, () => console.log(`listening ${(server.address() as AddressInfo).port}`));

// Goes with the program that started it, however that ends.
process.stdin.resume().on('end', () => process.exit());
