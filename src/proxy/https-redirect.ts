/**
 * Answers a request that came over plain HTTP with the same URL under https (`redirect: https`). The response is made in the form of a
 * server's, so it takes the way of every other one, whatever protocol the client speaks.
 */
import { type Fault, requestFaults } from '../errors.ts';
import { Method, type RequestHead, ResponseHead } from '../http/head.ts';
import { Name } from '../http/names.ts';
import type { Splice } from '../http/splice.ts';
import type { Client, RequestReference } from './client/client.ts';
import type { Route } from './router.ts';

interface RedirectedRequest {
  readonly client: Client;
  readonly trace: RequestReference;
}

export class HttpsRedirect {
  /** Finds the requests that are served over plain HTTP too: those of routes that name the listener, such as ACME's challenges. */
  readonly exempt: (head: RequestHead) => Route | null;
  private readonly port: () => number;
  private readonly head = new ResponseHead({ headBytes: 2 ** 31 - 1, headers: 8, uriBytes: 0 });

  /** `port`: where https is served. */
  constructor(exempt: (head: RequestHead) => Route | null, port: () => number) {
    this.exempt = exempt;
    this.port = port;
  }

  /** Where the request should have gone; a fault: its host cannot stand in a URL. */
  locationOf(head: RequestHead): string | Fault {
    const { bytes } = head;
    const isAbsolute = head.authorityStart < head.authorityEnd;
    const authority = isAbsolute
      ? bytes.toString('latin1', head.authorityStart, head.authorityEnd)
      : head.headers.valueOf(Name.host);
    if (authority === null) return requestFaults.hostMissing;
    const host = authority.replace(/:\d*$/, '').toLowerCase();
    if (!isUrlHost(host)) return requestFaults.badHost;
    const port = this.port();
    const path = bytes.toString('latin1', head.pathStart, head.pathEnd);
    return `https://${host}${port === 443 ? '' : `:${port}`}${path.startsWith('/') ? '' : '/'}${path === '*' ? '' : path}`;
  }

  /**
   * Sends the redirect, and returns its status; a fault: it is to be refused. Every client knows 301, but may follow it with GET and without the body; so it is for GET and HEAD alone, and
   * others get 308 (RFC 9110 section 15.4.9).
   */
  answer(head: RequestHead, { client, trace }: RedirectedRequest, edit: Splice): number | Fault {
    const { method } = head;
    const location = this.locationOf(head);
    if (typeof location !== 'string') return location;
    const status = method === Method.get || method === Method.head ? 301 : 308;
    const reason = status === 301 ? 'Moved Permanently' : 'Permanent Redirect';
    const bytes = Buffer.from(
      `HTTP/1.1 ${status} ${reason}\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`,
      'latin1',
    );
    if (this.head.read(bytes, 0, bytes.length) <= 0) throw new Error(`not a redirect: ${this.head.fault?.code}`);
    edit.clear();
    if (trace.responseLine !== '') edit.addLine(trace.responseLine);
    client.sendHead(this.head, edit, 0);
    client.finish(null);
    return status;
  }
}

/**
 * A name of letters, digits, `-` and `_`, or an IP address. Stricter than the head: what browsers decode in a host (`%2f`) or refuse must
 * not become part of a URL of ours.
 */
function isUrlHost(host: string): boolean {
  if (host.length > 255) return false;
  return (
    /^\[[0-9a-f:.]+\]$/.test(host) ||
    /^(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.?$/.test(host)
  );
}
