/**
 * What happened to servers and balancer, and what the balancer said of them: the checker's other half. It tells for each
 * server and moment whether a session had a reason to leave. Times as in the histories.
 */

export interface Span {
  readonly from: number;
  /** Infinity: it goes on. */
  to: number;
}

/** A server that was not as it should be, or was about to be taken from the config; '*' all of them. */
export interface Trouble extends Span {
  readonly server: string;
  readonly what: string;
  /** The balancer that says so; left out: it is so. */
  readonly node?: string;
}

/** A balancer that could not reach the store of the fleet, or was not told of moves and ends in time; '*' none could. */
export interface CutOff extends Span {
  readonly node: string;
}

export interface Ejection {
  readonly server: string;
  readonly at: number;
  readonly reason: string;
}

/** The balancer, or a server, ended, and nobody had ended it. */
export interface UnexpectedEnd {
  readonly at: number;
  readonly how: string;
}

export interface Records {
  readonly troubles: readonly Trouble[];
  /** By the balancer's own word: not up. */
  readonly notUp: readonly Trouble[];
  readonly cutOffs: readonly CutOff[];
  /**
   * No server could be reached, from the first moment to the last; nothing was under way when one began, nor when it ended,
   * and all servers were up before it and after it.
   */
  readonly outages: readonly Span[];
  readonly ejections: readonly Ejection[];
  readonly ends: readonly UnexpectedEnd[];
}

/** Nothing has happened. */
export const calm: Records = { troubles: [], notUp: [], cutOffs: [], outages: [], ejections: [], ends: [] };

/** `server shop/gull is back: it answers well`. One that is tried again takes requests as one that is up. */
const changed = /server shop\/(\w+) is (out|drained|back|ready|tried again)\b/;
const states: Readonly<Record<string, string>> = { out: 'down', drained: 'draining' };
/** `server shop/gull is out: 2 connection errors in a row: ejected for 1000 ms` */
const ejected = /server shop\/(\w+) is out: (.*connection errors.*)/;

export class Journal implements Records {
  readonly troubles: Trouble[] = [];
  readonly notUp: Trouble[] = [];
  readonly cutOffs: CutOff[] = [];
  readonly outages: Span[] = [];
  readonly ejections: Ejection[] = [];
  readonly ends: UnexpectedEnd[] = [];
  private readonly now: () => number;

  constructor(now: () => number) {
    this.now = now;
  }

  /** From now on; the answer ends it. */
  trouble(server: string, what: string): () => void {
    return this.add(this.troubles, { server, what, from: this.now(), to: Number.POSITIVE_INFINITY });
  }

  /** The same of a balancer and its store; '*' all of them. */
  cutOff(node: string): () => void {
    return this.add(this.cutOffs, { node, from: this.now(), to: Number.POSITIVE_INFINITY });
  }

  private add<One extends Span>(all: One[], one: One): () => void {
    all.push(one);
    return () => {
      one.to = this.now();
    };
  }

  ended(how: string): void {
    this.ends.push({ at: this.now(), how });
  }

  /** A line of the log of that balancer. */
  read(line: string, node = ''): void {
    const at = this.now();
    const [, server = '', word = ''] = changed.exec(line) ?? [];
    if (server !== '') {
      const to = states[word] ?? 'up';
      for (const one of this.notUp)
        if (one.server === server && one.node === node && one.to === Number.POSITIVE_INFINITY) one.to = at;
      if (to !== 'up') this.notUp.push({ server, node, what: to, from: at, to: Number.POSITIVE_INFINITY });
    }
    const [, out = '', reason = ''] = ejected.exec(line) ?? [];
    if (out !== '') this.ejections.push({ server: out, at, reason });
  }

  /** That balancer begins anew: all servers are up until it says otherwise. */
  forget(node = ''): void {
    for (const one of this.notUp) if (one.node === node) one.to = Math.min(one.to, this.now());
  }
}
