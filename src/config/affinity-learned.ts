/** What a person may write about sessions that the app or the client names, and that the table keeps. */
import { z } from 'zod';
import { flawOf } from '../affinity/pattern.ts';
import { cookieName, fillTimes, headerName, queryName, storedTimes } from './affinity-names.ts';
import { defaults } from './defaults.ts';
import { field, flag, map, open, text } from './fields.ts';
import type { HeaderOptions, LearnOptions, PathOptions, QueryOptions, SocketIoOptions } from './options.ts';

const usualIdle = defaults.stored.idle;
const times = storedTimes(usualIdle);

/** What may stand before the `=` of a path parameter: RFC 3986 section 3.3, without what ends it. */
const pathParameter = text('parameter', 'the name of a path parameter such as jsessionid', (name) =>
  /^[\w.~!$&'()*+,:@%-]{1,256}$/.test(name) ? name : null,
);

const learnForm =
  "the name of the app's cookie, or a map with cookie, header, query or parameter (at least one of them)";

const learnFields = map(
  {
    cookie: open(cookieName, undefined, "The app's cookie: set by responses, sent by requests."),
    header: open(headerName, undefined, 'A header of responses and of requests.'),
    query: open(queryName, undefined, 'A query parameter of requests. It names what another place has taught.'),
    parameter: open(
      pathParameter,
      undefined,
      'A path parameter, `;NAME=id` at the end of a segment: of requests, and of `Location` in responses.',
    ),
    ...times,
  },
  learnForm,
).transform(({ cookie = '', header = '', query = '', parameter = '', idle, absolute }, context): LearnOptions => {
  if (cookie + header + query + parameter !== '')
    return { type: 'learn', cookie, header, query, parameter, ...fillTimes(idle, absolute, usualIdle) };
  // An unknown field says more: it is likely the misspelt place.
  if (context.issues.length === 0) context.issues.push({ code: 'custom', message: learnForm, input: {} });
  return z.NEVER;
});

export const learnSchema = z.union(
  [cookieName.transform((cookie): LearnOptions => learnFields.parse({ cookie })), learnFields],
  { error: learnForm },
);

const headerForm = 'a header name such as X-User, or a map with name';

const headerFields = map(
  {
    name: headerName.meta({ description: 'Name of the header.' }),
    ...times,
    endOnDelete: open(
      flag(),
      'only for `Mcp-Session-Id`',
      'A DELETE that carries the header and succeeds ends the session, as MCP has it.',
    ),
  },
  headerForm,
).transform(
  ({ name, idle, absolute, endOnDelete }): HeaderOptions => ({
    type: 'header',
    name,
    ...fillTimes(idle, absolute, usualIdle),
    endOnDelete: endOnDelete ?? name.toLowerCase() === 'mcp-session-id',
  }),
);

export const headerSchema = z.union([headerName.transform((name) => headerFields.parse({ name })), headerFields], {
  error: headerForm,
});

const queryForm = 'the name of a query parameter, or a map with name';

const queryFields = map(
  { name: queryName.meta({ description: 'Name of the query parameter.' }), ...times },
  queryForm,
).transform(
  ({ name, idle, absolute }): QueryOptions => ({ type: 'query', name, ...fillTimes(idle, absolute, usualIdle) }),
);

export const querySchema = z.union([queryName.transform((name) => queryFields.parse({ name })), queryFields], {
  error: queryForm,
});

const patternForm = 'a regular expression with exactly one group, such as ^/rooms/([^/]+)';

const pathForm = `${patternForm}, or a map with pattern`;
const pattern = z.string({ error: patternForm }).meta({ title: 'regular expression (RE2)' });

/** The pattern is judged behind the union, so that its flaw is told for the short form too. */
export const pathSchema = z
  .union(
    [
      pattern,
      map(
        {
          pattern: pattern.meta({
            description: 'For the path without its query, as the client writes it. Its one group is the key.',
          }),
          ...times,
        },
        pathForm,
      ),
    ],
    { error: pathForm },
  )
  .transform((written, context): PathOptions => {
    const short = typeof written === 'string';
    const { pattern, idle, absolute } = short ? { pattern: written, idle: undefined, absolute: 0 } : written;
    const flaw = flawOf(pattern);
    if (flaw === null) return { type: 'path', pattern, ...fillTimes(idle, absolute, usualIdle) };
    const path = short ? [] : ['pattern'];
    context.issues.push({ code: 'custom', message: `${patternForm}: ${flaw}`, input: pattern, path });
    return z.NEVER;
  });

const socketPath = text('path', 'a path that begins with / and has no space, ? or #', (path) =>
  /^\/[\x21-\x22\x24-\x3e\x40-\x7e]*$/.test(path) ? path : null,
);

export const socketIoSchema = map({
  path: field(socketPath, defaults.socketIo.path, 'Requests below this path are Socket.IO (or plain Engine.IO).'),
  ...storedTimes(defaults.socketIo.idle),
}).transform(
  ({ path, idle, absolute }): SocketIoOptions => ({
    type: 'socket.io',
    path,
    ...fillTimes(idle, absolute, defaults.socketIo.idle),
  }),
);
