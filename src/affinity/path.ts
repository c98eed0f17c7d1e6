/** Affinity by a part of the path, such as the id of a room or a document: the one group of a regular expression. */
import type { PathOptions } from '../config/options.ts';
import { QUESTION } from '../http/bytes.ts';
import type { RequestHead } from '../http/head.ts';
import type { Affinity, ClientFacts, Session } from './affinity.ts';
import { longestName, type NamedDependencies, Naming } from './named.ts';
import { PathPattern } from './pattern.ts';

export class PathAffinity implements Affinity {
  readonly name = 'path';
  readonly lifetime: number;
  private readonly naming: Naming;
  private readonly pattern: PathPattern;
  /** One byte more than counts, so that what did not fit shows. */
  private readonly group = Buffer.alloc(longestName + 1);

  constructor({ pattern }: PathOptions, deps: NamedDependencies) {
    this.lifetime = deps.lifetime;
    this.naming = new Naming(deps);
    this.pattern = new PathPattern(pattern);
  }

  /** The path counts as it was received, without the query. */
  recognise(request: RequestHead, _client: ClientFacts, now: number, session: Session): boolean {
    const { bytes, pathStart, pathEnd } = request;
    let end = pathStart;
    while (end < pathEnd && bytes[end] !== QUESTION) end++;
    if (end - pathStart > this.pattern.longest) {
      session.beyondLimit = true;
      return false;
    }
    const key = this.pattern.find(bytes.toString('latin1', pathStart, end));
    if (key === null) return false;
    const length = this.group.write(key, 'latin1');
    this.naming.begin();
    this.naming.offer(this.group, 0, length, now, session);
    return this.naming.recognise(this, now, session);
  }
}
