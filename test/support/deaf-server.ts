/** A server that listens, with the shortest queue there is, and never accepts: its process stops itself. */
import { type AddressInfo, createServer } from 'node:net';

const server = createServer();
server.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => {
  console.log(`listening ${(server.address() as AddressInfo).port}`);
  // After the line above has left. Ended by SIGKILL only.
  setTimeout(() => process.kill(process.pid, 'SIGSTOP'), 50);
});
