/**
 * What the processes of the mixed load write down, one line each: an app server each request that reaches it, the driver
 * how each request ended. Both clocks are the machine's monotonic one, in microseconds, so the lines of all can be put in order.
 */

/** A request has reached an app server. */
export interface Arrival {
  readonly at: number;
  /** Name of the app server. */
  readonly server: string;
  readonly session: string;
  /** Number of the request, unique in the run; one that is repeated arrives more than once. */
  readonly seq: number;
  readonly method: string;
}

/** begin: the request carried no name of a session, and its answer may have given one. go: it carried one. end: the last of the session. */
export type Part = 'begin' | 'go' | 'end';

/** How a request ended for the client. */
export interface Outcome {
  readonly sent: number;
  readonly received: number;
  readonly session: string;
  readonly seq: number;
  readonly method: string;
  /** 0: no whole response came; -1: a response came that belongs to another request. */
  readonly status: number;
  readonly part: Part;
  /** Who answered, by its own word; `-` when no app server did. */
  readonly server: string;
  /** As the balancer tells it; 0: not told. */
  readonly epoch: number;
}

export function microseconds(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

export function arrivalLine(arrival: Omit<Arrival, 'server'>): string {
  return `${arrival.at} ${arrival.session} ${arrival.seq} ${arrival.method}\n`;
}

export function outcomeLine(o: Outcome): string {
  return `${o.sent} ${o.received} ${o.session} ${o.seq} ${o.method} ${o.status} ${o.part} ${o.server} ${o.epoch}\n`;
}

/** The log of one server. A line that was cut when its writer was killed is left out; any other that is no record throws. */
export function readArrivals(server: string, text: string): Arrival[] {
  return linesOf(text, 4).map(([at = '', session = '', seq = '', method = '']) => {
    return { at: number(at), server, session, seq: number(seq), method };
  });
}

export function readOutcomes(text: string): Outcome[] {
  return linesOf(text, 9).map((fields) => {
    const [sent = '', received = '', session = '', seq = '', method = '', status = '', part = '', server = ''] = fields;
    if (part !== 'begin' && part !== 'go' && part !== 'end') throw new Error(`not a part of a session: ${part}`);
    return {
      sent: number(sent),
      received: number(received),
      session,
      seq: number(seq),
      method,
      status: number(status),
      part,
      server,
      epoch: number(fields[8] ?? ''),
    };
  });
}

/** `cookie` of `cookie.17.0`: the kind of the client that has the session. */
export function kindOf(session: string): string {
  return session.slice(0, session.indexOf('.'));
}

function linesOf(text: string, fields: number): string[][] {
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const found = line.split(' ');
      if (found.length !== fields) throw new Error(`found ${JSON.stringify(line)}, expected ${fields} fields`);
      return found;
    });
}

function number(text: string): number {
  const value = Number(text);
  if (text === '' || !Number.isInteger(value))
    throw new Error(`found ${JSON.stringify(text)}, expected a whole number`);
  return value;
}
