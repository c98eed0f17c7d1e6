/**
 * Differential fuzz: 100,000 request heads, given to our reader and to the parser of node:http. They must
 * agree on what is a request, where it ends, and what it says; classes.ts explains every exception.
 */
import { describe, expect, test } from 'vitest';
import { RequestHead } from '../../src/http/head.ts';
import { show } from '../support/raw.ts';
import { type DisagreementClass, explain } from './classes.ts';
import { makeHead } from './heads.ts';
import { NodeParser } from './llhttp.ts';
import { fuzzCases, fuzzSeed, Random } from './random.ts';

const limits = { headBytes: 1 << 20, headers: 1000, uriBytes: 1 << 20 };
const maxShown = 8;

const head = new RequestHead(limits);
const again = new RequestHead(limits);
const parser = new NodeParser();

/** Our verdict on the bytes, read from the middle of a larger buffer. */
function readOurs(data: Buffer, random: Random): { verdict: string; after: number; complaint: string } {
  const start = random.below(5);
  const whole = Buffer.concat([Buffer.alloc(start, 'x'), data, Buffer.from('\r\n\r\n')]);
  const end = start + data.length;
  const offset = head.read(whole, start, end);
  const verdict = verdictOf(head, offset);
  // Bytes may arrive in pieces: an early answer has to be the final one.
  const part = start + random.below(data.length + 1);
  const early = again.read(whole, start, part);
  const earlyVerdict = verdictOf(again, early);
  const wrong = early === 0 ? offset > 0 && offset <= part : earlyVerdict !== verdict || early !== offset;
  const complaint = wrong
    ? `after ${part - start} bytes ${earlyVerdict} at ${early - start}, after all ${verdict} at ${offset - start}`
    : '';
  return { verdict, after: offset > 0 ? offset - start : 0, complaint };
}

function verdictOf(reader: RequestHead, offset: number): string {
  if (offset > 0) return 'accepts';
  return offset === 0 ? 'waits' : (reader.fault?.code ?? 'no fault');
}

function verdictOfNode(data: Buffer): string {
  parser.begin();
  parser.execute(data);
  if (parser.head !== null) return 'accepts';
  return parser.error === '' ? 'waits' : parser.error;
}

/** What both have understood, when both accept; '' when it is the same, `HPE_...` when node refuses after all. */
function compare(data: Buffer, after: number): string {
  parser.begin();
  parser.execute(data.subarray(0, after - 1));
  if (parser.head !== null) return 'node has the head complete one byte earlier';
  parser.execute(data.subarray(after - 1, after));
  const node = parser.head as NodeParser['head'];
  if (node === null) return `node has no complete head after our ${after} bytes (${parser.error})`;
  const ours = {
    method: text(head.methodStart, head.methodEnd),
    url: text(head.targetStart, head.targetEnd),
    version: `1.${head.minor}`,
    headers: Array.from({ length: head.headers.count }, (_, i) => [
      text(head.headers.lineStart(i), head.headers.nameEnd(i)),
      text(head.headers.valueStart(i), head.headers.valueEnd(i)),
    ]).flat(),
  };
  const theirs = { method: node.method, url: node.url, version: `${node.major}.${node.minor}`, headers: node.headers };
  if (JSON.stringify(ours) !== JSON.stringify(theirs))
    return `we read ${JSON.stringify(ours)}, node ${JSON.stringify(theirs)}`;
  return compareFraming(node.upgrade);
}

function text(start: number, end: number): string {
  return head.bytes.toString('latin1', start, end);
}

/** Bodies beyond this are not sent, only the header was compared. */
const maxBody = 70_000;

function compareFraming(upgrade: boolean): string {
  // Node ends the message at a head that asks for an upgrade; we read its body first.
  if (upgrade) return '';
  if (head.length === 0) return parser.complete ? '' : 'we see no body, node waits for one';
  if (parser.complete) return `we see a body (${head.length}), node none`;
  if (head.length === -1) {
    if (parser.error !== '') return parser.error;
    parser.execute(Buffer.from('5\r\nhello\r\n0\r\n\r\n'));
    return parser.complete && parser.body === 'hello' ? '' : `we see chunks, node ${show(parser.body)} ${parser.error}`;
  }
  if (head.length > maxBody) return '';
  parser.execute(Buffer.alloc(head.length - 1, 'x'));
  if (parser.complete) return `we see ${head.length} bytes of body, node fewer`;
  parser.execute(Buffer.from('x'));
  return parser.complete && parser.body.length === head.length ? '' : `we see ${head.length} bytes of body, node more`;
}

describe.skipIf(process.versions.bun !== undefined)('head reader against node:http', () => {
  const seed = fuzzSeed();
  const cases = fuzzCases(100_000);

  test(`${cases} heads, FUZZ_SEED=${seed}`, { timeout: 120_000 }, () => {
    const random = new Random(seed);
    const counts = new Map<DisagreementClass, number>();
    const agreed = { accepted: 0, refused: 0, waiting: 0 };
    const unexplained: string[] = [];
    for (let i = 0; i < cases && unexplained.length < maxShown; i++) {
      const made = makeHead(random);
      const data = Buffer.from(made, 'latin1');
      const { verdict: ours, after, complaint } = readOurs(data, random);
      const node = verdictOfNode(data);
      const count = (found: DisagreementClass) => counts.set(found, (counts.get(found) ?? 0) + 1);
      const say = (what: string) => unexplained.push(`case ${i}: ${what}\n    ${show(made)}`);
      if (complaint !== '') say(complaint);
      if (ours === 'accepts' && node === 'accepts') {
        const difference = compare(data, after);
        const found = difference.startsWith('HPE_') ? explain({ text: made, ours, node: difference }) : undefined;
        if (difference === '') agreed.accepted++;
        else if (found !== undefined) count(found);
        else say(difference);
      } else if (ours === 'waits' && node === 'waits') agreed.waiting++;
      else if (isRefusal(ours) && isRefusal(node)) agreed.refused++;
      else {
        const found = explain({ text: made, ours, node });
        if (found === undefined) say(`ours: ${ours}, node: ${node}`);
        else count(found);
      }
    }
    console.log(report(agreed, counts));
    expect(unexplained).toEqual([]);
    expect(agreed.accepted).toBeGreaterThan(cases / 5);
  });
});

function isRefusal(verdict: string): boolean {
  return verdict !== 'accepts' && verdict !== 'waits';
}

function report(agreed: Record<string, number>, counts: Map<DisagreementClass, number>): string {
  const rows = [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([one, n]) => `  ${String(n).padStart(6)}  ${one.name}: ${one.why}`);
  return [
    `both accept ${agreed.accepted}, both refuse ${agreed.refused}, both wait ${agreed.waiting}; explained:`,
    ...rows,
  ].join('\n');
}
