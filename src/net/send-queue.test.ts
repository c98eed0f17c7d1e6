import { expect, test } from 'vitest';
import { queueOf, SendQueues } from './send-queue.ts';

const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  4711        0 10 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1F90 0100007F:D2B4 01 0002A1F0:00000010 01:00000014 00000000     0        0 4711 2 0000000000000000 20 4 30 10 -1
   2: 0100007F:1F90 0100007F:D2B6 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000 20 4 30 10 -1
`;

test.each([
  ['4711', 0x2a1f0],
  ['4712', 0],
  ['10', 0],
  ['471', -1],
  ['0', -1],
])('the send queue of inode %s is %d', (inode, bytes) => {
  expect(queueOf(table, inode)).toBe(bytes);
});

test('the table is read at most for a twentieth of the time, and not for what is no descriptor', () => {
  let now = 0;
  let reads = 0;
  const read = (): string => {
    reads++;
    now += 10;
    return '';
  };
  const queues = new SendQueues(() => now, read);
  expect(queues.heldFor(-1)).toBe(-1);
  expect(reads).toBe(0);
  for (; now < 1000; now++) queues.heldFor(0);
  expect(reads).toBeGreaterThan(1);
  expect(reads).toBeLessThanOrEqual(5);
});
