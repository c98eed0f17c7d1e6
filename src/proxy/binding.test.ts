/** Who sends a request, and what the client is told of its session: which cookie is set when, and what the server does not see. */
import { describe, expect, test } from 'vitest';
import type { FakePeer } from '../../test/support/fake-net.ts';
import { type StagedBalancer, stageBalancer } from '../../test/support/stage-balancer.ts';

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

function get(balancer: StagedBalancer, headers = ''): FakePeer {
  const client = balancer.connect();
  client.send(`GET / HTTP/1.1\r\nHost: x\r\n${headers}\r\n`);
  balancer.endTurn();
  return client;
}

/** The response of the server that was connected to last. */
function answer({ net }: StagedBalancer, response = ok): void {
  if (net.last.state === 'connecting') net.last.open();
  net.last.send(response);
}

const cookieOf = ({ received }: FakePeer): string => /Set-Cookie: (limpet=[^;]*)/.exec(received)?.[1] ?? '';

function bound(options: Readonly<Record<string, unknown>> = {}) {
  const balancer = stageBalancer({ affinity: [{ cookie: { name: 'limpet' } }], retry: { attempts: 3 }, ...options }, 2);
  const client = get(balancer);
  answer(balancer);
  return { balancer, cookie: cookieOf(client) };
}

describe('the cookie', () => {
  test('is set with the first response, and not with those of requests that bring it', () => {
    const { balancer, cookie } = bound();
    expect(cookie).toMatch(/^limpet=[\w-]{60,}$/);
    const client = get(balancer, `Cookie: ${cookie}\r\n`);
    answer(balancer);
    expect([client.received.slice(0, 12), cookieOf(client)]).toEqual(['HTTP/1.1 200', '']);
    expect(balancer.counters()).toMatchObject({ sessions_new: 1, sessions_valid: 1 });
  });

  test('is not for the server, and the app’s own cookies are', () => {
    const { balancer, cookie } = bound();
    get(balancer, `Cookie: theme=dark; ${cookie}; lang=de\r\n`);
    answer(balancer);
    expect(balancer.net.last.received).toMatch(/\r\nCookie: theme=dark; lang=de\r\n/);
    expect(balancer.net.last.received).not.toContain(cookie);
  });

  test('that does not verify counts as absent: the client gets another one', () => {
    const { balancer, cookie } = bound();
    const forged = `${cookie.slice(0, -4)}AAAA`;
    const client = get(balancer, `Cookie: ${forged}\r\n`);
    answer(balancer);
    expect([cookieOf(client) !== '', cookieOf(client) === cookie]).toEqual([true, false]);
    expect(balancer.counters().tokens_invalid).toBe(1);
  });

  test('is set anew when another server becomes the owner, once that server has answered', () => {
    const { balancer, cookie } = bound();
    const owner = balancer.net.last;
    owner.leave(null);
    const client = get(balancer, `Cookie: ${cookie}\r\n`);
    balancer.net.last.fail('refused', 'ECONNREFUSED');
    expect(balancer.counters().rebinds).toBe(0);
    answer(balancer);
    expect([cookieOf(client) !== '', balancer.counters().rebinds]).toEqual([true, 1]);
  });

  test('is not told in a response that the balancer makes itself', () => {
    const balancer = stageBalancer({ affinity: [{ cookie: { name: 'limpet' } }], retry: { attempts: 1 } });
    const client = get(balancer);
    balancer.net.last.fail('refused', 'ECONNREFUSED');
    expect([client.received.slice(0, 12), cookieOf(client)]).toEqual(['HTTP/1.1 503', '']);
  });
});

describe('a request that has to wait', () => {
  test('is edited once more when others were read meanwhile: the server sees none of their heads, and not our cookie', () => {
    const { balancer, cookie } = bound();
    balancer.net.last.leave(null);
    get(balancer, `X-Mine: one\r\nCookie: a=1; ${cookie}\r\n`);
    const connecting = balancer.net.last;
    get(balancer, 'X-Mine: two\r\nCookie: b=2\r\n');
    connecting.open();
    expect(connecting.received).toMatch(/\r\nX-Mine: one\r\nCookie: a=1\r\n/);
    expect(connecting.received).not.toMatch(/limpet=|two|b=2/);
  });
});

describe('a name that the app gives', () => {
  const learned = { affinity: [{ learn: { cookie: 'SID' } }, { cookie: { name: 'limpet' } }] };

  test('is learned from the response, and then followed; no cookie of ours is needed on top', () => {
    const balancer = stageBalancer({ ...learned, balance: 'round-robin' }, 2);
    const first = get(balancer);
    answer(balancer, ok.replace('\r\n\r\n', '\r\nSet-Cookie: SID=abc; Path=/\r\n\r\n'));
    expect([cookieOf(first), balancer.counters().sessions_learned]).toEqual(['', 1]);
    const owner = balancer.net.last;
    for (let i = 0; i < 3; i++) {
      const sent = owner.received.length;
      get(balancer, 'Cookie: SID=abc\r\n');
      expect(owner.received.slice(sent)).toContain('Cookie: SID=abc');
      owner.send(ok);
    }
  });
});

test('of an upgrade the session is bound, too', () => {
  const balancer = stageBalancer({ affinity: [{ cookie: { name: 'limpet' } }] });
  const client = get(balancer, 'Connection: Upgrade\r\nUpgrade: websocket\r\n');
  answer(balancer, 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  expect(client.received).toMatch(/^HTTP\/1.1 101 .*\r\nSet-Cookie: limpet=/s);
});
