/** What the test apps share as programs: `<app>.ts <options as JSON> <port>`; they say where they listen and go with their test. */
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SessionOptions } from '../../../src/session/index.ts';
import type { Reply } from './acts.ts';

export function optionsOf(): SessionOptions {
  const options: SessionOptions = JSON.parse(process.argv[2] ?? '{"strategy":"sticky"}');
  return { onError: (error) => console.error(`session: ${error.message}`), ...options };
}

export function ready(server: Server | number): void {
  const port = typeof server === 'number' ? server : (server.address() as AddressInfo).port;
  console.log(`listening ${port}`);
  // Goes with the test that started it, however that ends.
  process.stdin.resume().on('end', () => process.exit());
}

export async function sendNode(response: ServerResponse, { status, headers, body }: Reply): Promise<void> {
  if (typeof body === 'string') {
    response.statusCode = status;
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    response.end(body);
    return;
  }
  response.writeHead(status, headers);
  for await (const piece of body) response.write(piece);
  response.end();
}
