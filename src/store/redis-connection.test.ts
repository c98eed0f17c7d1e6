import { Redis } from 'ioredis';
import { expect, onTestFinished, type TestContext, test } from 'vitest';
import { needProgram } from '../../test/support/programs.ts';
import { RedisServer } from '../../test/support/redis.ts';
import { redisAddress } from '../../test/support/redis-stage.ts';
import { until } from '../../test/support/until.ts';
import { systemTimers } from '../time/clock.ts';
import { RedisConnection } from './redis-connection.ts';

async function stage(context: TestContext) {
  needProgram(context, 'redis');
  const server = await RedisServer.start();
  onTestFinished(() => server.kill());
  const admin = new Redis(server.url);
  admin.on('error', () => {});
  onTestFinished(() => admin.disconnect());
  const options = { timeout: 2000, mayBeAway: true, now: () => Date.now(), timers: systemTimers };
  const connection = await RedisConnection.open(redisAddress(server.url), options);
  onTestFinished(() => connection.close());
  return { server, admin, connection };
}

const countClients = async (admin: Redis) =>
  String(await admin.client('LIST'))
    .trim()
    .split('\n').length;

test('a script is run by its hash, and sent again to a server that has forgotten it', async (context) => {
  const { admin, connection } = await stage(context);
  await connection.ready();
  const run = async () => (await connection.run('return {KEYS[1], ARGV[1]}', ['k'], [Buffer.of(0xff)])).map(String);
  const reply = ['k', String(Buffer.of(0xff))];
  expect([await run(), await run()]).toEqual([reply, reply]);
  await admin.script('FLUSH');
  expect(await run()).toEqual(reply);
  await expect(connection.run('return redis.error_reply("no")', [], [])).rejects.toThrow(/^redis: .*no$/);
});

test('listeners of several channels share one connection, which a restart of the server does not end', async (context) => {
  const { server, admin, connection } = await stage(context);
  await connection.ready();
  const before = await countClients(admin);
  const messages: string[] = [];
  await connection.subscribe('a', (text) => messages.push(`a ${text}`));
  await connection.subscribe('b', (text) => messages.push(`b ${text}`));
  await connection.subscribe('b', (text) => messages.push(`also b ${text}`));
  const publish = async (channel: string, text: string) => {
    await until('somebody listens', async () => (await admin.publish(channel, text).catch(() => 0)) > 0);
    await until('it is told', () => messages.some((message) => message.endsWith(text)));
  };
  await publish('a', '1');
  await publish('b', '2');
  expect(messages).toEqual(['a 1', 'b 2', 'also b 2']);
  expect(await countClients(admin)).toBe(before + 1);
  await server.kill();
  await expect(connection.query((redis) => redis.get('k'))).rejects.toMatchObject({ code: 'unavailable' });
  await server.start();
  await publish('b', '3');
  expect(messages.slice(3)).toEqual(['b 3', 'also b 3']);
});

test('who subscribes while the store is away listens when it is there', async (context) => {
  const { server, admin, connection } = await stage(context);
  await connection.ready();
  await server.kill();
  await expect(connection.query((redis) => redis.get('k'))).rejects.toThrow(/^redis: /);
  const messages: string[] = [];
  await connection.subscribe('a', (text) => messages.push(text));
  await server.start();
  await until('somebody listens', async () => (await admin.publish('a', '1').catch(() => 0)) > 0);
  await until('it is told', () => messages.length > 0);
});
