/** Directives that `http`, servers and locations have in common: settings of listeners, headers, and those without a counterpart. */

import type { Directive } from '../directive.ts';
import type { DirectiveReport } from '../directive-report.ts';
import { concernOf, isHarmlessInclude } from './access.ts';
import type { Listeners } from './listeners.ts';
import { reasonFor } from './reasons.ts';
import { isListenerSetting, isPoolSetting } from './settings.ts';

export class CommonDirectives {
  private readonly report: DirectiveReport;
  private readonly listeners: Listeners;
  /** The warning about X-Real-IP is reported once. */
  private isRealIpReported = false;

  constructor(listeners: Listeners, report: DirectiveReport) {
    this.listeners = listeners;
    this.report = report;
  }

  /**
   * A directive that a location has carried over stays carried over. `where`: a description of the block for people. `isServed`:
   * requests for which the directive holds reach a server.
   */
  read(directive: Directive, where: string, isServed: boolean): void {
    const { report } = this;
    const { name, args } = directive;
    const isRead = /(?:^|_)ssl_/.test(name) && report.isCarried(directive);
    if (isServed && !isRead) this.warnAbout(directive, where);
    if (isRead) return;
    if (name === 'set_real_ip_from') this.listeners.trust(directive);
    else if (isListenerSetting(name)) this.listeners.set(directive);
    else if (holdsAnyway(directive)) report.carry(directive);
    else if (isPoolSetting(name)) report.leaveOut(directive, 'no location in reach of it passes to a server');
    else if (name === 'include' && isHarmlessInclude(args[0] ?? '')) report.leaveOut(directive, reasonFor(name));
    else if (name === 'include') report.warn(directive, 'not-working', reasonFor(name));
    else if ((name === 'stream' || name === 'mail') && directive.block !== null) {
      report.leaveOut(directive, reasonFor(name));
      report.warn(directive, 'not-working', `${reasonFor(name)}: nothing listens there now`);
    } else if (!['map', 'match'].includes(name) || !report.isCarried(directive)) {
      report.leaveOut(directive, reasonFor(name));
    }
  }

  private warnAbout(directive: Directive, where: string): void {
    const found = concernOf(directive, where);
    if (found !== null) this.report.warn(directive, found.concern, found.why);
    const isRealIp = directive.name === 'proxy_set_header' && /^x-real-ip$/i.test(directive.args[0] ?? '');
    if (!isRealIp || this.isRealIpReported) return;
    this.isRealIpReported = true;
    this.report.warn(
      directive,
      'open',
      'headers are passed on as they come, so that any client can say X-Real-IP: let servers read X-Forwarded-For',
    );
  }
}

/** The directive asks for what is always done here. */
function holdsAnyway({ name, args }: Directive): boolean {
  const [first = '', second = ''] = args;
  const header = first.toLowerCase();
  switch (name) {
    case 'proxy_http_version':
      return first !== '1.0';
    case 'real_ip_header':
      return header === 'x-forwarded-for';
    case 'real_ip_recursive':
      return first === 'on';
    case 'proxy_redirect':
    case 'proxy_buffering':
    case 'proxy_request_buffering':
      return first === 'off';
    case 'proxy_set_header':
      return isHeaderSetAnyway(header, second);
    default:
      return false;
  }
}

function isHeaderSetAnyway(header: string, value: string): boolean {
  switch (header) {
    case 'host':
    case 'x-forwarded-host':
      return ['$host', '$http_host'].includes(value);
    case 'connection':
      return value === '' || /^(\$connection_upgrade|upgrade)$/i.test(value);
    case 'upgrade':
      return value === '$http_upgrade';
    case 'x-forwarded-for':
      return value === '$proxy_add_x_forwarded_for';
    case 'x-forwarded-proto':
      return value === '$scheme';
    default:
      return false;
  }
}
