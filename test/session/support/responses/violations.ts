/** Sequences of apps that are messy: they go on after the response was sent, or it ends before they have. */
import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import type { Sequence, Stage } from './sequence.ts';

/** The ways in which a response has been sent already, and what is done with it all the same. */
const sent: Readonly<Record<string, (stage: Stage) => unknown>> = {
  writeHead: ({ response }) => response.writeHead(200),
  write: ({ response }) => response.write('a'),
  flushHeaders: ({ response }) => response.flushHeaders(),
  end: ({ response }) => response.end('whole'),
  redirect: ({ response }) => response.writeHead(302, { Location: '/' }).end(),
};

const then: Readonly<Record<string, (stage: Stage) => unknown>> = {
  setHeader: ({ response }) => response.setHeader('X-Late', '1'),
  setHeaders: ({ response }) => response.setHeaders(new Map([['x-late', '1']])),
  appendHeader: ({ response }) => response.appendHeader('X-Late', '1'),
  removeHeader: ({ response }) => response.removeHeader('X-Late'),
  getHeader: ({ response }) => response.getHeader('content-type'),
  hasHeader: ({ response }) => response.hasHeader('content-type'),
  'writeHead once more': ({ response }) => response.writeHead(500),
  flushHeaders: ({ response }) => response.flushHeaders(),
  'another status': ({ response }) => {
    response.statusCode = 500;
    return response.statusCode;
  },
  'an error page unless the head is sent': ({ response }) => {
    if (response.headersSent) return 'sent';
    response.statusCode = 500;
    return response.end('error');
  },
  'null written': ({ response }) => response.write(null),
  'a number written': ({ response }) => response.write(Object(1)),
  'an object at the end': ({ response }) => response.end({}),
  addTrailers: ({ response }) => response.addTrailers({ 'X-Late': '1' }),
};

const late: Sequence[] = Object.entries(sent).flatMap(([before, send]) =>
  Object.entries(then).map(([after, act]) => ({
    name: `${before}, then ${after}`,
    run: (stage: Stage) => {
      stage.attempt(before, () => send(stage));
      stage.attempt(after, () => act(stage));
      stage.flags();
      if (!stage.response.writableEnded) stage.response.end('rest');
      stage.flags();
    },
  })),
);

const twice: Sequence[] = [
  {
    name: 'end, end',
    run: ({ response, done }) => {
      response.end('a', done('first'));
      response.end(done('second'));
    },
  },
  {
    name: 'end, end with a text',
    run: (stage) => {
      stage.response.end('a');
      stage.attempt('end', () => stage.response.end('b', stage.done('second')));
    },
  },
  {
    name: 'end, write',
    run: (stage) => {
      stage.response.end('a');
      stage.attempt('write', () => stage.response.write('b', stage.done('written')));
      stage.flags();
    },
  },
  {
    name: 'end, write once the response is finished',
    run: async (stage) => {
      stage.response.end('a');
      await stage.event('finish');
      stage.attempt('write', () => stage.response.write('b', stage.done('written')));
      stage.attempt('end', () => stage.response.end(stage.done('ended')));
      stage.flags();
    },
  },
  {
    name: 'send, then the next handler that looks whether it was sent',
    run: async (stage) => {
      stage.response.setHeader('Content-Type', 'application/json');
      stage.response.end('{}');
      await Promise.resolve();
      if (!stage.response.headersSent) stage.response.end('404');
      if (!stage.response.writableEnded) stage.response.end('404');
      stage.note('sent', [stage.response.headersSent, stage.response.writableEnded]);
    },
  },
  {
    name: 'a status that is none',
    run: (stage) => {
      stage.attempt('writeHead', () => stage.response.writeHead(1000));
      stage.flags();
      stage.response.end('body');
    },
  },
  {
    name: 'a header with a line feed',
    run: (stage) => {
      stage.attempt('writeHead', () => stage.response.writeHead(200, { 'X-A': 'a\nb' }));
      stage.response.end('body');
    },
  },
  {
    name: 'null written before the head',
    run: (stage) => {
      stage.attempt('write', () => stage.response.write(null));
      stage.flags();
      stage.response.end('body');
    },
  },
  {
    name: 'a number at the end before the head',
    run: (stage) => {
      stage.attempt('end', () => stage.response.end(1));
      stage.flags();
      if (!stage.response.headersSent) stage.response.setHeader('X-A', 'still here');
      stage.response.destroy();
    },
  },
];

const gone: Sequence[] = [
  { name: 'destroy at once', run: ({ response }) => void response.destroy() },
  {
    name: 'destroy with an error',
    run: (stage) => {
      stage.response.destroy(new Error('broken'));
      stage.flags();
    },
  },
  {
    name: 'destroy, then write and end',
    run: (stage) => {
      stage.response.destroy();
      stage.attempt('write', () => stage.response.write('a', stage.done('written')));
      stage.attempt('end', () => stage.response.end('b'));
      stage.flags();
    },
  },
  {
    name: 'write, destroy',
    abrupt: true,
    run: (stage) => {
      stage.response.write('a');
      stage.response.destroy();
      stage.flags();
    },
  },
  {
    name: 'write, destroy when the client has it',
    run: async (stage) => {
      stage.response.write('the first');
      await stage.clientHas('the first');
      stage.response.destroy();
    },
  },
  {
    name: 'write, destroy, write',
    abrupt: true,
    run: (stage) => {
      stage.response.write('a');
      stage.response.destroy();
      stage.attempt('write', () => stage.response.write('b', stage.done('written')));
      stage.flags();
    },
  },
  {
    name: 'the socket is destroyed after a write',
    abrupt: true,
    run: (stage) => {
      stage.response.write('a');
      stage.request.socket.destroy();
    },
  },
  {
    name: 'the client leaves before anything is sent',
    leaveAfter: '',
    run: async (stage) => {
      stage.note('here');
      await stage.event('close');
      stage.attempt('write', () => stage.response.write('a'));
      stage.attempt('end', () => stage.response.end('b'));
      stage.flags();
    },
  },
  {
    name: 'the client leaves in the midst of a stream',
    leaveAfter: 'the first',
    run: async (stage) => {
      stage.response.write('the first');
      await stage.event('close');
      stage.attempt('write', () => stage.response.write('a', stage.done('written')));
      stage.flags();
    },
  },
  {
    name: 'a piped stream breaks',
    run: async (stage) => {
      const source = Readable.from(
        (async function* () {
          yield 'the first';
          await stage.clientHas('the first');
          throw new Error('broken');
        })(),
      );
      source.on('error', (error) => {
        stage.note('source', error.message);
        stage.response.destroy();
      });
      source.pipe(stage.response);
    },
  },
  {
    name: 'end in the next turn, and the turn after',
    run: async ({ response }) => {
      await turn();
      response.write('a');
      await turn();
      response.end('b');
    },
  },
  {
    name: 'more than the stated length',
    run: (stage) => {
      stage.response.setHeader('Content-Length', 2);
      stage.attempt('write', () => stage.response.write('ab'));
      stage.attempt('end', () => stage.response.end());
      stage.flags();
    },
  },
  {
    name: 'strict: more than the stated length',
    abrupt: true,
    run: (stage) => {
      stage.response.strictContentLength = true;
      stage.response.setHeader('Content-Length', 2);
      stage.attempt('write', () => stage.response.write('abc'));
      stage.response.destroy();
    },
  },
];

export const violations: readonly Sequence[] = [...late, ...twice, ...gone];
