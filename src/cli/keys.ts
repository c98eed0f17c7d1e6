/** `limpet keys`: the token keys of a running balancer, and how another one takes their place. */
import type { KeyList } from '../admin/schemas.ts';
import { AdminClient, type AdminSurroundings, type AskedOptions } from './admin-client.ts';
import { inColumns } from './columns.ts';

export interface KeysCommand {
  readonly what: 'list' | 'rotate' | 'retire';
  readonly json: boolean;
}

export async function runKeys(
  { what, json }: KeysCommand,
  options: AskedOptions,
  around: AdminSurroundings,
): Promise<void> {
  const balancer = new AdminClient(options, around.env);
  const found =
    what === 'list'
      ? await balancer.get<KeyList>('/v1/keys')
      : await balancer.send<KeyList>('POST', `/v1/keys/${what}`, undefined);
  if (json) around.write(`${JSON.stringify(found, null, 2)}\n`);
  else {
    const rows = found.keys.map(({ name, use, made }) => [name, use, made ?? 'not known', found.source]);
    around.write(inColumns([['key', 'use', 'made', 'from'], ...rows]));
  }
}
