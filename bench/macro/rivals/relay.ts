/** The floor: a C relay that parses nothing and so can be neither sticky nor safe. Compiled when it is started. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { capture, findProgram, startPinned, waitUntilListening } from '../processes.ts';
import { cookieName, type Rival } from '../rival.ts';

const source = fileURLToPath(new URL('relay.c', import.meta.url));

export const relay: Rival = {
  name: 'C relay (floor)',
  available: () => (findProgram('cc') === null ? 'no C compiler (cc)' : null),
  version: () => 'parses nothing, one server',
  async start({ port, servers, core, dir }) {
    const command = join(dir, 'relay');
    capture(findProgram('cc') ?? 'cc', ['-O2', '-Wall', '-o', command, source]);
    const args = [String(port), String(servers[0])];
    const running = startPinned({ name: 'relay', core, dir, command, args });
    await waitUntilListening(running, [port]);
    return { pid: running.pid, cookies: [`${cookieName}=s1`], setsCookie: false, addsForwardedFor: false };
  },
};
