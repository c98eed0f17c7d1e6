/** Why lines without a counterpart are left out, by their first words; and lines that ask for what is always done here. */
import { commonReasons } from '../common-reasons.ts';
import type { Line } from './lines.ts';

const logs = 'what is logged, and how, is said by log.access and log.level';
const tls =
  'of TLS only certificates, versions and the certificates of clients are carried over, from bind: the rest is said by tls of the listener';
const system = 'the process is run by what starts it (systemd, a container)';
const statistics = 'the statistics page of HAProxy is not there';
const rewriting = 'headers and paths are passed on as they come';
const other = 'what no route can say about a request is not looked at';
const sockets = 'sockets are tuned by the system';
const pages = 'the pages of errors are our own';
const filters = 'nothing is inspected or changed on the way';
const connections = 'connections to clients and servers are kept open and used again';

/** The longest key with which a line begins applies. */
const reasons: Readonly<Record<string, string>> = {
  log: logs,
  'log-format': logs,
  'log-format-sd': logs,
  'log-tag': logs,
  'log-send-hostname': logs,
  'error-log-format': logs,
  'unique-id-format': commonReasons.requestId,
  'unique-id-header': commonReasons.requestId,
  capture: logs,
  'option httplog': logs,
  'option tcplog': logs,
  'option httpslog': logs,
  'option dontlognull': logs,
  'option dontlog-normal': logs,
  'option logasap': logs,
  'option log-separate-errors': logs,
  'option log-health-checks': logs,
  'no log': logs,
  chroot: system,
  user: system,
  group: system,
  uid: system,
  gid: system,
  daemon: system,
  pidfile: system,
  'master-worker': system,
  nbproc: 'the workers are threads of one process',
  'cpu-map': system,
  'thread-groups': system,
  'ulimit-n': system,
  'set-dumpable': system,
  setenv: 'variables are put in before the import',
  presetenv: 'variables are put in before the import',
  description: 'it is a remark',
  node: 'it is a name for people',
  id: 'it is a number for people',
  'stats socket': 'there is no runtime API',
  'stats timeout': 'there is no runtime API',
  stats: statistics,
  'ssl-default': tls,
  'ssl-default-bind-ciphers': tls,
  'ssl-default-bind-ciphersuites': tls,
  'ssl-default-bind-options': tls,
  'ssl-default-server-options': tls,
  'ssl-default-server-ciphers': tls,
  'ssl-server-verify': tls,
  'ssl-dh-param-file': tls,
  'lua-load': 'there is no scripting',
  maxconn: 'connections are limited for each listener (limits.connections)',
  maxconnrate: 'there is no limit of rates',
  spread: 'checks are spread by a tenth of their interval (health.jitter)',
  'spread-checks': 'checks are spread by a tenth of their interval (health.jitter)',
  acl: 'no rule that is carried over uses it',
  'http-request deny': 'access is not controlled here: do it before or behind',
  'http-request reject': 'access is not controlled here: do it before or behind',
  'http-request tarpit': 'access is not controlled here: do it before or behind',
  'http-request auth': 'passwords are not asked for here: do it before or behind',
  'http-request track-sc0': 'rates are not limited here: do it before or behind',
  'http-request track-sc1': 'rates are not limited here: do it before or behind',
  'http-request track-sc2': 'rates are not limited here: do it before or behind',
  'http-request redirect': 'no request is redirected here: do it before or behind',
  'http-request use-service': 'only servers answer',
  'http-request': rewriting,
  'req or rsp': rewriting,
  'http-response': rewriting,
  'http-after-response': rewriting,
  'tcp-request': 'connections are not judged here, beyond limits.connections',
  'tcp-response': filters,
  'http-send-name-header': rewriting,
  redirect: 'no request is redirected here: do it before or behind',
  block: 'access is not controlled here: do it before or behind',
  errorfile: pages,
  errorfiles: pages,
  errorloc: pages,
  errorloc302: pages,
  errorloc303: pages,
  'http-error': pages,
  'monitor-uri': 'no path answers by itself',
  'monitor fail': 'no path answers by itself',
  monitor: 'no path answers by itself',
  compression: 'responses are passed on as they come',
  filter: filters,
  'rate-limit': 'rates are not limited here: do it before or behind',
  fullconn: 'a server has one cap (maxRequests), whatever the load of its pool',
  'use-server': 'a route leads to a pool, and the pool chooses the server',
  dispatch: 'a pool needs servers with names',
  'force-persist': 'no request is sent to a server that is down: the affinity force picks a server for debugging',
  'ignore-persist': other,
  persist: 'the cookie of RDP is not HTTP',
  'dynamic-cookie-key': 'tokens are signed with the keys of the config (keys)',
  'hash-type': 'nothing is hashed in this section',
  'hash-balance-factor': 'nothing is hashed in this section',
  'hash-preserve-affinity': 'nothing is hashed in this section',
  'stick-table': 'no stick rule that is carried over uses it: it counts, or it stands ready',
  'http-check': 'a check is one request and its answer (option httpchk)',
  'http-reuse': connections,
  'option httpclose': connections,
  'option forceclose': connections,
  'option http-server-close': connections,
  'option http-pretend-keepalive': connections,
  'option http-tunnel': connections,
  'option prefer-last-server': 'sessions keep their server, and nobody else does',
  'option allbackups': 'a pool has no backup servers',
  'option forwardfor': 'X-Forwarded-For is sent with every request, and under that name',
  'option originalto': rewriting,
  'option forwarded': 'X-Forwarded-For is sent, and Forwarded is not',
  'option checkcache': 'responses with our cookie are made private for caches, and no response is refused',
  'option accept-invalid-http-request': 'requests are read strictly',
  'option accept-invalid-http-response': 'responses are read strictly',
  'option persist': 'nothing keeps a session here',
  'option nolinger': sockets,
  'option tcpka': sockets,
  'option clitcpka': sockets,
  'option srvtcpka': sockets,
  'option splice-auto': sockets,
  'option splice-request': sockets,
  'option splice-response': sockets,
  'option tcp-smart-accept': sockets,
  'option tcp-smart-connect': sockets,
  'option socket-stats': statistics,
  'option contstats': statistics,
  'option http-use-htx': 'it is about the inside of HAProxy',
  'option http-buffer-request': 'requests are sent on as they come in',
  'option http-ignore-probes': logs,
  'option transparent': 'a pool needs servers with names',
  option: 'there is no counterpart to this option',
  'retry-on': 'what is tried again is decided by what has been sent, and by the method',
  'load-server-state-from-file': 'the state of servers begins anew',
  'server-state-base': 'the state of servers begins anew',
  'server-state-file': 'the state of servers begins anew',
  'email-alert': 'no mail is sent',
  source: sockets,
  'timeout client-fin': 'a connection that is half closed has no time of its own',
  'timeout server-fin': 'a connection that is half closed has no time of its own',
  'timeout tarpit': 'access is not controlled here: do it before or behind',
  'timeout check': 'no server is checked in a section that takes it',
  timeout: 'there is no counterpart to this time, or no section takes it',
  tune: 'it is about the inside of HAProxy',
};

/** Words that have a meaning in sections of another kind only. */
const sectionWords = new Set(
  'balance bind cookie default-server default_backend mode retries server stick use_backend appsession nbthread'.split(
    ' ',
  ),
);

/** reqadd, rspidel and similar words of HAProxy up to 2.0. */
const oldRewriting = /^(?:req|rsp)i?(?:add|allow|deny|del|pass|rep|setbe|tarpit)$/;

export function reasonFor({ words: [first, second = ''] }: Line): string | undefined {
  const word = first.startsWith('tune.') ? 'tune' : oldRewriting.test(first) ? 'req or rsp' : first;
  const bare = word === 'no' ? second : word;
  const key = [`${word} ${second}`, word, bare === 'option' ? 'option' : word].find((one) =>
    Object.hasOwn(reasons, one),
  );
  if (key !== undefined) return reasons[key];
  return sectionWords.has(bare) ? `"${bare}" says nothing in this section, or to a section that takes it` : undefined;
}

/** Lines that ask for what is always done here. */
const always = [
  /^option http-keep-alive$/,
  /^option forwardfor(?: if-none)?$/,
  /^option abortonclose$/,
  /^http-reuse (?:safe|aggressive|always)$/,
  /^no option (?:httpclose|forceclose|http-server-close|accept-invalid-http-(?:request|response)|checkcache)$/,
];

export function isAlways({ words }: Line): boolean {
  return always.some((pattern) => pattern.test(words.join(' ')));
}
