/**
 * The commands of the pages on the API, deploys, monitoring, the dashboard, logs and running, against a real balancer with real
 * servers, in the order of each page: each ends well, and prints what the page shows.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { limpetCommand } from '../support/command.ts';
import { freePort } from '../support/free-port.ts';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { ask, run, tellServer, until } from '../support/peers.ts';
import { needProgram } from '../support/programs.ts';
import { type Runtime, runtimes } from '../support/runtimes.ts';
import { poolOf, Shopper, startShops } from '../support/shop.ts';
import { Tmux } from '../support/tmux.ts';
import { blocksOf, root } from './blocks.ts';
import { commandsOfPage, flawOfOutput, type PageCommand } from './page-commands.ts';
import { codesIn, read, rowsBelow } from './tables.ts';

const token = 'operator-'.repeat(4);

/** Commands that are not run, by page, each with its reason. */
const notRun: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'docs/guide/api.md': {
    'LIMPET_ADMIN_TOKEN=... limpet servers --admin https://admin.example.org:9000 --ca ca.crt':
      'its host is another one, with a certificate of its own: test/scenarios/admin-tls.test.ts asks one with both options',
  },
  'docs/guide/deploys.md': {
    'npm run deploy:proof': 'it takes minutes: test/scenarios/deploys.test.ts is the small form of it',
    'npm run deploy:proof -- --runtime node --parts rolling,plain': 'the same',
  },
  'docs/guide/dashboard.md': {
    'ssh -L 9000:127.0.0.1:9000 balancer': 'it needs another machine',
  },
};

interface Page {
  /** The admin listener, where the page has it on TCP. */
  readonly isOnTcp?: true;
  /** Of the config. */
  readonly log?: object;
  /** What the page takes as done before a command, by its text. */
  readonly before?: Readonly<Record<string, (stage: Stage) => Promise<unknown>>>;
  /** What a command prints at least, where the page does not show it. */
  readonly prints?: Readonly<Record<string, RegExp>>;
  /** What the command does, and where it does not print. Answers what there is to see. */
  readonly after?: Readonly<Record<string, (stage: Stage) => Promise<string>>>;
}

const pages: Readonly<Record<string, Page>> = {
  'docs/guide/api.md': {},
  'docs/guide/deploys.md': { isOnTcp: true },
  'docs/guide/monitoring.md': {
    prints: {
      'curl --silent --unix-socket .limpet/admin.sock http://localhost/metrics': /^limpet_requests_total \d+$/m,
      'promtool test rules alerts.test.yml': /SUCCESS/,
    },
  },
  'docs/guide/dashboard.md': { isOnTcp: true },
  'docs/guide/logging.md': {
    log: { access: { format: 'text', file: { path: 'access.log' } } },
    prints: {
      "awk '$8 >= 500 { print $10, $15 }' access.log | sort | uniq -c": /^ *\d+ shop\/s\d \S+$/m,
      "awk '$12 ~ /^[DEO]/' access.log": / D\w /,
    },
    before: { "awk '$8 >= 500 { print $10, $15 }' access.log | sort | uniq -c": loseServers },
  },
  'docs/guide/running.md': {
    before: { 'limpet sessions': ({ limpet }) => tellServer(join(limpet.folder, 'state'), 's1', 'drain') },
    after: {
      'kill -HUP <pid>': async ({ limpet }) => {
        await until('it has read its config again', () => limpet.stderr().includes('config reloaded'));
        return '';
      },
      'kill -USR2 <pid>': async ({ limpet }) => {
        const line = () => /^\{"counters".*\}$/m.exec(limpet.stderr())?.[0] ?? '';
        await until('it has printed its counters', () => line() !== '');
        return line();
      },
    },
  },
};

/** A balancer as a page has it: `limpet` is in the path, `.limpet` its state, `limpet.yaml` its config. */
interface Stage {
  readonly runtime: Runtime;
  readonly limpet: Limpet;
  readonly shoppers: readonly Shopper[];
  readonly servers: Awaited<ReturnType<typeof startShops>>;
  readonly env: NodeJS.ProcessEnv;
  /** What `systemctl` was told. */
  readonly told: string;
  /** Text of a page, with what it leaves to the reader filled in. */
  fill(text: string): string;
}

async function withStage(runtime: Runtime, { isOnTcp, log }: Page, play: (stage: Stage) => Promise<void>) {
  await using servers = await startShops('s1', 's2');
  const admin = isOnTcp === undefined ? undefined : { listen: `127.0.0.1:${await freePort()}`, token };
  const pools = { shop: { servers: poolOf(servers) } };
  await using limpet = await startLimpet(runtime, {
    config: { pools, sessions: {}, workers: 1, ...(admin && { admin }), ...(log && { log }) },
    env: { LIMPET_ADMIN_TOKEN: token },
  });
  symlinkSync(join(limpet.folder, 'state'), join(limpet.folder, '.limpet'));
  const shoppers = Array.from({ length: 6 }, () => new Shopper(limpet.url));
  for (const shopper of shoppers) await shopper.count();
  const bin = mkdtempSync(join(tmpdir(), 'limpet-bin-'));
  try {
    const { file, args, env } = limpetCommand(runtime, join(limpet.folder, 'state'), []);
    const told = join(bin, 'told');
    const programs = {
      limpet: `exec ${[file, ...args].map((word) => `'${word}'`).join(' ')} "$@"`,
      // Nothing of this machine is restarted: a page's unit has no process here.
      systemctl: `echo "$@" >> ${told}`,
      // In a pod it is the name of the server.
      hostname: 'echo s1',
    };
    for (const [name, text] of Object.entries(programs))
      writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    const placeholders = [
      ['<pid>', String(limpet.pid)],
      ['http://limpet-admin:9700', `http://${admin?.listen ?? ''}`],
      ['POOL/NAME ADDRESS', `shop/s4 ${servers[1]!.address}`],
      ['SERVER', 's2'],
    ] as const;
    await play({
      runtime,
      limpet,
      shoppers,
      servers,
      told,
      env: { ...env, PATH: `${bin}:${env.PATH}`, ...(admin && { LIMPET_ADMIN_TOKEN: token }) },
      fill: (text) => placeholders.reduce((filled, [name, value]) => filled.replaceAll(name, value), text),
    });
  } finally {
    rmSync(bin, { recursive: true, force: true });
  }
}

/** One server is killed, so that a session loses it; then the other one, so that requests fail. */
async function loseServers({ limpet, servers, shoppers }: Stage): Promise<void> {
  const visit = () => Promise.all(shoppers.map((shopper) => shopper.ask()));
  for (const server of servers) {
    await server.kill();
    await visit();
  }
  const log = join(limpet.folder, 'access.log');
  await until('the log is written', () => existsSync(log) && / 503 /.test(readFileSync(log, 'utf8')));
}

/** What is wrong with each command of the page, run in its order. */
async function flawsOfPage(
  path: string,
  commands: readonly PageCommand[],
  page: Page,
  stage: Stage,
): Promise<string[]> {
  const flaws: string[] = [];
  let folder = stage.limpet.folder;
  let block = -1;
  for (const command of commands) {
    const { text, shown, place } = command;
    if (block !== command.block) folder = stage.limpet.folder;
    block = command.block;
    await page.before?.[text]?.(stage);
    if (text.startsWith('cd ')) {
      // A path of the page, as its links are.
      folder = resolve(root, dirname(path), text.slice(3));
      continue;
    }
    if (/^limpet top\b/.test(text)) {
      await playTop(text, stage);
      continue;
    }
    const { code, stdout, stderr } = await run('sh', ['-ec', stage.fill(text)], { cwd: folder, env: stage.env });
    if (code !== 0) flaws.push(`${place}: ${text}: exit code ${code}: ${stdout}${stderr}`);
    if (page.prints?.[text]?.test(stdout) === false) flaws.push(`${place}: ${text}: prints ${stdout}`);
    const flaw = flawOfOutput(shown, (await page.after?.[text]?.(stage)) ?? stdout);
    if (flaw !== '') flaws.push(`${place}: ${text}: ${flaw}`);
  }
  return flaws;
}

/** In a terminal, until its user leaves. */
async function playTop(text: string, { limpet, env }: Stage): Promise<void> {
  const shell = `cd '${limpet.folder}' && ${text}; echo "exit $?"; read line`;
  using tmux = new Tmux('tmux', join(limpet.folder, 'tmux'), shell, env);
  await tmux.shows(/shop\/s1 +up/);
  tmux.press('q');
  await tmux.shows(/^exit 0$/m);
}

test('every command that is left out is on its page, and has a reason', () => {
  const left = Object.entries(notRun).flatMap(([path, commands]) =>
    Object.keys(commands).map((text) => ({ path, text })),
  );
  const all = new Map(Object.keys(pages).map((path) => [path, commandsOfPage(path).map(({ text }) => text)]));
  expect(left.filter(({ path, text }) => all.get(path)?.includes(text) !== true)).toEqual([]);
  const named = Object.entries(pages).flatMap(([path, { before = {}, prints = {}, after = {} }]) =>
    [before, prints, after].flatMap(Object.keys).map((text) => ({ path, text })),
  );
  expect(named.filter(({ path, text }) => all.get(path)?.includes(text) !== true)).toEqual([]);
});

test('what is shown and what is printed would be told apart', () => {
  expect(flawOfOutput('{"a": 1, "b": {"c": "x"}}', '{"a":2,"b":{"c":"y"}}')).toBe('');
  expect(flawOfOutput('{"a": 1}', '{"a":"x"}')).toContain('.a: found "x", shown is 1');
  expect(flawOfOutput('{"a": 1}', '{"b":1}')).toContain('.a is shown, and not there, .b is there, and not shown');
  expect(flawOfOutput('{"a": 1,...}', '{"a":1,"b":1}')).toBe('');
  expect(flawOfOutput('shop/s1 up 12', 'shop/s1  up  3\n')).toBe('');
  expect(flawOfOutput('shop/s1 down 12', 'shop/s1  up  3\n')).toContain('no line such as: shop/s1 down 12');
});

describe.each(runtimes)('the commands of the guide on %s', (runtime) => {
  test.for(Object.entries(pages))('%s', { timeout: 120_000 }, async ([path, page], context) => {
    for (const program of ['curl', 'promtool', 'tmux'] as const) needProgram(context, program);
    const commands = commandsOfPage(path).filter(({ text }) => notRun[path]?.[text] === undefined);
    expect(commands.length).toBeGreaterThan(0);
    await withStage(runtime, page, async (stage) => {
      expect(await flawsOfPage(path, commands, page, stage)).toEqual([]);
      const restarts = commands.some(({ text }) => text.includes('systemctl'));
      if (restarts) expect(readFileSync(stage.told, 'utf8')).toBe('restart app@s1\n');
    });
  });

  test('the preStop hook of the page on deploys', { timeout: 60_000 }, async () => {
    const block = blocksOf('docs/guide/deploys.md').find(({ text }) => text.startsWith('lifecycle:'));
    const { lifecycle } = parse(block?.text ?? '') as { lifecycle: { preStop: { exec: { command: string[] } } } };
    const [shell, flag, script = ''] = lifecycle.preStop.exec.command;
    expect([shell, flag]).toEqual(['sh', '-c']);
    await withStage(runtime, { isOnTcp: true }, async ({ fill, env, limpet }) => {
      const { code, stdout, stderr } = await run('sh', ['-ec', fill(script)], { cwd: limpet.folder, env });
      expect([code, stderr]).toEqual([0, '']);
      const [server, drained] = stdout
        .split(/(?<=\})(?=\{)/)
        .map((text) => JSON.parse(text) as Record<string, unknown>);
      expect(server).toMatchObject({ name: 's1', drained: true });
      expect(drained).toMatchObject({ drained: true, state: 'draining' });
    });
  });

  test('each path of the table of the API, with the body that it shows', { timeout: 60_000 }, async () => {
    await withStage(runtime, {}, async ({ limpet, shoppers, fill }) => {
      const socketPath = join(limpet.folder, '.limpet/admin.sock');
      const rows = rowsBelow(read('docs/guide/api.md'), 'Paths');
      const document = await ask('http://localhost/openapi.json', { socketPath });
      const { paths } = JSON.parse(document.body) as { paths: Record<string, Record<string, unknown>> };
      const described = Object.entries(paths).flatMap(([path, methods]) =>
        Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
      );
      const inTable = rows.map(([cell = '']) => (codesIn(cell)[0] ?? '').replace(/\?.*/, ''));
      const asDescribed = inTable.map((code) => code.replace('POOL', '{pool}').replace('SERVER', '{server}'));
      const elsewhere = ['GET /livez', 'GET /readyz', 'GET /metrics'];
      expect([...asDescribed, ...elsewhere].sort()).toEqual(described.sort());

      // The session that the table moves and ends: that of the first client, at the server that it has.
      const known = `limpet=${shoppers[0]!.cookies.get('limpet')}`;
      const found = await ask('http://localhost/v1/sessions/find', {
        socketPath,
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ cookie: known }),
      });
      const [{ id = '', server = '' } = {}] = (JSON.parse(found.body) as { found: { id: string; server: string }[] })
        .found;
      const to = server === 's1' ? 's2' : 's1';
      const flaws: string[] = [];
      for (const [cell = '', about = ''] of inOrder(rows)) {
        const [method = '', path = ''] = (codesIn(cell)[0] ?? '').split(' ');
        const isYaml = about.includes('YAML');
        const shown = codesIn(about).find((code) => code.startsWith('{'));
        const body = isYaml
          ? readFileSync(join(limpet.folder, 'limpet.yaml'), 'utf8')
          : shown?.replace('shop=...', known).replace('0f1e...', id).replace('"s2"', `"${to}"`);
        const target = fill(path.replace('POOL', 'shop').replace(/(pool|server|limit|cursor)=(?=&|$)/g, ''));
        const { status, text } = await answerOf(socketPath, method, target, body, isYaml);
        // What only a fleet has is refused here as the page says.
        const refusal = /"code":"([^"]+)"/.exec(text)?.[1] ?? '';
        const isToldOf = refusal !== '' && about.includes(`${status} \`${refusal}\``) && about.includes('fleet');
        if ((status < 200 || status > 299) && !isToldOf)
          flaws.push(`${method} ${target} ${body ?? ''}: ${status} ${text}`);
      }
      expect(flaws).toEqual([]);
    });
  });
});

/** What removes comes last: it would leave nothing to the others. */
function inOrder(rows: readonly string[][]): string[][] {
  return rows.toSorted(([a = ''], [b = '']) => Number(a.includes('DELETE')) - Number(b.includes('DELETE')));
}

/** Of a response that goes on its head is enough. */
async function answerOf(socketPath: string, method: string, target: string, body: string | undefined, isYaml: boolean) {
  const url = `http://localhost${target}`;
  if (target.startsWith('/v1/events')) {
    const args = ['-sS', '--unix-socket', socketPath, '-o', '/dev/null', '-D', '-', url];
    const child = spawn('curl', args, { stdio: ['ignore', 'pipe', 'ignore'] });
    let head = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (head += text));
    await until('the head of the events', () => head.includes('\r\n\r\n'));
    child.kill();
    return { status: Number(/^HTTP\/1.1 (\d+)/.exec(head)?.[1]), text: head };
  }
  const headers = body === undefined ? {} : { 'content-type': isYaml ? 'application/yaml' : 'application/json' };
  const reply = await ask(url, { socketPath, method, headers, ...(body !== undefined && { body }) });
  return { status: reply.status, text: reply.body };
}
