/** `limpet explain` by a running balancer: with the states, keys and sessions that it has now. */
import { parseListener } from '../config/address.ts';
import { formatAddress } from '../net/socket.ts';
import { AdminClient, type AdminSurroundings, type AskedOptions } from './admin-client.ts';
import type { ExplainFlags } from './arguments.ts';
import { type ExplainSurroundings, readRequest } from './explain-request.ts';

/** Throws UsageError for a file that cannot be read, and for what the balancer refuses. */
export async function explainByBalancer(
  options: AskedOptions,
  { request, client, listener, json }: ExplainFlags,
  around: ExplainSurroundings & AdminSurroundings,
): Promise<string> {
  const balancer = new AdminClient(options, around.env);
  const address = listener === undefined ? null : parseListener(listener);
  const { text, ...answer } = await balancer.send<Record<string, unknown>>('POST', '/v1/explain', {
    request: (await readRequest(request, around)).toString('latin1'),
    client,
    listener: address === null ? listener : formatAddress(address),
  });
  return json === true ? `${JSON.stringify(answer, null, 2)}\n` : String(text);
}
