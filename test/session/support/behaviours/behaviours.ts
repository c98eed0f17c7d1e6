/** All of them. */
import type { Behaviour } from './behaviour.ts';
import { browser } from './browser.ts';
import { cookiesIn } from './cookies-in.ts';
import { cookiesOut } from './cookies-out.ts';
import { fastify } from './fastify.ts';
import { methods } from './methods.ts';
import { responses } from './responses.ts';
import { saving } from './saving.ts';

export const behaviours: readonly Behaviour[] = [
  ...cookiesIn,
  ...cookiesOut,
  ...browser,
  ...saving,
  ...methods,
  ...responses,
  ...fastify,
];
