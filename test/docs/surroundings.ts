/** What stands around a part of a program in the documentation: names and their types, by the second word of `ts NAME`. */

const session = "import('limpet/session')";

export const surroundings: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  /** A program with a balancer. */
  limpet: {
    config: "import('limpet').Config",
    limpet: "import('limpet').LimpetHandle",
    startLimpet: "typeof import('limpet').startLimpet",
    defineConfig: "typeof import('limpet').defineConfig",
    ConfigError: "typeof import('limpet').ConfigError",
    UsageError: "typeof import('limpet').UsageError",
  },
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
