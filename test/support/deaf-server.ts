/** A server that listens, with the shortest queue there is, and never accepts: its process stops itself. */
import { type AddressInfo, createServer } from 'node:net';
import { host } from './host.ts';

const server = createServer();
server.listen({ host, port: 0, backlog: 1 }, () => {
  const line = `listening ${(server.address() as AddressInfo).port}\n`;
  // Stopped when the line has left. Ended by SIGKILL only.
  process.stdout.write(line, () => process.kill(process.pid, 'SIGSTOP'));
});
