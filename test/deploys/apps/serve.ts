/**
 * The part that both apps share, `<app>.ts <folder>/<name> <port>`: it answers health checks, writes each visit into
 * `<folder>/<name>.log`, and tells `{ server, count }`.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename } from 'node:path';
import { host } from '../../support/host.ts';
import { visitLog } from '../visits.ts';

/** Counts a visit of the session that the request belongs to. */
export type Count = (request: IncomingMessage, response: ServerResponse) => Promise<number>;

/** `onFailure`: answers a request whose session cannot be opened. */
export function serveVisits(
  count: Count,
  onFailure: (request: IncomingMessage, response: ServerResponse, error: unknown) => void,
): void {
  const [place = '', port = '0'] = process.argv.slice(2);
  const log = visitLog(place);
  const name = basename(place);
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const counted = await count(request, response);
    const number = (header: string) => Number(request.headers[header]);
    log({ request: number('x-request'), client: number('x-client'), count: counted });
    response.end(JSON.stringify({ server: name, count: counted }));
  };
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    if (request.url === '/healthz') response.end('ok');
    else serve(request, response).catch((error: unknown) => onFailure(request, response, error));
  });
  server.listen(Number(port), host, () => console.log(`listening ${(server.address() as AddressInfo).port}`));
  // Goes with the program that started it, however that ends.
  process.stdin.resume().on('end', () => process.exit());
}
