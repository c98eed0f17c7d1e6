/** `limpet top` in a terminal of tmux: it shows the servers live, drains and makes ready by keys, and gives the terminal back. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { limpetCommand } from '../support/command.ts';
import { startLimpet } from '../support/limpet.ts';
import { needProgram } from '../support/programs.ts';
import { runtimes } from '../support/runtimes.ts';
import { poolOf, Shopper, startShops } from '../support/shop.ts';
import { Tmux } from '../support/tmux.ts';

describe.each(runtimes)('limpet top on %s', (runtime) => {
  test('shows, drains and makes ready', { timeout: 60_000 }, async (context) => {
    const program = needProgram(context, 'tmux');
    await using servers = await startShops('a', 'b');
    const config = {
      pools: { shop: { servers: poolOf(servers), health: { interval: '200ms' } } },
      sessions: {},
      workers: 1,
    };
    await using limpet = await startLimpet(runtime, { config });
    const shoppers = Array.from({ length: 8 }, () => new Shopper(limpet.url));
    for (const shopper of shoppers) await shopper.count();

    const { file, args, env } = limpetCommand(runtime, join(limpet.folder, 'state'), ['top']);
    const command = [file, ...args].map((word) => `'${word}'`).join(' ');
    const shell = `cd '${limpet.folder}' && ${command}; echo "exit $?"; read line`;
    using tmux = new Tmux(program, join(limpet.folder, 'tmux'), shell, env);
    await tmux.shows(/^> shop\/a +up +\d+ +0 +0 /m);
    await tmux.shows(/^8 sessions, 100% copied/m);
    await tmux.shows(/requests\/s/);

    tmux.press('Down', 'd');
    await tmux.shows(/drain shop\/b\? \d+ sessions can move, 0 have no copy and stay/);
    tmux.press('n');
    await tmux.shows(/arrows select/);
    expect(tmux.screen()).toMatch(/^> shop\/b +up /m);
    tmux.press('d');
    await tmux.shows(/drain shop\/b\?/);
    tmux.press('y');
    await tmux.shows(/^> shop\/b +draining /m);
    for (const shopper of shoppers) expect(await shopper.count()).toMatchObject({ server: 'a' });
    await tmux.shows(/^> shop\/b +draining +0 /m);
    tmux.press('r');
    await tmux.shows(/ready shop\/b\?/);
    tmux.press('y');
    await tmux.shows(/^> shop\/b +up /m);

    await servers[0]!.kill();
    await tmux.shows(/^ {2}shop\/a +down /m);
    await tmux.shows(/shop\/a is down: /);
    tmux.press('/', 'b', 'Enter');
    await tmux.shows(/1 servers with "b"/);
    tmux.press('q');
    await tmux.shows(/^exit 0$/m);
    expect(tmux.screen()).not.toContain('shop/b');
  });
});
