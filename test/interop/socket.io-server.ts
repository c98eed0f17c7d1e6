/** A real Socket.IO server in a process of its own, `socket.io-server.ts <name> <port>`. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';
import { host } from '../support/host.ts';

const [name = 'app', port = '0'] = process.argv.slice(2);

const server = createServer();
const io = new Server(server, { pingInterval: 300, pingTimeout: 5000 });
io.on('connection', (socket) => {
  socket.emit('who', name, socket.conn.transport.name);
  socket.on('echo', (value: unknown, answer: (server: string, value: unknown) => void) => answer(name, value));
  socket.on('join', async (room: string, answer: () => void) => {
    await socket.join(room);
    answer();
  });
  socket.on('say', (room: string, text: string) => io.to(room).emit('said', room, text));
});
server.listen(Number(port), host, () => console.log(`listening ${(server.address() as AddressInfo).port}`));

process.stdin.resume().on('end', () => process.exit());
