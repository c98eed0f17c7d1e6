/** What these rivals share: where they listen, whom they serve, and a cookie that names a client's server. */
import { readFileSync } from 'node:fs';
import { Agent } from 'node:http';

export const { port, servers, cookieName } = JSON.parse(readFileSync('place.json', 'utf8'));

/** Connections to the servers stay open. */
export const agent = new Agent({ keepAlive: true, maxFreeSockets: 512 });

const urls = new Map(servers.map((address, index) => [`s${index + 1}`, `http://${address}`]));
const pattern = new RegExp(`(?:^|; )${cookieName}=(s\\d+)`);
let turn = 0;

/** The URL of the server that the cookie names. A new client gets the next one; `bind` is given the cookie for it. */
export function serverOf(cookies, bind) {
  const known = urls.get(pattern.exec(cookies ?? '')?.[1]);
  if (known !== undefined) return known;
  const name = `s${1 + (turn++ % servers.length)}`;
  bind(`${cookieName}=${name}; Path=/; HttpOnly`);
  return urls.get(name);
}

/** Ends a response that its server could not give. */
export function badGateway(response) {
  if (!response.headersSent) response.statusCode = 502;
  response.end();
}
