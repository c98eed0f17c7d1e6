import { type Binding, Recognition } from '../../src/affinity/affinity.ts';
import { Session } from '../../src/ownership/session.ts';

type OwnerFields = 'owner' | 'epoch' | 'former' | 'counted' | 'firstPlacement' | 'substitute' | 'endedRecently';
type CopyFields = 'reason' | 'version' | 'sentCopy';

/** A session as it is when the affinities are done; what `change` has is as if the owner look-up had been there as well. */
export function sessionOf(
  recognition: Partial<Recognition> = {},
  change: Partial<Pick<Session, OwnerFields | CopyFields>> = {},
): Session {
  const session = new Session(Object.assign(new Recognition(), recognition));
  session.begin();
  return Object.assign(session, change);
}

/** What an affinity may tell the client of a session whose owner is as its token has it. */
export function bindingOf({ owner, epoch, tokenDue }: Recognition, change: Partial<Binding> = {}): Binding {
  return { owner, epoch, isBindingDue: tokenDue, mustBind: false, ...change };
}

/** It has to be told now. */
export const mustBind = { isBindingDue: true, mustBind: true } as const;
