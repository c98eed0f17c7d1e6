/** What each affinity found in a request, and why. */
import type { SessionTimes } from '../affinity/descriptor.ts';
import { descriptorOf } from '../affinity/registry.ts';
import type { AffinityOptions } from '../config/options.ts';
import type { RequestHead } from '../http/head.ts';
import type { AffinityDecision } from './decision-recorder.ts';
import { duration } from './duration.ts';
import type { AffinityResult, Explanation } from './explanation.ts';

/** `isEnded`: the app has ended the session that the request names. */
export function explainAffinity(
  decision: AffinityDecision,
  isEnded: boolean,
  request: RequestHead,
): Explanation['affinities'][number] {
  const { name, otherPool } = decision;
  const result = resultOf(decision, isEnded);
  const reason =
    otherPool === null ? reasonOf(decision, result, request) : `its token belongs to the pool ${otherPool}`;
  return { name, result, otherPool, reason };
}

function resultOf({ asked, recognised, proof }: AffinityDecision, isEnded: boolean): AffinityResult {
  if (!asked) return 'not-asked';
  if (recognised) return isEnded ? 'ended' : 'recognised';
  return proof === 'valid' ? 'none' : proof;
}

function reasonOf(
  { options, peerTrusted, ahead }: AffinityDecision,
  result: AffinityResult,
  request: RequestHead,
): string {
  switch (result) {
    case 'not-asked':
      return 'another one has recognised the session before; it only hides from the server what is its own';
    case 'recognised':
      return `${reasonFor(options, request)}${ahead ? ', from a clock that is ahead: it is dated anew' : ''}`;
    case 'invalid':
      return 'its token was not signed with the key that it names: forged or garbled';
    case 'foreign':
      return 'its token was signed for another pool, or with a key that is not known here: by another Limpet that has a cookie of this name, or with a key that is gone';
    case 'idle':
      return `no request came for longer than the idle time (${duration(timesOf(options).idle)}, unless its server has named another)`;
    case 'old':
      return `the session is past its absolute time (${duration(timesOf(options).absolute)})`;
    case 'ahead':
      return 'it was dated by a clock that is ahead of this one by more than clock.skew';
    case 'ended':
      return `the app has ended the session that it names a moment ago: ${reasonFor(options, request)}`;
    case 'none':
      return reasonAgainst(options, peerTrusted, request);
  }
}

/** The times of an affinity whose proofs can expire. */
function timesOf(options: AffinityOptions): SessionTimes {
  return descriptorOf(options).timesOf(options) ?? { idle: 0, absolute: 0 };
}

function reasonFor(options: AffinityOptions, request: RequestHead): string {
  const { whyRecognised } = descriptorOf(options);
  return whyRecognised?.(options, request) ?? `the request brings a name in the ${sourcesOf(options)}`;
}

function reasonAgainst(options: AffinityOptions, peerTrusted: boolean, request: RequestHead): string {
  const { whyNotRecognised } = descriptorOf(options);
  return whyNotRecognised?.(options, request, peerTrusted) ?? `no name in the ${sourcesOf(options)}`;
}

function sourcesOf(options: AffinityOptions): string {
  const sources = descriptorOf(options).sourcesOf?.(options) ?? [];
  return sources.map(({ text }) => text).join(' or ');
}
