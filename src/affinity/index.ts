/** The list of all affinities. The reference of the config has them in this order. */
import type { z } from 'zod';
import { clientCertificate } from './client-certificate.ts';
import { cookie } from './cookie-descriptor.ts';
import { force } from './force.ts';
import { header } from './header.ts';
import { learn } from './learn.ts';
import { path } from './path.ts';
import { query } from './query.ts';
import { rewrite } from './rewrite.ts';
import { route } from './route.ts';
import { socketIo } from './socket-io.ts';
import { sourceIp } from './source-ip.ts';

export const affinities = [
  cookie,
  learn,
  header,
  query,
  path,
  socketIo,
  sourceIp,
  clientCertificate,
  rewrite,
  route,
  force,
] as const;

/** The filled options of these affinities. */
export type KnownAffinity = z.output<ReturnType<(typeof affinities)[number]['schema']>>;
