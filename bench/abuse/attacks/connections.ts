/** Connections: to a server that drops SYNs, and more than there are descriptors for. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack } from '../attack.ts';
import { several } from '../raw.ts';

export const synDrop: Attack = {
  name: 'syn-drop',
  title: 'requests to a server that drops SYNs, from clients that leave after 4 ms',
  needs: { deadPools: true, files: 512 },
  answersAgain: true,
  async run({ port, over }) {
    let asked = 0;
    while (!over.aborted && asked < 700) {
      const some = several(10, port);
      for (const one of some) one.send('GET /dead HTTP/1.1\r\nHost: abuse.example\r\n\r\n');
      asked += some.length;
      await sleep(4);
      for (const one of some) one.close();
    }
    return { attackers: asked };
  },
};

function manyConnections(workers: number): Attack {
  return {
    name: `descriptors-${workers}`,
    title: `1,000 connections with 256 descriptors, ${workers} worker${workers === 1 ? '' : 's'}`,
    needs: { files: 256, workers },
    answersAgain: true,
    async run({ port, over }) {
      const all = several(1000, port);
      for (const one of all) one.send('GET / HTTP/1.1\r\nHost: abuse.example\r\n\r\n');
      while (!over.aborted) await sleep(20);
      for (const one of all) one.close();
      return { attackers: 0 };
    },
  };
}

export const descriptors1 = manyConnections(1);
export const descriptors2 = manyConnections(2);
