import { createHmac } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { makeSessionSecret } from '../../secrets/session-secret.ts';
import { BalancerSecrets } from './balancer-secrets.ts';

const now = 1e12;
const header = `id=${'ab'.repeat(16)}; epoch=3; version=7; reason=held; pool=shop; store=unix:/s:/v1; copy=c1`;
const sign = (secret: string, text = `${header}; t=1000000000`) =>
  `${text}; sig=${createHmac('sha256', secret).update(text).digest('hex').slice(0, 32)}`;

function stage() {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-secrets-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'state/session.secret');
}

describe('given secrets', () => {
  const secrets = new BalancerSecrets(['new secret', 'right secret'], '/nowhere');

  test('any of them may have signed, the first is shown', () => {
    for (const secret of ['new secret', 'right secret', 'right secret'])
      expect(secrets.verify(sign(secret), now)).toBe(null);
    expect(secrets.first).toBe('new secret');
  });

  test.each([
    ['without a signature', header],
    ['of another secret', sign('wrong secret')],
    ['with another epoch', sign('right secret').replace('epoch=3', 'epoch=4')],
    ['with another store', sign('right secret').replace('unix:/s:', 'unix:/evil:')],
    ['with another signature', sign('right secret').replace(/.$/, (last) => (last === '0' ? '1' : '0'))],
    ['with a cut signature', sign('right secret').slice(0, -1)],
    ['without a time', sign('right secret', header)],
    ['from too long ago', sign('right secret', `${header}; t=${1e9 - 121}`)],
    ['from ahead', sign('right secret', `${header}; t=${1e9 + 121}`)],
  ])('a line %s is refused, also when the right one was seen', (_what, line) => {
    expect(secrets.verify(sign('right secret'), now)).toBe(null);
    expect(secrets.verify(line, now)).toMatch(/^found a Limpet-Session header without a /);
  });

  test('what was right grows old', () => {
    expect(secrets.verify(sign('right secret'), now + 120_000)).toBe(null);
    expect(secrets.verify(sign('right secret'), now + 121_000)).toContain('recent');
  });
});

describe('a clock that is another machine’s', () => {
  const stage = () => {
    const told: number[] = [];
    const clock = { maxSkewSeconds: 600, onDiffers: (seconds: number) => told.push(seconds) };
    return { told, secrets: new BalancerSecrets(['right secret'], null, clock) };
  };
  const at = (seconds: number) => sign('right secret', `${header}; t=${1e9 + seconds}`);

  test.each([-720, -121, -120, 0, 120, 121, 720])(
    '%i s from ours is believed, and a large difference told once',
    (by) => {
      const { told, secrets } = stage();
      for (let i = 0; i < 2; i++) expect(secrets.verify(at(by), now)).toBe(null);
      expect(told).toEqual(Math.abs(by) > 120 ? [by] : []);
    },
  );

  test.each([
    [721, "without a recent signature: it is 721 s ahead of this machine's clock; expected at most 720 s"],
    [-721, "without a recent signature: it is 721 s old by this machine's clock; expected at most 720 s"],
  ])('%i s from ours is refused, and why: its signature is right', (by, why) => {
    const { told, secrets } = stage();
    expect(secrets.verify(at(by), now)).toContain(why);
    expect(told).toEqual([]);
  });
});

describe('without any', () => {
  test('the one that a balancer of this user has made counts, from when it is there', () => {
    const file = stage();
    const secrets = new BalancerSecrets([], file);
    expect(secrets.verify(header, now)).toContain(`there is no ${file}; expected a balancer of this user`);
    const secret = makeSessionSecret(file);
    // Not looked for with every request.
    expect(secrets.verify(sign(secret), now)).toContain('there is no');
    expect(secrets.verify(sign(secret), now + 1000)).toBe(null);
    expect(secrets.first).toBe(secret);
    expect(secrets.verify(header, now + 1000)).toContain('without a signature, which anybody could send');
  });

  test('another one that has taken its place counts, and the former no more', () => {
    const file = stage();
    const former = makeSessionSecret(file);
    const secrets = new BalancerSecrets([], file);
    expect(secrets.verify(sign(former), now)).toBe(null);
    rmSync(file);
    const next = makeSessionSecret(file);
    expect(next).not.toBe(former);
    expect(secrets.verify(sign(next), now + 1000)).toBe(null);
    expect(secrets.verify(sign(former), now + 1000)).toContain(`by the secret in ${file}`);
  });

  test('one that others can read is refused, with the command that mends it', () => {
    const file = stage();
    const secret = makeSessionSecret(file);
    chmodSync(file, 0o644);
    const secrets = new BalancerSecrets([], file);
    expect(secrets.verify(sign(secret), now)).toContain(`others may open ${file} (mode 644): chmod 600 ${file}`);
    expect(secrets.first).toBe(undefined);
    chmodSync(file, 0o600);
    expect(secrets.verify(sign(secret), now + 1000)).toBe(null);
  });

  test('one that holds nothing is refused', () => {
    const file = stage();
    makeSessionSecret(file);
    writeFileSync(file, 'short');
    expect(new BalancerSecrets([], file).verify(header, now)).toContain('holds no secret of 32 characters');
  });
});
