/**
 * Has a server say one hostile thing behind the balancer, and compares what the client got with the table's
 * demand. Afterwards the connection that was abused must stay unused, unless the table says otherwise.
 */
import { CLOSE, type Origin, type RawOriginConnection, RESET, rawOrigin, type Step } from '../support/origin.ts';
import { RawClient, type Response, readMessage, show, valuesOf } from '../support/raw.ts';
import type { ResponseCase } from './responses.ts';
import { markOf, newMark, same, settle, withMark } from './stage.ts';

interface Script {
  readonly steps: readonly Step[];
  readonly reusable: boolean;
  /** The connection on which it was said. */
  connection?: RawOriginConnection;
}

export interface ScriptedOrigin extends Origin {
  /** What to say to the request with this mark; all others get a plain 200 with their mark as body. */
  readonly scripts: Map<string, Script>;
  /** Requests that came on a connection that must not be used again. */
  readonly breaches: readonly string[];
}

export async function scriptedOrigin(name: string): Promise<ScriptedOrigin> {
  const scripts = new Map<string, Script>();
  const breaches: string[] = [];
  const spoiled = new Map<RawOriginConnection, string>();
  const origin = await rawOrigin(name, (connection, received) => {
    const headEnd = received.indexOf('\r\n\r\n');
    const abused = spoiled.get(connection);
    if (abused !== undefined) {
      // The rest of that request's own body may still come.
      if (headEnd >= 0) breaches.push(`after ${abused}: ${show(received)}`);
      return;
    }
    if (headEnd < 0) return;
    const mark = markOf(received.toString('latin1', 0, headEnd)) ?? 'none';
    const script = scripts.get(mark);
    if (script !== undefined) script.connection = connection;
    // The script answers at the head, before a body that may never come; no other request has one.
    const message = readMessage(received, 0, script === undefined ? 'framed' : 'none', false);
    connection.forget(message?.end ?? received.length);
    if (script?.reusable === false) spoiled.set(connection, mark);
    void connection.say(
      ...(script?.steps ?? [`HTTP/1.1 200 OK\r\nContent-Length: ${mark.length}\r\nX-Mark: ${mark}\r\n\r\n${mark}`]),
    );
  });
  return { ...origin, scripts, breaches };
}

/** Time between two pieces, and time in which the balancer must have read what was said before a reset. */
const gap = 2;
const quiet = 10;

/**
 * True when bytes follow after a response that is already whole. Whoever reused the connection in between would
 * take them for an answer, and HTTP/1.1 knows no way to tell: such runs have the balancer for themselves.
 */
export function comesLate(one: ResponseCase, cutAt: number): boolean {
  return one.extra !== '' && cutAt >= one.data.length;
}

/** Complaints; empty when all is as demanded. `cutAt`: where the server's bytes are cut in two; 0 nowhere. */
export async function runResponse(
  port: number,
  origin: ScriptedOrigin,
  one: ResponseCase,
  cutAt: number,
): Promise<string[]> {
  const mark = newMark();
  const data = withMark(one.data + one.extra, mark);
  const script: Script = { steps: stepsOf(one, data, cutAt), reusable: one.reusable };
  origin.scripts.set(mark, script);
  await using client = await RawClient.connect(port);
  const complaints: string[] = [];
  try {
    await client.send(withMark(one.request, mark));
    const response =
      one.expect === 'cut' ? await responseOrCut(client, one.request) : await finalResponse(client, one.request);
    if (response === null) return [];
    if (one.expect === 'served') complaints.push(...checkServed(response, one));
    else if (one.expect === 'cut') complaints.push(...(await checkCut(client, response)));
    else complaints.push(...same('answer', describe(response), one.expect));
    if (comesLate(one, cutAt)) {
      const { connection } = script;
      await settle(
        'the balancer leaves the connection',
        () => connection?.open() !== true || connection.ended() !== 'no',
      );
    }
    if (response.complete && response.status !== 101 && !one.request.startsWith('POST'))
      complaints.push(...(await checkNext(client, response, one.request)));
  } catch (error) {
    complaints.push(error instanceof Error ? error.message : String(error));
  }
  if (client.received.includes('POISON')) complaints.push(`poisoned: ${show(client.received)}`);
  origin.scripts.delete(mark);
  if (complaints.length === 0) return complaints;
  return [`${cutAt === 0 ? 'whole' : `cut at ${cutAt}`}: ${show(data)}`, ...complaints];
}

function stepsOf(one: ResponseCase, data: string, cutAt: number): Step[] {
  const steps: Step[] = cutAt === 0 ? [data] : [data.slice(0, cutAt), gap, data.slice(cutAt)];
  // Else the reset could overtake the bytes: it drops what has not been read yet.
  if (one.ending === 'reset') steps.push(quiet, RESET);
  if (one.ending === 'close') steps.push(CLOSE);
  return steps;
}

async function finalResponse(client: RawClient, request: string): Promise<Response> {
  for (;;) {
    const response = await client.response(request.startsWith('HEAD') ? 'HEAD' : 'GET', 5_000);
    if (response.status >= 200 || response.status === 101 || !response.complete) return response;
    if (request.includes('HTTP/1.0')) throw new Error('an HTTP/1.0 client got an interim response');
    // RFC 9110 section 8.6: a client that believed it would take the next response for its body.
    if (valuesOf(response, 'Content-Length').length > 0) throw new Error('an interim response has a length');
    if (hasEvil(response)) throw new Error(`evil in an interim response: ${show(client.received)}`);
  }
}

/** Null when the balancer broke the connection before it had relayed a byte: cut as well. */
async function responseOrCut(client: RawClient, request: string): Promise<Response | null> {
  await client.wait('answer', 5_000, () => client.received.length > 0 || client.state !== 'open');
  return client.received.length === 0 && client.state === 'reset' ? null : finalResponse(client, request);
}

/** `200`, or status and reason of the balancer's own answer. */
function describe(response: Response): string {
  return [String(response.status), ...valuesOf(response, 'Limpet-Reason')].join(' ');
}

/** Our own token is left out: one of 200,000 happens to spell the word. */
function hasEvil(response: Response): boolean {
  const text = [...response.headers, ...response.trailers].map((header) => header.join(': ')).join('\n');
  return text.replace(/limpet=[\w-]{72}/g, '').includes('evil');
}

function checkServed(response: Response, one: ResponseCase): string[] {
  const complaints = [
    ...same('answer', describe(response), String(one.status)),
    ...same('complete', response.complete, true),
    ...same('body', response.body.toString('latin1'), one.body),
  ];
  for (const [name, values] of Object.entries(one.has))
    complaints.push(...same(name, valuesOf(response, name), values));
  // An HTTP/1.0 client and a response that is not chunked have no place for them.
  if (response.chunked)
    complaints.push(
      ...same(
        'trailers',
        response.trailers.map((trailer) => trailer.join(': ')),
        one.trailers,
      ),
    );
  if (hasEvil(response)) complaints.push('evil has reached the client');
  return complaints;
}

/** Not passed on as complete: an error of ours instead, or a response that visibly breaks off. */
async function checkCut(client: RawClient, response: Response): Promise<string[]> {
  if (!response.complete) {
    await client.closed();
    return [];
  }
  const own = ['502 bad-response-body', '502 body-cut', '502 closed-early', '502 bad-response'];
  if (own.includes(describe(response))) return [];
  return [
    `a cut response was passed on as ${describe(response)} with ${show(response.body)}, connection ${client.state}`,
  ];
}

/** What the response says of its connection holds: it ends, or the next request gets its own answer. */
async function checkNext(client: RawClient, response: Response, request: string): Promise<string[]> {
  const closes = valuesOf(response, 'Connection').some((value) => value.toLowerCase() === 'close');
  if (closes || response.closeDelimited || request.includes('HTTP/1.0')) {
    await client.closed();
    return same('bytes after the response', client.rest.toString('latin1'), '');
  }
  const mark = newMark();
  await client.send(`GET /next/${mark} HTTP/1.1\r\nHost: a\r\n\r\n`);
  const next = await client.response('GET', 5_000);
  return same('the next response', [next.status, next.body.toString(), ...valuesOf(next, 'X-Mark')], [200, mark, mark]);
}
