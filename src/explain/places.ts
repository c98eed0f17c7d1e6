/** Where in a request an affinity looks for a name, in words. */

import { Session } from '../affinity/affinity.ts';
import { LearnAffinity } from '../affinity/learn.ts';
import type { AffinityOptions, LearnOptions } from '../config/options.ts';
import type { RequestHead } from '../http/head.ts';

/** The places of `learn`, in the order in which they are looked at. */
const learned = ['cookie', 'header', 'query', 'parameter'] as const;
type Learned = (typeof learned)[number];

/** Empty for those whose sessions have no name. */
export function placesOf(options: AffinityOptions): string[] {
  switch (options.type) {
    case 'learn':
      return learned.filter((place) => options[place] !== '').map((place) => inWords(place, options[place]));
    case 'header':
      return [`header ${options.name}`];
    case 'query':
      return [`query parameter ${options.name}`];
    case 'path':
      return [`path, by ${options.pattern}`];
    case 'socket.io':
      return [`query parameter sid below ${options.path}`];
    default:
      return [];
  }
}

/** The one place where a request that was recognised has its name. */
export function whereNamed(options: AffinityOptions, request: RequestHead): string {
  if (options.type !== 'learn') return placesOf(options).join(' or ');
  const found = learned.find((place) => options[place] !== '' && isNamedIn(place, options, request));
  return found === undefined ? placesOf(options).join(' or ') : inWords(found, options[found]);
}

/** Asks the affinity itself, as if it looked there alone. */
function isNamedIn(place: Learned, options: LearnOptions, request: RequestHead): boolean {
  const alone = { ...options, cookie: '', header: '', query: '', parameter: '', [place]: options[place] };
  const affinity = new LearnAffinity(alone, { names: { hash() {} }, lifetime: 0 });
  return affinity.recognise(request, { clientAddress: '', clientSecure: false }, 0, new Session());
}

function inWords(place: Learned, name: string): string {
  if (place === 'query') return `query parameter ${name}`;
  return place === 'parameter' ? `path parameter ;${name}=` : `${place} ${name}`;
}
