/**
 * Answers liveness and readiness probes on a listener for traffic (`probes`). Such a request has no pool, no session and no line in the
 * access log. The response is made in the form of a server's, so it takes the way of every other one, whatever protocol the client speaks.
 */
import { Method, type RequestHead, ResponseHead } from '../http/head.ts';
import type { Splice } from '../http/splice.ts';
import type { Client } from './client/client.ts';

export interface ProbePaths {
  /** null: it is not answered here. */
  readonly live: string | null;
  readonly ready: string | null;
}

export interface ProbeJudge {
  /** Whether every event loop turns. */
  live(): boolean;
  ready(): boolean;
}

interface ProbeRequest {
  readonly client: Client;
}

interface PreparedResponse {
  readonly status: number;
  readonly head: ResponseHead;
  readonly body: Buffer;
}

export class Probes {
  private readonly judge: ProbeJudge;
  private readonly live: Buffer;
  private readonly ready: Buffer;
  private readonly good = responseOf(200, 'OK', 'ok\n');
  /** Without a reason: anybody may ask here. */
  private readonly bad = responseOf(503, 'Service Unavailable', 'no\n');

  constructor({ live, ready }: ProbePaths, judge: ProbeJudge) {
    this.judge = judge;
    this.live = Buffer.from(live ?? '', 'latin1');
    this.ready = Buffer.from(ready ?? '', 'latin1');
  }

  /** Whether the request is a probe. */
  has(head: RequestHead): boolean {
    const isAsked = head.method === Method.get || head.method === Method.head;
    return isAsked && (isPath(head, this.live) || isPath(head, this.ready));
  }

  /** Sends the response to a probe, and returns its status. */
  answer(head: RequestHead, { client }: ProbeRequest, edit: Splice): number {
    const isTrue = isPath(head, this.live) ? this.judge.live() : this.judge.ready();
    const { status, head: response, body } = isTrue ? this.good : this.bad;
    edit.clear();
    if (head.method === Method.head) client.sendHead(response, edit, 0);
    else {
      client.sendHead(response, edit, body.length);
      client.sendData(body, 0, body.length);
    }
    client.finish(null);
    return status;
  }
}

/** Whether the request is for this path, whatever the query; '' is none. */
function isPath({ bytes, pathStart, pathEnd }: RequestHead, path: Buffer): boolean {
  const end = pathStart + path.length;
  if (path.length === 0 || end > pathEnd || (end < pathEnd && bytes[end] !== questionMark)) return false;
  return path.compare(bytes, pathStart, end) === 0;
}

const questionMark = 0x3f;

function responseOf(status: number, reason: string, text: string): PreparedResponse {
  const lines = [
    `HTTP/1.1 ${status} ${reason}`,
    'Content-Type: text/plain',
    'Cache-Control: no-store',
    `Content-Length: ${text.length}`,
  ];
  const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  const head = new ResponseHead({ headBytes: bytes.length, headers: 8, uriBytes: 0 });
  if (head.read(bytes, 0, bytes.length) <= 0) throw new Error(`not a response: ${head.fault?.code}`);
  return { status, head, body: Buffer.from(text, 'latin1') };
}
