/** Sign-outs at one node, and the old cookie at all others at once: nobody may be served as signed in. */
import { type StoreKind, startFleet } from '../support/fleet.ts';
import { FleetClient, type Outcome } from '../support/fleet-clients.ts';
import type { Runtime } from '../support/runtimes.ts';

export interface LogoutReport {
  readonly signOuts: number;
  /** Requests with an old cookie. */
  readonly asked: number;
  /** A line for each that was served as signed in. */
  readonly served: readonly string[];
  /** By answer: `empty`, or why there was none. */
  readonly answers: Readonly<Record<string, number>>;
  /** Clients that could not sign in, or out, or in again at another node at once. */
  readonly failures: readonly string[];
}

/** Clients at the same time. */
const lanes = 8;

export async function signOuts(
  runtime: Runtime,
  nodes: number,
  many: number,
  store: StoreKind = 'redis',
): Promise<LogoutReport> {
  await using fleet = await startFleet(runtime, { nodes, kinds: ['library'], store });
  const served: string[] = [];
  const failures: string[] = [];
  const answers: Record<string, number> = {};
  let [left, ended, asked] = [many, 0, 0];
  const post = { method: 'POST' };
  const userOf = ({ body }: Outcome) => (JSON.parse(body) as { user: string }).user;
  const lane = async () => {
    while (left-- > 0) {
      const at = left % nodes;
      const client = new FleetClient('library');
      const user = `u${left}`;
      const signIn = await client.ask(fleet.nodes[(at + 1) % nodes]!, `sign-in?user=${user}`, post);
      // All nodes have it in their tables.
      const before = await Promise.all(fleet.nodes.map((node) => client.twin().ask(node)));
      const old = fleet.nodes.map(() => client.twin());
      const signOut = await client.ask(fleet.nodes[at]!, 'sign-out', post);
      const flaw = [signIn, ...before, signOut].find(({ failure }) => failure !== '');
      if (flaw !== undefined || before.some((one) => userOf(one) !== user)) {
        failures.push(`${user}: ${flaw?.failure ?? before.map(({ body }) => body)}`);
        continue;
      }
      ended++;
      const late = await Promise.all(old.map((twin, n) => twin.ask(fleet.nodes[n]!)));
      asked += late.length;
      for (const one of late) {
        const answer = one.failure === '' ? (userOf(one) === '' ? 'empty' : 'signed in') : one.failure;
        answers[answer] = (answers[answer] ?? 0) + 1;
        if (answer === 'signed in')
          served.push(`${user}: signed out at ${fleet.nodes[at]!.name}, ${one.node}: ${one.body}`);
      }
      // As a person who signs in again, at whichever node: what the old cookie has left does not stand in the way.
      const again = await old[(at + 1) % nodes]!.ask(fleet.nodes[(at + 1) % nodes]!, `sign-in?user=${user}`, post);
      if (again.failure !== '' || userOf(again) !== user)
        failures.push(`${user}, again: ${again.failure || again.body}`);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return { signOuts: ended, asked, served, answers, failures };
}
