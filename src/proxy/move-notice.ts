/** `Limpet-Affinity`: tells a server that does not speak the session protocol whose session it gets, and why, where the pool wants that. */
import type { Fleet } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import type { SessionView } from '../ownership/session.ts';

/** The header line for a request of a session that this server has not taken one of yet; '' when there is nothing to tell. */
export function moveNotice(session: SessionView, fleet: Fleet, server: Server): string {
  if (session.former === 0) return '';
  const former = fleet.at(session.former);
  if (former === undefined || former === server) return '';
  return `Limpet-Affinity: reason=rebind; from=${encodeName(former.name)}\r\n`;
}

/** A name may have what ends a parameter. */
function encodeName(name: string): string {
  return name.replace(/[%;,"]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
