/** Every command that asks or changes a running balancer, as a person types it. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { limpetCommand } from '../support/command.ts';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { type Runtime, runtimes } from '../support/runtimes.ts';
import { poolOf, Shopper, startShops } from '../support/shop.ts';

function commandOf(runtime: Runtime, limpet: Limpet) {
  return (...args: string[]) => {
    const { file, args: all, env } = limpetCommand(runtime, join(limpet.folder, 'state'), args);
    const { status, stdout, stderr } = spawnSync(file, all, { cwd: limpet.folder, env, encoding: 'utf8' });
    return { status, text: stdout + stderr };
  };
}

describe.each(runtimes)('the commands on %s', (runtime) => {
  test('one session is listed, found, moved with what it holds, and ended', { timeout: 60_000 }, async () => {
    await using servers = await startShops('a', 'b');
    const config = { pools: { shop: { servers: poolOf(servers) } }, sessions: {}, workers: 2 };
    await using limpet = await startLimpet(runtime, { config });
    const command = commandOf(runtime, limpet);
    const shopper = new Shopper(limpet.url);
    const first = await shopper.count();
    const [from, to] = first.server === 'a' ? ['a', 'b'] : ['b', 'a'];
    const half = first.id.slice(0, 16);
    const listed = command('sessions', 'list', '--server', from);
    expect(listed.text).toMatch(new RegExp(`^${half}  shop/${from}  1 .* copied`, 'm'));
    expect(command('sessions', 'list', '--server', to).text).not.toContain(half);

    const token = shopper.cookies.get('limpet') ?? '';
    const found = command('sessions', 'find', '--token', token);
    expect(found.text).toContain(`shop ${first.id}, recognised by cookie`);
    expect(found.text).toMatch(new RegExp(`server  ${from}, as the table says`));
    expect(found.text).toMatch(/copy {4}version 1, \d+ bytes, until /);
    expect(command('sessions', 'find', '--cookie', 'limpet=forged').text).toBe('no session is recognised\n');

    expect(command('sessions', 'move', half, '--to', 'nowhere')).toMatchObject({ status: 3 });
    expect(command('sessions', 'move', half, '--to', to)).toEqual({
      status: 0,
      text: `shop ${half}: goes to ${to} with its next request\n`,
    });
    expect(command('sessions', 'move', half, '--to', to).text).toContain(`its server is ${to} already`);
    expect(await shopper.count()).toMatchObject({ id: first.id, server: to, epoch: 2, restored: true, count: 2 });

    expect(command('sessions', 'end', first.id)).toEqual({ status: 0, text: `shop ${first.id}: ended\n` });
    expect(command('sessions', 'end', first.id)).toEqual({
      status: 3,
      text: `limpet: there is no session ${first.id}\n`,
    });
    const next = await shopper.count();
    expect(next.id).not.toBe(first.id);
    expect(next.count).toBe(1);
  });
});
