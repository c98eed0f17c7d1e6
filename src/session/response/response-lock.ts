/** How a response looks to the app while its calls are held elsewhere: as if all that the app has sent had been sent. */
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** What is held. */
export interface HeldState {
  /** The app has called end(). */
  readonly isEnded: boolean;
  readonly bytes: number;
  /** A write has returned false: the app waits for `drain`. */
  readonly needsDrain: boolean;
}

/** Methods that throw after the head was sent, and the verb of Node's message. */
const refusedMethods: Readonly<Record<string, string>> = {
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

/** Returns the function that unlocks the response. */
export function lockResponse(response: ServerResponse, held: HeldState): () => void {
  const overlay: Record<string, PropertyDescriptor> = {
    headersSent: getter(() => true),
    finished: getter(() => held.isEnded),
    writableEnded: getter(() => held.isEnded),
    writableFinished: getter(() => false),
    writableLength: getter(() => held.bytes),
    writableNeedDrain: getter(() => held.needsDrain && !held.isEnded && !response.destroyed),
  };
  for (const [name, verb] of Object.entries(refusedMethods)) overlay[name] = method(() => throwHeadersSent(verb));
  const { addTrailers } = response;
  // After end() the trailers count as sent.
  overlay.addTrailers = method((trailers: OutgoingHttpHeaders) => {
    if (!held.isEnded) addTrailers.call(response, trailers);
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

function throwHeadersSent(verb: string): never {
  throw Object.assign(new Error(`Cannot ${verb} headers after they are sent to the client`), {
    code: 'ERR_HTTP_HEADERS_SENT',
  });
}
