/** Runs the cases of the socket contract under the runtime that it is started with: one JSON line per case. */
import type { Net } from '../../src/net/socket.ts';
import { type CaseResult, cases } from './contract.ts';
import { type Case, violations } from './peer.ts';

const caseTimeMs = 30_000;

async function run(net: Net, check: Case): Promise<string> {
  violations.length = 0;
  const { promise: overdue, reject } = Promise.withResolvers<never>();
  const limit = setTimeout(() => reject(new Error('did not end')), caseTimeMs);
  try {
    await Promise.race([check(net), overdue]);
    return [...new Set(violations)].join('; ');
  } catch (error) {
    return [messageOf(error), ...new Set(violations)].join('; ');
  } finally {
    clearTimeout(limit);
  }
}

/** Of the failure itself, when cleaning up after it failed too. */
function messageOf(error: unknown): string {
  if (error instanceof SuppressedError) return messageOf(error.suppressed);
  return error instanceof Error ? error.message : String(error);
}

process.on('uncaughtException', (error) => violations.push(`thrown to nobody: ${error.message}`));

const net =
  process.versions.bun === undefined
    ? (await import('../../src/net/node.ts')).nodeNet
    : (await import('../../src/net/bun.ts')).bunNet;
for (const [name, check] of Object.entries(cases)) {
  const result: CaseResult = { name, error: await run(net, check) };
  console.log(JSON.stringify(result));
}
process.exit(0);
