/** Every rival under the key that `--only` takes, in the order of the report. */
import type { Rival } from '../rival.ts';
import { apache } from './apache.ts';
import { caddy } from './caddy.ts';
import { haproxy } from './haproxy.ts';
import { limpet, limpetVariants } from './limpet.ts';
import { nginx } from './nginx.ts';
import { npmRival } from './npm.ts';
import { relay } from './relay.ts';

export const rivals: Readonly<Record<string, Rival>> = {
  relay,
  haproxy,
  nginx,
  caddy,
  apache,
  'http-proxy': npmRival('http-proxy', 'http-proxy.mjs'),
  httpxy: npmRival('httpxy', 'httpxy.mjs'),
  'fastify-http-proxy': npmRival('@fastify/http-proxy', 'fastify-http-proxy.mjs'),
  'fast-proxy': npmRival('fast-proxy', 'fast-proxy.mjs'),
  ...Object.fromEntries(Object.entries(limpetVariants).map(([key, variant]) => [key, limpet(variant)])),
};

/** Those of `npm run bench`; `bench:full` has all. */
export const mainRivals = ['relay', 'haproxy', 'nginx', 'limpet-bun', 'limpet-bun-pipelined', 'limpet-node'];
