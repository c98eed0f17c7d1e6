/** Events as server-sent events (WHATWG HTML, 9.2): those since an id that are still kept, then each as it happens. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { AdminDependencies, AdminEvent } from '../dependencies.ts';
import { refusals } from '../problem.ts';
import { EventsQuery } from '../schemas.ts';

/** A client that is so many events behind is disconnected; it comes back with `Last-Event-ID`. */
const mostBehind = 1000;
/** Between two comments (ms), by which a connection that is dead is found, and proxies see that it is alive. */
const aliveMs = 15_000;

const stream = createRoute({
  method: 'get',
  path: '/v1/events',
  summary: 'What happens, as server-sent events',
  description: 'Begins with the events after `Last-Event-ID` (or `since`) that are still kept: the last 1,000.',
  request: { query: EventsQuery },
  responses: {
    200: { description: 'Goes on', content: { 'text/event-stream': { schema: z.string() } } },
    ...refusals(422),
  },
});

export function addEvents(app: OpenAPIHono, { events, timers }: AdminDependencies): void {
  app.openapi(stream, (c) => {
    const since = c.req.header('last-event-id') ?? c.req.valid('query').since;
    let stop = (): void => {};
    const body = new ReadableStream<Uint8Array>(
      {
        start(controller) {
          const encoder = new TextEncoder();
          let cancelBeat = (): void => {};
          let unsubscribe = (): void => {};
          stop = () => {
            cancelBeat();
            unsubscribe();
          };
          const write = (text: string): void => {
            if ((controller.desiredSize ?? 0) > 0) controller.enqueue(encoder.encode(text));
            else {
              stop();
              controller.close();
            }
          };
          const beat = (): void => {
            cancelBeat = timers.after(aliveMs, () => {
              beat();
              write(':\n\n');
            });
          };
          beat();
          write('retry: 1000\n\n');
          const from = since === undefined ? Number.NaN : Number(since);
          const missed = Number.isNaN(from) ? [] : events.since(from);
          if (missed.length > 0) write(missed.map(format).join(''));
          unsubscribe = events.subscribe((event) => write(format(event)));
        },
        cancel: () => stop(),
      },
      { highWaterMark: mostBehind },
    );
    return c.body(body, 200, { 'content-type': 'text/event-stream' });
  });
}

function format(event: AdminEvent): string {
  return `id: ${event.id}\nevent: ${event.name}\ndata: ${JSON.stringify(event)}\n\n`;
}
