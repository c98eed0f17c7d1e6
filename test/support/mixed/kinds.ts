/**
 * The kinds of clients of the mixed load: where each gives the name of its session, who makes up that name, and how a
 * session of the kind ends. The config of the balancer that fits them stands beside them.
 */

/** What one request of a session looks like. */
export interface Shape {
  readonly path: string;
  /** Header lines, each with its CR LF. */
  readonly headers: string;
  /** Instead of the method asked for. */
  readonly method?: string;
}

export interface Kind {
  /** First part of the names of its sessions: no dot. */
  readonly name: string;
  /** Name of the pool that serves it. */
  readonly pool: string;
  /** `proof` is what `learn` found, '' before; `session` is the run's own name for the session. */
  request(session: string, proof: string): Shape;
  /** The last request; left out: sessions of this kind are only abandoned. */
  end?(session: string, proof: string): Shape;
  /** The proof in the answer to a request; '' none. Left out: the client makes up the name, and needs no answer for it. */
  learn?(head: string, body: string): string;
}

const cookie: Kind = {
  name: 'cookie',
  pool: 'mixed',
  request: (_, proof) => ({ path: '/shop', headers: proof === '' ? '' : `Cookie: theme=dark; limpet=${proof}\r\n` }),
  learn: (head) => between(head, 'limpet=', ';'),
};

const learned: Kind = {
  name: 'learned',
  pool: 'mixed',
  request: (_, proof) => ({ path: '/app', headers: javaCookie(proof) }),
  end: (_, proof) => ({ path: '/app/logout', headers: javaCookie(proof) }),
  learn: (head) => between(head, 'JSESSIONID=', ';'),
};

const header: Kind = {
  name: 'header',
  pool: 'mixed',
  request: (session) => ({ path: '/api', headers: `X-Key: ${session}\r\n` }),
  end: (session) => ({ path: '/api', headers: `X-Key: ${session}\r\n`, method: 'DELETE' }),
};

const query: Kind = {
  name: 'query',
  pool: 'mixed',
  request: (session) => ({ path: `/play?lang=en&game=${session}`, headers: '' }),
};

const path: Kind = {
  name: 'path',
  pool: 'mixed',
  request: (session) => ({ path: `/rooms/${session}/state`, headers: '' }),
};

const polling: Kind = {
  name: 'polling',
  pool: 'mixed',
  request: (_, proof) => ({
    path: `/socket.io/?EIO=4&transport=polling${proof === '' ? '' : `&sid=${proof}`}`,
    headers: '',
  }),
  learn: (_, body) => between(body, '"sid":"', '"'),
};

const address: Kind = {
  name: 'address',
  pool: 'address',
  request: (session) => ({ path: '/by-address', headers: `X-Forwarded-For: ${addressOf(session)}\r\n` }),
};

export const kinds: readonly Kind[] = [cookie, learned, header, query, path, polling, address];

/** How long sessions live; left out, as long as they do by default. */
export interface Times {
  readonly idle?: string;
}

/** Pools and routes for these clients; `more` goes into both pools. */
export function mixedPools(
  servers: readonly { readonly name: string; readonly address: string }[],
  times: Times = {},
  more: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  const affinity = [
    { learn: { cookie: 'JSESSIONID', ...times } },
    { 'socket.io': { ...times } },
    { header: { name: 'X-Key', endOnDelete: true, ...times } },
    { query: { name: 'game', ...times } },
    { path: { pattern: '^/rooms/([^/]+)/', ...times } },
    { cookie: { ...times } },
  ];
  return {
    pools: {
      mixed: { servers, affinity, ...more },
      address: { servers, affinity: [{ 'source-ip': { mode: 'table', ...times } }], ...more },
    },
    routes: [
      { match: { path: '/by-address' }, pool: 'address' },
      { match: { path: '/' }, pool: 'mixed' },
    ],
  };
}

function javaCookie(proof: string): string {
  return proof === '' ? '' : `Cookie: JSESSIONID=${proof}; theme=dark\r\n`;
}

/** Of `address.17.2` an address of its own below 10.0.0.0/8: 18 bits for the client, 6 for its sessions. */
function addressOf(session: string): string {
  const [, client = '0', generation = '0'] = session.split('.');
  const number = (Number(client) << 6) | (Number(generation) & 63);
  return `10.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`;
}

function between(text: string, start: string, end: string): string {
  const from = text.indexOf(start);
  if (from < 0) return '';
  const to = text.indexOf(end, from + start.length);
  return text.slice(from + start.length, to < 0 ? undefined : to);
}
