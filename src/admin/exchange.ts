/** One request of node:http, answered by a function of the Fetch standard: `Request` in, `Response` out. */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { answer, answerError, readBody } from './listen.ts';

/** Longest body of a request, bytes. */
export const maxBodyBytes = 1024 * 1024;

type Fetch = (request: Request) => Response | Promise<Response>;

/** Resolves when the response is complete, or the client has gone. */
export async function serveWith(fetch: Fetch, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const hasBody = request.method !== 'GET' && request.method !== 'HEAD';
  let body: Buffer | null = null;
  if (hasBody) {
    body = await readBody(request, maxBodyBytes);
    if (body === null) {
      answerError(response, 413, 'too-large', `found a longer body, expected at most ${maxBodyBytes} bytes`, {
        connection: 'close',
      });
      return;
    }
  } else request.resume();
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const made = requestOf(request, body, gone.signal);
  if (made === null) {
    answerError(response, 400, 'bad-request', 'found a request that cannot be read: its path, a header, or its method');
    return;
  }
  await send(await fetch(made), request.method === 'HEAD', response);
}

/** null: node:http takes more than the Fetch standard does, such as the method TRACE. */
function requestOf({ method, url = '', headers }: IncomingMessage, body: Buffer | null, signal: AbortSignal) {
  if (!url.startsWith('/')) return null;
  const made = new Headers();
  try {
    for (const [name, value] of Object.entries(headers)) for (const one of [value ?? ''].flat()) made.append(name, one);
    return new Request(`http://admin${url}`, { method, headers: made, body: body && new Uint8Array(body), signal });
  } catch {
    return null;
  }
}

async function send(reply: Response, isHead: boolean, response: ServerResponse): Promise<void> {
  const headers = Object.fromEntries(reply.headers);
  if (headers['content-type'] !== 'text/event-stream' || reply.body === null || isHead) {
    const body = Buffer.from(await reply.arrayBuffer());
    answer(response, reply.status, headers, isHead || body.length === 0 ? undefined : body);
    return;
  }
  response.writeHead(reply.status, headers);
  response.flushHeaders();
  const reader = reply.body.getReader();
  response.once('close', () => void reader.cancel().catch(() => undefined));
  for (;;) {
    const { done, value } = await reader.read();
    if (done || response.destroyed) break;
    if (!response.write(value)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
  }
  response.end();
}
