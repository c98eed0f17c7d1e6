/** What each affinity said of a request, and why, in words. */
import { KeyScan } from '../affinity/key.ts';
import type { AffinityOptions } from '../config/options.ts';
import type { RequestHead } from '../http/head.ts';
import type { Heard } from './decision-recorder.ts';
import { duration } from './duration.ts';
import type { AffinityResult, Explanation } from './explanation.ts';
import { placesOf, whereNamed } from './places.ts';

/** `over`: the app has ended the session that the request names. */
export function affinityOf(heard: Heard, over: boolean, request: RequestHead): Explanation['affinities'][number] {
  const { name, otherPool } = heard;
  const result = resultOf(heard, over);
  const reason = otherPool === null ? reasonOf(heard, result, request) : `its token belongs to the pool ${otherPool}`;
  return { name, result, otherPool, reason };
}

function resultOf({ asked, recognised, proof }: Heard, over: boolean): AffinityResult {
  if (!asked) return 'not-asked';
  if (recognised) return over ? 'ended' : 'recognised';
  return proof === 'valid' ? 'none' : proof;
}

function reasonOf({ options, peerTrusted, ahead }: Heard, result: AffinityResult, request: RequestHead): string {
  switch (result) {
    case 'not-asked':
      return 'another one has recognised the session before; it only hides from the server what is its own';
    case 'recognised':
      return `${recognisedBy(options, request)}${ahead ? ', from a clock that is ahead: it is dated anew' : ''}`;
    case 'invalid':
      return 'its token was not signed with the key that it names: forged or garbled';
    case 'foreign':
      return 'its token was signed for another pool, or with a key that is not known here: by another Limpet that has a cookie of this name, or with a key that is gone';
    case 'idle':
      return `no request came for longer than the idle time${options.type === 'cookie' ? ` (${duration(options.idle)}, unless its server has named another)` : ''}`;
    case 'old':
      return `the session is past its absolute time${options.type === 'cookie' ? ` (${duration(options.absolute)})` : ''}`;
    case 'ahead':
      return 'it was dated by a clock that is ahead of this one by more than clock.skew';
    case 'ended':
      return `the app has ended the session that it names a moment ago: ${recognisedBy(options, request)}`;
    case 'none':
      return missing(options, peerTrusted, request);
  }
}

function recognisedBy(options: AffinityOptions, request: RequestHead): string {
  if (options.type === 'cookie') return `the token in the cookie ${options.name} is authentic and in time`;
  if (options.type === 'rewrite') return `the cookie ${options.cookie} has a prefix of ours`;
  if (options.type === 'source-ip') return 'the address of the client is its key';
  if (options.type === 'route') return `${place(options.key)} is in the map`;
  if (options.type === 'force') return `${place(options.key)} is signed, and the peer is trusted`;
  return `the request brings a name in the ${whereNamed(options, request)}`;
}

function missing(options: AffinityOptions, peerTrusted: boolean, request: RequestHead): string {
  if (options.type === 'cookie') return `no cookie ${[options.name, options.twin].filter(Boolean).join(' or ')}`;
  if (options.type === 'rewrite') return `no cookie ${options.cookie} with a prefix of ours`;
  if (options.type === 'source-ip') return 'a client on a unix-domain socket has no address';
  if (options.type !== 'route' && options.type !== 'force') return `no name in the ${placesOf(options).join(' or ')}`;
  const keys = new KeyScan(options.key);
  keys.begin(request);
  if (keys.next() === null) return `no ${place(options.key)}`;
  if (options.type === 'route') return `${place(options.key)} is not in the map`;
  return peerTrusted
    ? `${place(options.key)} is out of date, not signed with a key of ours, or for a server of another pool`
    : `${place(options.key)} counts from trusted peers only`;
}

function place({ from, name }: { readonly from: string; readonly name: string }): string {
  return from === 'query' ? `query parameter ${name}` : `${from} ${name}`;
}
