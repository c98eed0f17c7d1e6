/** `limpet reload` and `limpet events`: the config and the story of a running balancer. */
import type { Reload } from '../admin/schemas.ts';
import { UsageError } from '../errors.ts';
import { AdminClient, type AdminSurroundings, type AskedOptions } from './admin-client.ts';

export async function reloadConfig(dryRun: boolean, options: AskedOptions, around: AdminSurroundings): Promise<void> {
  const balancer = new AdminClient(options, around.env);
  const path = `/v1/config/reload${dryRun ? '?dry-run' : ''}`;
  const { diff, restart } = await balancer.send<Reload>('POST', path, undefined);
  for (const line of diff) around.write(`${line}\n`);
  for (const field of restart) around.writeError(`limpet: warning: ${field} changes with a restart only\n`);
  if (diff.length === 0) around.write('nothing changes\n');
  else if (!dryRun) around.write('reloaded\n');
}

interface PrintedEvent {
  readonly id: number;
  readonly time: number;
  readonly name: string;
  readonly fields: Readonly<Record<string, string | number | boolean | null>>;
}

/** Prints events until the balancer ends. `since`: those after that id come first, as far as they are kept. */
export async function followEvents(
  since: number | undefined,
  json: boolean,
  options: AskedOptions,
  around: AdminSurroundings,
): Promise<void> {
  const balancer = new AdminClient(options, around.env);
  const query = since === undefined ? '' : `?since=${since}`;
  for await (const line of balancer.lines(`/v1/events${query}`)) {
    if (!line.startsWith('data: ')) continue;
    const text = line.slice('data: '.length);
    around.write(json ? `${text}\n` : `${inWords(JSON.parse(text) as PrintedEvent)}\n`);
  }
  throw new UsageError('the balancer has closed the connection');
}

function inWords({ time, name, fields }: PrintedEvent): string {
  const words = Object.entries(fields).map(([field, value]) => `${field}=${quoted(value)}`);
  return [new Date(time).toISOString(), name, ...words].join(' ');
}

function quoted(value: PrintedEvent['fields'][string]): string {
  const text = String(value);
  return typeof value === 'string' && !/^[\w./:@-]+$/.test(text) ? JSON.stringify(text) : text;
}
