/** One client over TLS with HTTP/1.1: the bytes as they are, both ways, each with the end that the other side has made. */
import type { Socket } from 'node:net';
import { addressOf, connectTo, type Target } from './target.ts';

/** `refused` is called when nobody listens there any more. */
export function relay(client: Socket, target: Target, refused: () => void): void {
  const { stream, reset } = connectTo(target, addressOf(client), 'http/1.1');
  // End, pause and resume: `pipe` carries them over.
  client.pipe(stream);
  stream.pipe(client);
  client.on('error', reset);
  client.on('close', (failed) => {
    // It has left without a FIN, or without having read the other's.
    if (failed || !stream.writableEnded) reset();
  });
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNREFUSED') refused();
    resetWhenSent(client);
  });
  stream.on('close', () => {
    if (!client.writableEnded) resetWhenSent(client);
  });
}

/** What came before a reset is the client's: one that reads slowly still gets it. */
export function resetWhenSent(client: Socket): void {
  if (client.destroyed) return;
  if (client.writableLength === 0) client.resetAndDestroy();
  else client.once('drain', () => client.resetAndDestroy());
}
