/** WebSocket: 1,000 connections that each send a message of 32 bytes when the last one is back. */
import { messages } from '../kinds.ts';
import { headOf, runLoad } from '../load.ts';
import { metered } from '../meter.ts';
import { usual, type Workload } from '../workload.ts';

const connections = 1_000;
/** The key of RFC 6455, 1.3: the servers know the answer to this one. */
const handshake = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];

export const websocket: Workload = {
  name: 'websocket',
  title: `WebSocket echo of 32 bytes, ${connections.toLocaleString('en')} connections`,
  kind: messages,
  stage: { ...usual, backend: 'origin' },
  when: 'always',
  run: (load) =>
    metered(load, (begin) =>
      runLoad({
        source: 'load/websocket.c',
        core: load.core,
        port: load.port,
        heads: load.cookies.map((cookie) => headOf({ headers: handshake, cookie })),
        options: ['-c', String(connections), '-t', String(load.seconds * 1000)],
        ready: async () => begin(),
      }),
    ),
};
