/** HTTP/1.1 over TLS: small requests on kept connections, and handshakes, each followed by one request. */
import { handshakes } from '../kinds.ts';
import type { Stage } from '../rival.ts';
import { usual, type Workload } from '../workload.ts';
import { requestsOf } from './requests.ts';

const stage: Stage = { ...usual, tls: true };

const handshakesOf = (version: 2 | 3, resumes: boolean): Workload => {
  const name = resumes ? 'resumed' : 'handshakes';
  return requestsOf({
    name: version === 3 ? `tls-${name}` : `tls12-${name}`,
    title: `TLS 1.${version}: ${resumes ? 'resumed' : 'full'} handshakes, each with a GET (ECDSA P-256, X25519)`,
    kind: handshakes,
    keepAlive: false,
    options: ['-v', String(version), ...(resumes ? ['-R'] : [])],
    stage,
    when: version === 3 ? 'always' : 'full',
  });
};

export const tlsGets: readonly Workload[] = [
  requestsOf({ name: 'tls-get', title: 'TLS: small GET, keep-alive, valid sticky cookie', stage }),
  requestsOf({
    name: 'tls-new-sessions',
    title: 'TLS: small GET, keep-alive, no cookie: each one a new session',
    known: false,
    stage,
    when: 'full',
  }),
  handshakesOf(3, false),
  handshakesOf(3, true),
  handshakesOf(2, false),
  handshakesOf(2, true),
];
