/**
 * The cart app of the comparison, `app.ts FRAMEWORK SESSIONS PORT [REDIS]`: express or fastify, its sessions kept by limpet
 * (strategy sticky) or in Redis by the framework's usual package. GET /cart reads, POST /add writes; both answer 200 bytes.
 */
import fastifyCookie from '@fastify/cookie';
import fastifySession from '@fastify/session';
import { RedisStore } from 'connect-redis';
import express from 'express';
import expressSession from 'express-session';
import fastify from 'fastify';
import { Redis } from 'ioredis';
import { limpet as limpetExpress } from '../../src/session/express.ts';
import { limpet as limpetFastify } from '../../src/session/fastify.ts';

const [framework, kind, port, redis = ''] = process.argv.slice(2);
const secret = 'a secret that only signs cookies of a benchmark';
const answerBytes = 200;
/** The cart stays as long as this: a bench that grows its state measures its own length. */
const cartLength = 20;

interface Item {
  readonly sku: string;
  readonly quantity: number;
}

function add(cart: readonly Item[]): Item[] {
  return [...cart, { sku: `sku-${(cart.length * 7919) % 1000}`, quantity: 1 }].slice(-cartLength);
}

function answer(cart: readonly Item[]): string {
  return JSON.stringify({ items: cart.length, server: process.pid }).padEnd(answerBytes);
}

/** connect-redis speaks to clients of the package `redis`: these are the commands it uses, in that spelling. */
function redisStore(): RedisStore {
  const client = new Redis(redis);
  const adapter = {
    get: (key: string) => client.get(key),
    set: (key: string, value: string, options?: { expiration?: { value: number } }) =>
      client.set(key, value, 'EX', options?.expiration?.value ?? 86_400),
    expire: (key: string, seconds: number) => client.expire(key, seconds),
    del: (keys: string[]) => client.del(keys),
  };
  return new RedisStore({ client: adapter as never });
}

if (framework === 'express') {
  const app = express();
  app.disable('x-powered-by').disable('etag');
  if (kind === 'limpet') app.use(limpetExpress({ strategy: 'sticky' }));
  else app.use(expressSession({ secret, resave: false, saveUninitialized: false, store: redisStore() }));
  const dataOf = (request: express.Request) =>
    (kind === 'limpet' ? request.limpet.data : request.session) as unknown as { cart?: Item[] };
  app.get('/cart', (request, response) => void response.send(answer(dataOf(request).cart ?? [])));
  app.post('/add', (request, response) => {
    const data = dataOf(request);
    data.cart = add(data.cart ?? []);
    response.send(answer(data.cart));
  });
  app.listen(Number(port), '127.0.0.1');
} else {
  const app = fastify();
  if (kind === 'limpet') await app.register(limpetFastify, { strategy: 'sticky' });
  else {
    await app.register(fastifyCookie);
    const cookie = { secure: false };
    await app.register(fastifySession, { secret, cookie, saveUninitialized: false, store: redisStore() as never });
  }
  const dataOf = (request: unknown) =>
    (kind === 'limpet'
      ? (request as { limpet: { data: object } }).limpet.data
      : (request as { session: object }).session) as { cart?: Item[] };
  app.get('/cart', async (request) => answer(dataOf(request).cart ?? []));
  app.post('/add', async (request) => {
    const data = dataOf(request);
    data.cart = add(data.cart ?? []);
    return answer(data.cart);
  });
  await app.listen({ port: Number(port), host: '127.0.0.1' });
}
