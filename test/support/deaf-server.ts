/** A server that listens, with the shortest queue there is, and never accepts: its process stops itself. */
import { type AddressInfo, createServer } from 'node:net';
import { host } from './host.ts';

const server = createServer();
server.listen({ host, port: 0, backlog: 1 }, () => {
  console.log(`listening ${(server.address() as AddressInfo).port}`);
  // After the line above has left. Ended by SIGKILL only.
  setTimeout(() => process.kill(process.pid, 'SIGSTOP'), 50);
});
