/** A certificate that ends soon: the log warns once for each of 30, 7 and 1 days, SIGUSR2 tells the seconds left, and a new one ends it. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { TestAuthority } from '../support/certificates.ts';
import { shownFor } from '../support/https.ts';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { configFor, until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';

const day = 86_400_000;
const authority = new TestAuthority();

function warnings(limpet: Limpet): string[] {
  return limpet
    .stderr()
    .split('\n')
    .flatMap((line) => /warn limpet: (.*(?:expires|expired).*)/.exec(line)?.[1] ?? []);
}

/** `secondsLeft` in the last answer to SIGUSR2. */
async function secondsLeft(limpet: Limpet): Promise<number> {
  await limpet.counters();
  const line =
    limpet
      .stderr()
      .match(/^\{"counters":.*\}$/gm)
      ?.at(-1) ?? '{}';
  const { certificates = [] } = JSON.parse(line) as { certificates?: readonly { readonly secondsLeft: number }[] };
  return certificates[0]?.secondsLeft ?? Number.NaN;
}

describe.each(runtimes)('on %s', (runtime) => {
  onlyOver('h1', 'its listener has TLS by itself');

  test('20 days, 6 days, half a day, expired, and a new one', { timeout: 90_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'limpet-tls-'));
    const file = join(folder, 'a.pem');
    const put = (subject: string, untilMs: number) => {
      const { cert, key } = authority.issue(['a.example'], { subject, until: untilMs, from: -90 * day });
      writeFileSync(`${file}.new`, key + cert, { mode: 0o600 });
      renameSync(`${file}.new`, file);
    };
    put('20', 20.5 * day);
    await using origin = await httpOrigin('a', (_, response) => response.end('hello'));
    const tls = { certificates: [{ cert: file, key: file }] };
    const config = { ...configFor([origin]), listeners: [{ address: '127.0.0.1:0', tls }], workers: 2 };
    await using limpet = await startLimpet(runtime, { config });
    const change = async (subject: string, untilMs: number) => {
      put(subject, untilMs);
      await until(`it shows ${subject}`, async () => (await shownFor(limpet.port, 'a.example')).subject === subject);
    };

    const expiring = (left: string) =>
      expect.stringMatching(
        new RegExp(`^the certificate .*a\\.pem \\(a\\.example\\) expires ${left} \\(20[-0-9T:]+Z\\)$`),
      );
    const expected: unknown[] = [expiring('in 20 days')];
    expect(warnings(limpet)).toEqual(expected);
    expect(Math.round((await secondsLeft(limpet)) / 8640)).toBe(205);
    // Read again, it is the same certificate, which was warned of.
    await limpet.reload({ ...config, identify: true });
    expect(warnings(limpet)).toEqual(expected);

    await change('6', 6.5 * day);
    expected.push(expiring('in 6 days'));
    await until('it warns of 6 days', () => warnings(limpet).length === expected.length);
    await change('half', day / 2);
    expected.push(expiring('in less than a day'));
    await until('it warns of half a day', () => warnings(limpet).length === expected.length);
    await change('over', -day);
    expected.push(expect.stringMatching(/certificates\[0\]\.cert: the certificate .*a\.pem has expired \(/));
    await until('it says that it is over', () => warnings(limpet).length === expected.length);
    expect(warnings(limpet)).toEqual(expected);
    expect(await secondsLeft(limpet)).toBeLessThan(0);

    await change('new', 90 * day);
    expect(await secondsLeft(limpet)).toBeGreaterThan((89 * day) / 1000);
    expect(warnings(limpet)).toEqual(expected);
    rmSync(folder, { recursive: true });
  });
});
