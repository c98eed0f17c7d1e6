/** The port of a Service that a rule names, and the port of its pods. */

import { parsePort } from '../values.ts';
import type { Part } from '../yaml/part.ts';
import type { KubernetesObject } from './objects.ts';

export interface ServiceRef {
  readonly namespace: string;
  readonly name: string;
  /** A number, or the name of a port of the Service. null: it has only one. */
  readonly port: string | null;
  /** Gets the notes. */
  readonly part: Part;
}

export interface Port {
  /** The port of the Service; null if only its name is known. */
  readonly number: number | null;
  readonly name: string | null;
  /** The port of the pods, if it is another one. */
  readonly target: number | null;
  readonly targetName: string | null;
  readonly part: Part | null;
}

/** Returns null if there is no such port, and reports it. */
export function portOf(service: KubernetesObject | null, { port, part, name }: ServiceRef): Port | null {
  const number = parsePort(port);
  if (service === null) {
    if (port !== null)
      return { number, name: number === null ? port : null, target: null, targetName: null, part: null };
    part.leave(`it has no port, and the Service "${name}" is not in the file`);
    return null;
  }
  const ports = service.part.at('spec', 'ports')?.items() ?? [];
  const mine = ports.find((one) => {
    if (port === null) return ports.length === 1;
    return number === null ? one.textAt('name') === port : parsePort(one.textAt('port')) === number;
  });
  if (mine === undefined) {
    part.leave(`the Service "${name}" has no port "${port ?? ''}"`);
    return null;
  }
  for (const key of ['name', 'port', 'targetPort', 'protocol']) mine.carryAt(key);
  const target = mine.textAt('targetPort');
  return {
    number: parsePort(mine.textAt('port')),
    name: mine.textAt('name'),
    target: parsePort(target),
    targetName: target !== null && parsePort(target) === null ? target : null,
    part: mine.get('targetPort'),
  };
}
