/**
 * Sends one hostile request through the balancer and compares what came back, and what the server got, with
 * the table's demand. The server keeps a record of every request under the mark that it carries.
 */
import { type Origin, type RawOriginConnection, rawOrigin } from '../support/origin.ts';
import { type Message, oneValueOf, RawClient, type Response, readMessage, show, valuesOf } from '../support/raw.ts';
import type { RequestCase, Seen } from './requests.ts';
import { markOf, newMark, same, settle, withMark } from './stage.ts';

export interface RecordingOrigin extends Origin {
  /** Whole requests by mark, in order of arrival. */
  readonly seen: ReadonlyMap<string, readonly Message[]>;
  /** What should never have come: bytes that are no request, heads without a mark. */
  readonly breaches: readonly string[];
}

/** Reads requests strictly and answers each with 200, its mark, and the request line as body. */
export async function recordingOrigin(name: string): Promise<RecordingOrigin> {
  const seen = new Map<string, Message[]>();
  const breaches: string[] = [];
  const broken = new Set<RawOriginConnection>();
  const origin = await rawOrigin(name, (connection, received) => {
    if (broken.has(connection)) return;
    try {
      let at = 0;
      for (;;) {
        const message = readMessage(received, at, 'framed', false);
        if (message === null) break;
        at = message.end;
        answer(connection, message);
      }
      connection.forget(at);
    } catch (error) {
      broken.add(connection);
      breaches.push(`${String(error)} in ${show(received)}`);
    }
  });

  function answer(connection: RawOriginConnection, message: Message): void {
    const head = [message.line, ...message.headers.map((header) => header.join(': '))].join('\n');
    const mark = markOf(head);
    if (mark === undefined || /evil|smuggled/.test(head)) breaches.push(show(head));
    if (mark !== undefined) seen.set(mark, [...(seen.get(mark) ?? []), message]);
    const body = message.line.startsWith('HEAD ') ? '' : message.line;
    void connection.say(
      `HTTP/1.1 200 OK\r\nContent-Length: ${message.line.length}\r\nX-Mark: ${mark ?? 'none'}\r\n\r\n${body}`,
    );
  }

  return { ...origin, seen, breaches };
}

/** Bytes that would be a request of their own, if the refused one before it ended where an attacker says. */
const behind = 'GET /smuggled/TTTTTTTT HTTP/1.1\r\nHost: evil\r\nX-Mark: TTTTTTTT\r\n\r\n';

export interface Run {
  readonly cuts: readonly number[];
  /** Sends `behind` too. */
  readonly followed: boolean;
}

/** Complaints; empty when all is as demanded. */
export async function runRequest(port: number, origin: RecordingOrigin, one: RequestCase, run: Run): Promise<string[]> {
  const mark = newMark();
  const data = withMark(run.followed ? one.data + behind : one.data, mark);
  await using client = await RawClient.connect(port);
  const complaints: string[] = [];
  try {
    const sending = client.send(data, run.cuts);
    if (one.fin) {
      await sending;
      client.end();
    }
    const answers: string[] = [];
    for (let i = 0; i < one.answers.length; i++) {
      const response = await finalResponse(client, one.seen[i]);
      answers.push(describe(response));
      if (response.status === 200)
        complaints.push(...same('mark of the response', valuesOf(response, 'X-Mark'), [mark]));
    }
    await sending;
    complaints.push(...same('answers', answers, one.answers));
    if (one.closed) await client.closed();
    else complaints.push(...(await probe(client)));
    complaints.push(...same('bytes after the answers', client.rest.toString('latin1'), ''));
  } catch (error) {
    complaints.push(error instanceof Error ? error.message : String(error));
  }
  await settle('the server has them', () => (origin.seen.get(mark)?.length ?? 0) >= one.seen.length);
  complaints.push(...compareSeen(origin.seen.get(mark) ?? [], one.seen, mark));
  if (complaints.length === 0) return complaints;
  const how = run.cuts.length > 0 ? `cut at ${run.cuts.join(', ')}` : run.followed ? 'followed' : 'whole';
  return [`${how}: ${show(data)}`, ...complaints];
}

async function finalResponse(client: RawClient, seen: Seen | undefined): Promise<Response> {
  const method = seen?.line.startsWith('HEAD ') ? 'HEAD' : 'GET';
  for (;;) {
    const response = await client.response(method, 5_000);
    if (!response.complete) throw new Error(`response cut: ${show(client.received)}`);
    if (response.status >= 200) return response;
  }
}

/** `200`, or status and reason of a refusal by the balancer. */
function describe(response: Response): string {
  const reason = oneValueOf(response, 'Limpet-Reason');
  return reason === undefined ? String(response.status) : `${response.status} ${reason}`;
}

/** Both ends agree where the last request ended: one more on this connection is served. */
async function probe(client: RawClient): Promise<string[]> {
  const mark = newMark();
  await client.send(`GET /probe/${mark} HTTP/1.1\r\nHost: a\r\n\r\n`);
  const response = await finalResponse(client, undefined);
  return same(
    'a request after it',
    [describe(response), response.body.toString()],
    ['200', `GET /probe/${mark} HTTP/1.1`],
  );
}

export function compareSeen(found: readonly Message[], wanted: readonly Seen[], mark: string): string[] {
  if (found.length !== wanted.length) {
    return [
      `the server got ${found.length} whole requests, wanted ${wanted.length}: ${show(JSON.stringify(found.map((m) => m.line)))}`,
    ];
  }
  return wanted.flatMap((seen, i) => {
    const message = found[i];
    if (message === undefined) return [];
    const complaints = same('line at the server', message.line, withMark(seen.line, mark));
    for (const [name, value] of Object.entries(seen.has ?? {})) {
      complaints.push(...same(`${name} at the server`, valuesOf(message, name), [withMark(value, mark)]));
    }
    for (const name of seen.lacks ?? []) complaints.push(...same(`${name} at the server`, valuesOf(message, name), []));
    if (seen.body !== undefined)
      complaints.push(...same('body at the server', message.body.toString('latin1'), withMark(seen.body, mark)));
    const trailers = message.trailers.map((trailer) => trailer.join(': '));
    complaints.push(...same('trailers at the server', trailers, seen.trailers ?? []));
    complaints.push(...hopByHop(message));
    return complaints;
  });
}

/** Holds for every request that a server gets from us. */
function hopByHop(message: Message): string[] {
  const complaints: string[] = [];
  for (const name of ['Host', 'X-Forwarded-For', 'X-Forwarded-Proto', 'Via']) {
    // HTTP/1.0 clients may leave Host out; what we send is HTTP/1.1.
    const count = valuesOf(message, name).length;
    if (count > 1 || (count === 0 && name !== 'Host')) complaints.push(`${name} is at the server ${count} times`);
  }
  for (const name of ['Keep-Alive', 'Proxy-Connection', 'HTTP2-Settings']) {
    if (valuesOf(message, name).length > 0) complaints.push(`${name} has reached the server`);
  }
  if (message.line.endsWith(' HTTP/1.1') && valuesOf(message, 'Host').length !== 1)
    complaints.push('no Host at the server');
  return complaints;
}
