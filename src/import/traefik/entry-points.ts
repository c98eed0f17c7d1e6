/** Entry points of Traefik as listeners: those that end TLS are not listened on when there is one without. */

import { parseListener } from '../../config/address.ts';
import { formatAddress } from '../../net/socket.ts';
import type { Fields, Plan } from '../plan.ts';
import { isAddressBlock, parseGoDuration, writeTime } from '../values.ts';
import type { Part } from '../yaml/part.ts';
import { field, fieldText, isTemplate, type Named, namesIn } from './fields.ts';

interface EntryPoint {
  readonly part: Part;
  readonly address: string;
  readonly addressPart: Part;
  /** It says itself that TLS ends here. */
  readonly tls: boolean;
  readonly redirects: boolean;
  readonly middlewares: readonly Named[];
  readonly fields: Fields;
}

export interface Arrival {
  readonly secure: boolean;
  readonly entryPoints: readonly Named[];
  /** Where it is told that a listener is a guess. */
  readonly told: Part;
}

/** Where a listener goes that nobody told its address. */
const guess = ':8080';
const behind = 'TLS is not ended here, so put a proxy that ends it in front';

export class EntryPoints {
  private readonly known = new Map<string, EntryPoint>();
  private guessed = false;

  add(name: string, part: Part): void {
    const address = field(part, 'address');
    const text = address?.text() ?? '';
    const http = field(part, 'http');
    const parsed = parseListener(text.replace(/\/tcp$/, '').replace(/^0\.0\.0\.0(?=:)/, ''));
    if (address === null || parsed === null || (parsed.kind === 'tcp' && parsed.port === 0)) {
      const why = isTemplate(text)
        ? `${text} is a variable: put its value in first`
        : 'it is no address of HTTP by TCP';
      (address ?? part).leave(why);
      return;
    }
    const redirects = field(http, 'redirections') !== null;
    field(http, 'redirections')?.leave('no request is redirected here: the proxy that ends TLS in front does this');
    field(http, 'tls')?.leave(behind);
    part.leave('no router that is carried over uses it');
    field(part, 'asDefault')?.carry();
    field(part, 'http3')?.leave('HTTP/3 is not spoken here');
    this.known.set(name.toLowerCase(), {
      part,
      address: formatAddress(parsed).replace(/^0\.0\.0\.0(?=:)/, ''),
      addressPart: address,
      tls: field(http, 'tls') !== null && fieldText(http, 'tls') !== 'false',
      redirects,
      middlewares: namesIn(field(http, 'middlewares')),
      fields: readFields(part),
    });
  }

  /** Middlewares that all routers of these entry points have. */
  middlewaresOf(arrival: Arrival): readonly Named[] {
    return this.of(arrival).flatMap(({ middlewares }) => middlewares);
  }

  isSecure(arrival: Arrival): boolean {
    const points = this.of(arrival);
    return arrival.secure || (points.length > 0 && points.every(({ tls }) => tls));
  }

  /** The listeners that a router's requests come by. Called for routers without TLS first: the others go to theirs. */
  listen(arrival: Arrival, plan: Plan): string[] {
    const points = this.of(arrival);
    if (points.length === 0) return [this.guess(arrival, plan)];
    const secure = this.isSecure(arrival);
    const plain = [...this.known.values()].find(
      (one) => !one.tls && (one.redirects || plan.addresses.includes(one.address)),
    );
    const listeners = points.map((point) => {
      if (!secure && !point.tls) return this.open(point, plan);
      if (plain !== undefined && plain !== point) {
        point.addressPart.leave(`${behind}: the listener ${plain.address} serves these routes in the clear`);
        point.part.carry();
        return this.open(plain, plan);
      }
      if (plain === point) return this.open(point, plan);
      point.addressPart.change(`${behind}: ${guess} serves these routes in the clear`);
      point.part.carry();
      plan.listen(guess, point.fields);
      return guess;
    });
    for (const { part } of arrival.entryPoints) part.carry();
    return [...new Set(listeners)];
  }

  private open({ part, address, addressPart, fields }: EntryPoint, plan: Plan): string {
    part.carry();
    addressPart.carry();
    plan.listen(address, fields);
    return address;
  }

  private guess({ told, entryPoints }: Arrival, plan: Plan): string {
    for (const { part, name } of entryPoints) {
      if (this.known.size > 0) part.change(`the entry point "${name}" is not in this file: ${guess} is a guess`);
      else part.leaveItem(`the file does not say where "${name}" listens: ${guess} is a guess`);
    }
    if (!this.guessed) told.change(`nothing says where to listen: ${guess} is a guess`);
    this.guessed = true;
    plan.listen(guess);
    return guess;
  }

  private of({ entryPoints }: Arrival): EntryPoint[] {
    if (entryPoints.length === 0) return [...this.known.values()].filter(({ part }) => isDefault(part));
    return entryPoints.flatMap(({ name }) => this.known.get(name.toLowerCase()) ?? []);
  }
}

/** Without asDefault anywhere each entry point is one of the defaults, but that of Traefik's own pages. */
function isDefault(part: Part): boolean {
  const all = part.up(1)?.entries() ?? [];
  const marked = all.some(([, one]) => fieldText(one, 'asDefault') === 'true');
  const name = all.find(([, one]) => one === part)?.[0].toLowerCase();
  return marked ? fieldText(part, 'asDefault') === 'true' : name !== 'traefik';
}

function readFields(part: Part): Fields {
  const trusted = namesIn(field(part, 'forwardedHeaders', 'trustedIPs'));
  const anyone = field(part, 'forwardedHeaders', 'insecure');
  field(part, 'proxyProtocol')?.warn(
    'not-working',
    'PROXY lines are not read here: a proxy that sends them is refused',
  );
  for (const { name, part: told } of trusted) {
    if (isAddressBlock(name)) told.carry();
    else told.change(`"${name}" is no address and no block of addresses`);
  }
  const all = anyone?.text() === 'true';
  if (all) anyone?.carry();
  const proxies = all ? ['0.0.0.0/0', '::/0'] : trusted.map(({ name }) => name).filter(isAddressBlock);
  const idle = field(part, 'transport', 'respondingTimeouts', 'idleTimeout');
  const time = parseGoDuration(idle?.text() ?? null);
  if (time !== null && time > 0) idle?.carry();
  return {
    ...(proxies.length === 0 ? {} : { trustedProxies: proxies }),
    ...(time === null || time === 0 ? {} : { timeouts: { keepAlive: writeTime(time) } }),
  };
}
