/**
 * An app server in a process of its own, `app-server.ts <name> <port>`: says who it is and keeps, in its
 * memory only, how often each client (x-client) came. `/report` tells; `/slow?ms=` takes its time.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { host } from './host.ts';

const [name = 'app', port = '0'] = process.argv.slice(2);
const visits = new Map<string, number>();

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://app');
  if (url.pathname === '/report') {
    response.end(JSON.stringify(Object.fromEntries(visits)));
    return;
  }
  const client = String(request.headers['x-client'] ?? '');
  const count = (visits.get(client) ?? 0) + 1;
  visits.set(client, count);
  request.resume();
  request.on('end', () => {
    const delay = Number(url.searchParams.get('ms') ?? 0);
    const answer = () => response.end(JSON.stringify({ server: name, client, count }));
    if (delay > 0) setTimeout(answer, delay);
    else answer();
  });
});
server.listen(Number(port), host, () => console.log(`listening ${(server.address() as AddressInfo).port}`));

// Goes with the test that started it, however that ends.
process.stdin.resume().on('end', () => process.exit());
