import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { body, forwardedPath, serverHeader } from './backend.ts';
import { check, takeCookies } from './check.ts';
import type { Started } from './rival.ts';

/** A balancer in miniature: the cookie names the server. Each test breaks one thing in it. */
interface Faults {
  status?: number;
  body?: string;
  server?(cookie: string): string;
  setAlways?: boolean;
  setNever?: boolean;
  /** The cookie that a client with one is given. */
  setOther?: string;
  forwardedFor?: string;
}

let open: Server | undefined;
afterEach(() => open?.close());

async function balancer(faults: Faults = {}): Promise<number> {
  let clients = 0;
  open = createServer((request: IncomingMessage, response: ServerResponse) => {
    const brought = request.headers.cookie;
    const cookie = brought ?? `SRV=s${1 + (clients++ % 4)}`;
    if ((brought === undefined && !faults.setNever) || faults.setAlways) {
      const given = brought === undefined ? cookie : (faults.setOther ?? cookie);
      response.setHeader('Set-Cookie', ['other=1', `${given}; Path=/; HttpOnly`]);
    }
    response.setHeader(serverHeader, faults.server?.(cookie) ?? cookie.slice(4));
    response.statusCode = faults.status ?? 200;
    response.end(request.url === forwardedPath ? (faults.forwardedFor ?? '127.0.0.1') : (faults.body ?? body));
  });
  await new Promise<void>((resolve) => open?.listen(0, '127.0.0.1', resolve));
  return (open.address() as AddressInfo).port;
}

const started: Omit<Started, 'pid'> = { cookies: ['SRV=s1', 'SRV=s2'], setsCookie: 'once', addsForwardedFor: true };

describe('check', () => {
  test('finds nothing wrong with a right one, and takes its cookies', async () => {
    const port = await balancer();
    const cookies = await takeCookies({ port });
    expect(cookies.slice(0, 5)).toEqual(['SRV=s1', 'SRV=s2', 'SRV=s3', 'SRV=s4', 'SRV=s1']);
    expect(await check({ port }, { ...started, cookies }, 4)).toBeNull();
  });

  let turn = 0;
  test.each<[string, Faults, string]>([
    ['another status', { status: 503 }, 'without a cookie: status 503'],
    ['another body', { body: 'busy' }, 'without a cookie: another body (4 characters)'],
    ['no stickiness', { server: () => `s${1 + (turn++ % 3)}` }, 'one client was served by'],
    ['one server only', { server: () => 's3' }, 'all 2 clients were served by s3'],
    ['a cookie with every response', { setAlways: true }, 'a valid cookie is set again'],
    ['no cookie for a new client', { setNever: true }, 'a new client gets no cookie'],
    ['no X-Forwarded-For', { forwardedFor: '' }, "X-Forwarded-For is '' instead of '127.0.0.1'"],
  ])('%s is found', async (_, faults, expected) => {
    expect(await check({ port: await balancer(faults) }, started, 4)).toContain(expected);
  });

  test.each<[string, Faults, Started['setsCookie'], string | null]>([
    ['nginx sets its cookie with every response', { setAlways: true }, 'always', null],
    ['one said to do so does not', {}, 'always', 'a valid cookie is not set again'],
    ['another cookie each time', { setAlways: true, setOther: 'SRV=s9' }, 'always', 'SRV=s9 in place of SRV=s1'],
    ['no cookie at all', { setNever: true }, 'never', null],
    ['a cookie where none is to be', {}, 'never', 'a new client gets a cookie'],
  ])('%s', async (_, faults, setsCookie, expected) => {
    const found = await check({ port: await balancer(faults) }, { ...started, setsCookie }, 4);
    if (expected === null) expect(found).toBeNull();
    else expect(found).toContain(expected);
  });

  test('a rival said to insert cookies that does not', async () => {
    await expect(takeCookies({ port: await balancer({ setNever: true }) })).rejects.toThrow('got none (status 200)');
  });
});
