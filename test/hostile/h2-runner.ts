/** Sends one hostile HTTP/2 sequence to the balancer, and compares what came back, and what the server got, with the table's demand. */
import { FrameType } from '../../src/http/h2/frame.ts';
import { frame, uint32 } from '../support/h2-frames.ts';
import { clientPreface, type H2RawClient, type H2Response } from '../support/h2-raw.ts';
import { show } from '../support/raw.ts';
import { get, type H2Case } from './h2-case.ts';
import { compareSeen, type RecordingOrigin } from './request-runner.ts';
import type { Seen } from './requests.ts';
import { newMark, same, settle, withMark } from './stage.ts';

const start = Buffer.concat([clientPreface, frame(FrameType.settings, 0, 0)]).toString('latin1');
/** Above all of the table. */
const probeId = 1_000_001;

/** Complaints; empty when all is as demanded. `connect`: plain or over TLS. */
export async function runSequence(
  connect: () => Promise<H2RawClient>,
  origin: RecordingOrigin,
  one: H2Case,
  cuts: readonly number[],
): Promise<string[]> {
  const mark = newMark();
  const bytes = withMark(one.raw ? one.data : start + one.data, mark);
  await using client = await connect();
  await client.send(bytes, cuts);
  const complaints = one.goaway === null ? await probe(client) : await untilClosed(client, one.goaway);
  if (one.goaway === null) {
    const found: Record<number, string> = {};
    await client.wait('the streams', () => Object.keys(one.streams).every((id) => client.isOver(Number(id))));
    for (const [id, response] of client.streams) if (id !== probeId) found[id] = outcomeOf(response);
    complaints.push(...same('streams', found, one.streams));
    for (const id of Object.keys(one.streams)) complaints.push(...checkMark(client.response(Number(id)), mark));
  }
  complaints.push(...client.faults);
  complaints.push(...(await checkServer(origin, one, mark)));
  if (complaints.length === 0) return complaints;
  return [`${cuts.length > 0 ? `cut at ${cuts.join(', ')}` : 'whole'}: ${show(bytes)}`, ...complaints];
}

/** `200`, or status and reason of a refusal, and RST_STREAM. */
function outcomeOf({ status, fields, isEnded, reset }: H2Response): string {
  const parts: string[] = [];
  if (status !== 0) {
    const reason = fields.find(([name]) => name === 'limpet-reason')?.[1];
    parts.push(`${status}${reason === undefined ? '' : ` ${reason}`}${isEnded ? '' : ' (cut)'}`);
  }
  if (reset !== null) parts.push(`reset ${reset}`);
  return parts.join(', ');
}

function checkMark(response: H2Response, mark: string): string[] {
  if (response.status !== 200) return [];
  return same('mark of the response', response.fields.find(([name]) => name === 'x-mark')?.[1], mark);
}

/** The connection goes on: one more request is served, and its answer is its own. */
async function probe(client: H2RawClient): Promise<string[]> {
  const mark = newMark();
  const room = frame(FrameType.windowUpdate, 0, probeId, uint32(1000)).toString('latin1');
  await client.send(withMark(get(probeId), mark) + room);
  await client.wait('the probe', () => client.isOver(probeId) || client.isClosed);
  const response = client.response(probeId);
  const body = response.body.toString('latin1');
  return [
    ...same('GOAWAY', [client.goaway, client.goawayText], [null, '']),
    ...same('a request after it', [outcomeOf(response), body], ['200', `GET /${mark} HTTP/1.1`]),
  ];
}

async function untilClosed(client: H2RawClient, code: number): Promise<string[]> {
  const isClosed = await client.wait('the connection ends', () => client.isClosed);
  return [...same('GOAWAY', client.goaway, code), ...same('closed', isClosed, true)];
}

/** Of a connection that has failed, requests that were whole before may be there. */
async function checkServer(origin: RecordingOrigin, one: H2Case, mark: string): Promise<string[]> {
  await settle('the server has them', () => (origin.seen.get(mark)?.length ?? 0) >= one.seen.length);
  const found = origin.seen.get(mark) ?? [];
  const isReset = Object.values(one.streams).some((outcome) => outcome.startsWith('reset'));
  if (found.length === 0 && one.seen.length > 0 && isReset) return [];
  return compareSeen(found, one.seen as readonly Seen[], mark);
}
