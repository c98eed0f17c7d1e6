/** The contract of src/net/socket.ts as cases, the same for every runtime. */
import { addresses } from './addresses.ts';
import { connecting } from './connecting.ts';
import { endings } from './endings.ts';
import { flow } from './flow.ts';
import { handshakes } from './handshakes.ts';
import { hostileHandshakes } from './hostile-handshakes.ts';
import type { Case } from './peer.ts';
import { resets } from './resets.ts';

export const cases: Readonly<Record<string, Case>> = { ...flow, ...endings, ...resets, ...addresses, ...connecting };

/** For TLS alone: these choose their own rules. */
export const tlsCases: Readonly<Record<string, Case>> = { ...handshakes, ...hostileHandshakes };

/** What the program says of a case, one JSON line each. `error` '' when the contract held. */
export interface CaseResult {
  readonly name: string;
  readonly error: string;
}
