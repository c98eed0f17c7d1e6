/** Talks to the admin API on the listener that this page came from. */
import { EventStreamParser } from './event-stream.ts';
import type { EventView } from './types.ts';

export class ApiError extends Error {
  readonly status: number;
  /** As the API names it; '' when the answer has none. */
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** How long an answer may take, ms. */
const answerMs = 15_000;
/** Before a broken event stream is opened again, ms. */
const retryMs = 2_000;

export class ApiClient {
  /** '': none is sent. */
  token = '';

  get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return this.send<T>('GET', path, undefined, signal);
  }

  /** Throws ApiError for an answer that is no success, and TypeError when there is none. */
  async send<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    const limit = AbortSignal.timeout(answerMs);
    const response = await fetch(path, {
      method,
      headers: this.headers(body === undefined ? {} : { 'content-type': 'application/json' }),
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
      cache: 'no-store',
      credentials: 'omit',
    });
    const text = await response.text();
    if (!response.ok) throw errorOf(response.status, text);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  /** Calls `onEvent` for each event until `signal` says stop; opens the stream again, after the last event seen, when it breaks. */
  async follow(
    onEvent: (event: EventView) => void,
    onState: (open: boolean) => void,
    signal: AbortSignal,
  ): Promise<void> {
    let last = '';
    while (!signal.aborted) {
      try {
        const headers = this.headers({
          accept: 'text/event-stream',
          ...(last === '' ? {} : { 'last-event-id': last }),
        });
        const response = await fetch('/v1/events', { headers, signal, cache: 'no-store', credentials: 'omit' });
        if (!response.ok || response.body === null) throw errorOf(response.status, await response.text());
        onState(true);
        const parser = new EventStreamParser();
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
        for (let read = await reader.read(); !read.done; read = await reader.read()) {
          for (const message of parser.read(read.value)) {
            last = message.id;
            onEvent(JSON.parse(message.data) as EventView);
          }
        }
      } catch {
        // The polled figures say whether the balancer answers at all.
      }
      if (signal.aborted) return;
      onState(false);
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }

  private headers(more: Record<string, string>): Record<string, string> {
    return this.token === '' ? more : { ...more, authorization: `Bearer ${this.token}` };
  }
}

function errorOf(status: number, text: string): ApiError {
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string } };
    return new ApiError(status, error.code, error.message);
  } catch {
    return new ApiError(status, '', `the balancer answers ${status}`);
  }
}
