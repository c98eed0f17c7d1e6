/**
 * The line in which the agent of a server says what it wants of the balancer, in the words of HAProxy's agents.
 *
 *      ready  drain  maint          what an operator could say
 *      up  down  failed  stopped    whether it works; `#` begins a reason
 *      75%  weight:75%              its share of its configured weight
 *      maxconn:30                   the most requests at one time
 *
 * Words that are not known are ignored, and what is not said stays. An agent that cannot be reached says nothing.
 */

/** What an agent has said. */
export interface AgentReply {
  readonly admin?: 'ready' | 'drain' | 'maint';
  readonly works?: boolean;
  /** 0 to 2.56; 1: all of its configured weight. */
  readonly share?: number;
  /** 0: no cap. */
  readonly cap?: number;
  /** '': none was given. */
  readonly reason: string;
}

export function parseReply(line: string): AgentReply {
  const hash = line.indexOf('#');
  const words = (hash < 0 ? line : line.slice(0, hash)).toLowerCase().split(/[\s,;]+/);
  let reply: AgentReply = {
    reason:
      hash < 0
        ? ''
        : line
            .slice(hash + 1)
            .trim()
            .slice(0, 80),
  };
  for (const word of words) {
    const share = /^(?:weight:)?(\d{1,3})%$/.exec(word)?.[1];
    const cap = /^maxconn:(\d{1,7})$/.exec(word)?.[1];
    if (word === 'ready' || word === 'drain' || word === 'maint') reply = { ...reply, admin: word };
    else if (word === 'up') reply = { ...reply, works: true };
    else if (word === 'down' || word === 'failed' || word === 'stopped') reply = { ...reply, works: false };
    else if (share !== undefined) reply = { ...reply, share: Math.min(256, Number(share)) / 100 };
    else if (cap !== undefined) reply = { ...reply, cap: Number(cap) };
  }
  return reply;
}
