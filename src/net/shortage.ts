/** Tells errors of sockets and files that are this machine's fault from those of the other end (I12). */
import { closeSync, openSync } from 'node:fs';
import { codeOf } from '../errors.ts';

/**
 * The system's codes for a resource that this machine has run out of, each with a reason for people (connect(2), socket(2),
 * accept(2)). Not in the list, because they say something about the server or the network: ECONNREFUSED, ECONNRESET, ETIMEDOUT,
 * EHOSTUNREACH, ENETUNREACH, and for a unix-domain socket ENOENT, EACCES and EAGAIN (its own backlog is full).
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

/**
 * For TCP, EAGAIN of connect(2) means that ports or routes have run out. For a unix-domain socket it means the server's
 * backlog.
 */
const tcpOnly: Readonly<Record<string, string>> = { EAGAIN: shortages.EADDRNOTAVAIL! };

/** The reason, for people, when it is this machine's fault; null: it is not. */
export function shortageOf(error: Error, kind: 'tcp' | 'unix'): string | null {
  const code = codeOf(error);
  // Several addresses of one name were tried: this machine's fault only when no address failed for another reason.
  if (error instanceof AggregateError && error.errors.length > 0) {
    const reasons = error.errors.map((one: unknown) => (one instanceof Error ? shortageOf(one, kind) : null));
    return reasons.includes(null) ? null : reasons[0]!;
  }
  return shortages[code] ?? (kind === 'tcp' ? (tcpOnly[code] ?? null) : null);
}

/** The host name could not be resolved. */
export function isNameError(error: Error): boolean {
  return ofResolvers.includes(codeOf(error));
}

/** Codes of resolvers. A resolver that gets no descriptor also says that the name is unknown. */
const ofResolvers = ['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_SYSTEM', 'EAI_MEMORY', 'ENODATA'];

/**
 * The error itself, or the shortage that is behind it. When no descriptor is left, Bun says ECONNREFUSED, and the resolvers of both
 * runtimes say that the name is unknown. To find out, this tries to open a file.
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
