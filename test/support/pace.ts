/** Clients and servers that are slow on purpose: what they send comes with pauses, because the pauses are what is tested. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Sends the pieces one by one, so long as `goesOn`. Returns how many were sent. */
export async function drip(
  send: (piece: string) => Promise<void> | void,
  pieces: Iterable<string>,
  gapMs: number,
  goesOn: () => boolean = () => true,
): Promise<number> {
  let sent = 0;
  for (const piece of pieces) {
    if (!goesOn()) break;
    await send(piece);
    sent++;
    await sleep(gapMs);
  }
  return sent;
}

/** The receiver reads what was written before in a read of its own. It is another process, so nothing tells when it has read. */
export function gapBetweenPieces(ms: number): Promise<void> {
  return sleep(ms);
}
