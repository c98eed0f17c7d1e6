/** Which errors of sockets and files are faults of this machine, and not of whoever is at the other end (I12). */
import { closeSync, openSync } from 'node:fs';
import { codeOf } from '../errors.ts';

/**
 * What the system says when this machine has none left, with the reason for a person (connect(2), socket(2), accept(2)).
 * Not in it, because they tell of the server or of the way there: ECONNREFUSED, ECONNRESET, ETIMEDOUT, EHOSTUNREACH,
 * ENETUNREACH, and of a unix-domain socket ENOENT, EACCES and EAGAIN (its own backlog is full).
 */
const shortages: Readonly<Record<string, string>> = {
  EMFILE: 'this process has no descriptors left: raise its limit (ulimit -n, LimitNOFILE= of systemd)',
  ENFILE: 'this machine has no descriptors left: raise fs.file-max',
  EADDRNOTAVAIL:
    'no local port is left for this server, or its address does not exist here: widen net.ipv4.ip_local_port_range',
  EADDRINUSE: 'the local port is taken: widen net.ipv4.ip_local_port_range',
  ENOBUFS: 'the kernel has no memory left for sockets',
  ENOMEM: 'this machine has no memory left',
  ENOSPC: 'no more descriptors can be watched: raise fs.epoll.max_user_watches',
};

/** connect(2) of TCP says EAGAIN when ports or routes run out; of a unix-domain socket it means the server's backlog. */
const tcpOnly: Readonly<Record<string, string>> = { EAGAIN: shortages.EADDRNOTAVAIL! };

/** Why this machine could not, for a person; null: it is not this machine's fault. */
export function shortageOf(error: Error, kind: 'tcp' | 'unix'): string | null {
  const code = codeOf(error);
  // Several addresses of one name: this machine's fault only when none of them told of anything else.
  if (error instanceof AggregateError && error.errors.length > 0) {
    const reasons = error.errors.map((one: unknown) => (one instanceof Error ? shortageOf(one, kind) : null));
    return reasons.includes(null) ? null : reasons[0]!;
  }
  return shortages[code] ?? (kind === 'tcp' ? (tcpOnly[code] ?? null) : null);
}

/** The name of whoever was to be connected to is not known. */
export function isNameError(error: Error): boolean {
  return ofResolvers.includes(codeOf(error));
}

/** A resolver without descriptors knows no name. */
const ofResolvers = ['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_SYSTEM', 'EAI_MEMORY', 'ENODATA'];

/**
 * The error as it is, or the shortage that it stands for. Bun gives ECONNREFUSED when it gets no descriptor for a socket, and
 * resolvers of both runtimes say that a name is unknown: whether a file can be opened tells the difference.
 */
export function trueCause(error: Error, masked: readonly string[] = []): Error {
  const code = codeOf(error);
  if (!masked.includes(code) && !ofResolvers.includes(code)) return error;
  try {
    closeSync(openSync('/dev/null', 'r'));
    return error;
  } catch (failure) {
    const cause = codeOf(failure);
    if (shortages[cause] === undefined) return error;
    return Object.assign(new Error(`${error.message}: ${cause}`), { code: cause });
  }
}
