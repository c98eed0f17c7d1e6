/** What must fit together in `tls`, `redirect`, `hsts` and `protocol`. The files themselves are checked by certificates/. */
import type { LimpetOptions, ListenerOptions, PoolOptions } from './options.ts';
import { error, type Path, type Problem, warning } from './problem.ts';

const yearMs = 365 * 86_400_000;

export function checkTls({ listeners, pools }: LimpetOptions): Problem[] {
  const secure = listeners.some(({ tls }) => tls !== null);
  return [
    ...listeners.flatMap((listener, index) => checkListener(listener, ['listeners', index], secure)),
    ...pools.flatMap((pool) => checkPool(pool, ['pools', pool.name])),
  ];
}

/** `secure`: some listener has TLS. */
function checkListener(
  { tls, redirect, hsts, trustedProxies }: ListenerOptions,
  path: Path,
  secure: boolean,
): Problem[] {
  const found: Problem[] = [];
  if (redirect !== null && tls !== null) {
    found.push(error([...path, 'redirect'], 'found https on a listener with tls, which would redirect to itself'));
  } else if (redirect !== null && !secure && trustedProxies.length === 0) {
    found.push(warning([...path, 'redirect'], 'no listener has tls: who answers at https is somebody else'));
  }
  if (hsts !== null && tls === null) {
    found.push(warning([...path, 'hsts'], 'never sent: it is sent over TLS only, and this listener has no tls'));
  }
  if (hsts?.preload === true && (!hsts.includeSubdomains || hsts.maxAge < yearMs)) {
    const expected = 'found true, expected false, or with it includeSubdomains: true and a maxAge of at least 1y';
    found.push(error([...path, 'hsts', 'preload'], expected));
  }
  if (tls === null || tls.clientCertificates === null) return found;
  const names = new Map<string, string>();
  for (const [what, name] of Object.entries(tls.clientCertificates.headers)) {
    const other = names.get(name.toLowerCase());
    if (name !== '' && other !== undefined) {
      const text = `found ${name}, which ${other} has already: expected another header`;
      found.push(error([...path, 'tls', 'clientCertificates', 'headers', what], text));
    }
    names.set(name.toLowerCase(), what);
  }
  return found;
}

function checkPool({ tls, protocol, health }: PoolOptions, path: Path): Problem[] {
  const found: Problem[] = [];
  const { active } = health;
  if (active !== null && active.grpc !== null && protocol !== 'h2') {
    found.push(error([...path, 'protocol'], 'found h1, expected h2, because the health checks are those of gRPC'));
  }
  if (tls === null) return found;
  if (tls.cert !== null && tls.key === null) {
    found.push(error([...path, 'tls', 'key'], 'found nothing, expected the file of the private key of cert'));
  }
  if (tls.key !== null && tls.cert === null) {
    found.push(error([...path, 'tls', 'cert'], 'found nothing, expected the file of the certificate of key'));
  }
  if (!tls.verify) {
    const unused = tls.ca === null ? '' : ', and ca is not used';
    found.push(
      warning([...path, 'tls', 'verify'], `certificates of the servers are not verified: anybody can be one${unused}`),
    );
  }
  return found;
}
