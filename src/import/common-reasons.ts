/** Reasons that several importers give, so that the same thing is reported in the same words. */
export const commonReasons = {
  noCounterpart: 'nothing here corresponds to it',
  nothingLikeIt: 'there is nothing like it here',
  endTlsInFront:
    'its TLS is not carried over: write tls.certificates for the listener, or put a proxy that ends TLS in front',
  redirectInFront: 'redirects are not carried over: redirect: https of a listener sends all of its requests to TLS',
  noTlsToServers: 'TLS to servers is not carried over: write tls for the pool',
  onlyHttp: 'HTTP alone is balanced here',
  logging: 'logging is set by log, and written to stdout and stderr',
  tracing: 'traces are continued, and exported, by tracing',
  requestId: 'requests have ids by requestId',
  metrics: 'metrics are told by the admin interface',
  noCompression: 'nothing is compressed here: let the servers do it',
  noAccessControl: 'access is not controlled here',
  otherHash: 'it is another hash: clients change servers once',
  keyStays: 'a key stays with its server when others are added',
  checkTimeout: 'it is not longer than the interval of the checks',
  clientHost: 'servers get the Host that the client asked for',
  clientPath: 'servers get the path of the client',
  wholeSegments: 'prefixes are matched by whole segments: /a/b, not /ab',
  rootAlone: 'a route for the path / alone would take every path',
  hostOnlyCookie: 'browsers drop a cookie named __Host- that has it',
} as const;
