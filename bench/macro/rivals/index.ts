/** Every rival under the key that `--only` takes, in the order of the report. */
import type { Rival } from '../rival.ts';
import { haproxy } from './haproxy.ts';
import { limpetBun } from './limpet-bun.ts';
import { limpetNode } from './limpet-node.ts';
import { nginx } from './nginx.ts';
import { relay } from './relay.ts';

export const rivals: Readonly<Record<string, Rival>> = {
  relay,
  haproxy,
  nginx,
  'limpet-bun': limpetBun,
  'limpet-node': limpetNode,
};

/** Those of `npm run bench`; `bench:full` has all. */
export const mainRivals = ['relay', 'haproxy', 'nginx', 'limpet-bun', 'limpet-node'];
