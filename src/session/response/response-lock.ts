/** What a response says of itself, and refuses, while what the app has sent waits elsewhere: as if all of it had been sent. */
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';

export interface Pending {
  /** The app has called end(). */
  readonly isEnded: boolean;
  /** Bytes that wait. */
  readonly bytes: number;
  readonly owesDrain: boolean;
}

const refused: Readonly<Record<string, string>> = {
  setHeader: 'set',
  setHeaders: 'set',
  appendHeader: 'append',
  removeHeader: 'remove',
  writeHead: 'write',
  writeContinue: 'write',
  writeProcessing: 'write',
  writeEarlyHints: 'write',
  writeInformation: 'write',
};

/** Answers what ends it. */
export function lockResponse(response: ServerResponse, pending: Pending): () => void {
  const overlay: Record<string, PropertyDescriptor> = {
    headersSent: getter(() => true),
    finished: getter(() => pending.isEnded),
    writableEnded: getter(() => pending.isEnded),
    writableFinished: getter(() => false),
    writableLength: getter(() => pending.bytes),
    writableNeedDrain: getter(() => pending.owesDrain && !pending.isEnded && !response.destroyed),
  };
  for (const [name, what] of Object.entries(refused)) overlay[name] = method(() => throwHeadersSent(what));
  const { addTrailers } = response;
  // The trailers of an ended response have been sent.
  overlay.addTrailers = method((trailers: OutgoingHttpHeaders) => {
    if (!pending.isEnded) addTrailers.call(response, trailers);
  });
  const before = Object.keys(overlay).map((name) => [name, Object.getOwnPropertyDescriptor(response, name)] as const);
  Object.defineProperties(response, overlay);
  return () => {
    for (const [name, own] of before) {
      Reflect.deleteProperty(response, name);
      if (own !== undefined) Object.defineProperty(response, name, own);
    }
  };
}

function getter(get: () => unknown): PropertyDescriptor {
  return { configurable: true, get, set: () => {} };
}

function method(value: (...args: never[]) => unknown): PropertyDescriptor {
  return { configurable: true, writable: true, value };
}

function throwHeadersSent(what: string): never {
  throw Object.assign(new Error(`Cannot ${what} headers after they are sent to the client`), {
    code: 'ERR_HTTP_HEADERS_SENT',
  });
}
