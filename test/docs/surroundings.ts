/** What stands around a part of a program in the documentation: names and their types, by the second word of `ts NAME`. */

const session = "import('limpet/session')";

export const surroundings: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  /** A handler of the library, and what an app has. */
  session: {
    app: `${session}.NodeSessions`,
    sessions: `typeof ${session}.sessions`,
    session: `${session}.Session`,
    id: 'string',
    body: '{ readonly csrf: string }',
    page: '(html: string) => string',
    refuse: '(status: number) => void',
    reserve: '(cart: unknown) => Promise<number>',
    documents: '{ close(id: string): void }',
    connectRedisStore: `${session}.ForeignStore`,
    versions: 'Map<unknown, number>',
  },
  express: {
    app: "import('express').Express",
    secret: 'string',
    store: `${session}.ForeignStore`,
    id: 'string',
    expressSession: "typeof import('limpet/express').expressSession",
  },
  fastify: { app: "import('fastify').FastifyInstance" },
  hono: {},
  koa: { app: "import('koa')" },
  h3: { app: "import('h3').H3" },
  bun: { port: 'number' },
  next: { redirect: '(to: string) => never' },
  sveltekit: {
    sequence: "(...hooks: import('limpet/sveltekit').Handle[]) => import('limpet/sveltekit').Handle",
    authorise: "import('limpet/sveltekit').Handle",
  },
  sockets: { app: `${session}.NodeSessions`, sockets: "import('ws').WebSocketServer" },
};

/** What stands around the examples of doc comments, beside the exports of their entry. */
export const apiSurroundings: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  limpet: { config: "import('limpet').Config", limpet: "import('limpet').LimpetHandle" },
  'limpet/session': {
    ...surroundings.session,
    app: `Pick<${session}.WebSessions, 'handle' | 'around'> & ${session}.NodeSessions`,
    request: "import('node:http').IncomingMessage & Request",
    response: "import('node:http').ServerResponse",
    createServer: "typeof import('node:http').createServer",
    serve: '(request: unknown, response: unknown) => Promise<void>',
    reply: '{ code(status: number): { send(): void } }',
    superjson: '{ stringify(value: unknown): string; parse(text: string): Record<string, unknown> }',
    PgSession: `new (options: { pool: object }) => ${session}.ForeignStore`,
    RedisStore: `new (options: { client: object }) => ${session}.ForeignStore`,
    pool: 'object',
    client: 'object',
  },
  'limpet/express': { ...surroundings.express, middleware: "import('limpet/express').ExpressSessionMiddleware" },
  'limpet/fastify': {
    ...surroundings.fastify,
    fastifySession: "typeof import('@fastify/session').default",
    secret: 'string',
  },
  'limpet/hono': { Hono: "typeof import('hono').Hono" },
  'limpet/koa': { ...surroundings.koa },
  'limpet/h3': { ...surroundings.h3, H3: "typeof import('h3').H3" },
  'limpet/next': { ...surroundings.next },
  'limpet/sveltekit': { ...surroundings.sveltekit },
};
