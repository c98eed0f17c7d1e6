/** The floor: a C relay that parses nothing and so can be neither sticky nor safe. Compiled when it is started. */
import { compile } from '../compile.ts';
import { findProgram, startPinned, waitUntilListening } from '../processes.ts';
import { cookieName, onlyOneThread, onlyPlain, type Rival } from '../rival.ts';

export const relay: Rival = {
  name: 'C relay (floor)',
  compilesItself: false,
  available: () => (findProgram('cc') === null ? 'no C compiler (cc)' : null),
  lacks: (stage) =>
    stage.idle ? 'what it keeps of a connection is in the kernel' : (onlyOneThread(stage) ?? onlyPlain(stage)),
  version: () => 'parses nothing, one server',
  async start({ port, servers, cores, dir }) {
    const command = compile('rivals/relay.c');
    const args = [String(port), servers[0]!.split(':')[1]!];
    const running = startPinned({ name: 'relay', cores, dir, command, args });
    await waitUntilListening(running, [port]);
    return { pid: running.pid, cookies: [`${cookieName}=s1`], setsCookie: 'never', addsForwardedFor: false };
  },
};
