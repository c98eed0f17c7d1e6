/**
 * Runs the cases of the socket contract under the runtime that it is started with: one JSON line per case. With the argument `tls` all
 * sockets are TLS.
 */
import type { Net } from '../../src/net/socket.ts';
import { type CaseResult, cases, tlsCases } from './contract.ts';
import { overTls } from './over-tls.ts';
import { type Case, violations } from './peer.ts';
import { clientRules, serverRules } from './rules.ts';

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

async function report(name: string, check: Case, used: Net): Promise<void> {
  const result: CaseResult = { name, error: await run(used, check) };
  console.log(JSON.stringify(result));
}

process.on('uncaughtException', (error) => violations.push(`thrown to nobody: ${error.message}`));

const net =
  process.versions.bun === undefined
    ? (await import('../../src/net/node.ts')).nodeNet
    : (await import('../../src/net/bun.ts')).bunNet;
const isTls = process.argv.includes('tls');
const used = isTls ? overTls(net, serverRules, clientRules) : net;
for (const [name, check] of Object.entries(cases)) await report(name, check, used);
if (isTls) for (const [name, check] of Object.entries(tlsCases)) await report(name, check, net);
process.exit(0);
