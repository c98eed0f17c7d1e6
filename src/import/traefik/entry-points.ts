/** Entry points of Traefik as listeners. Those with TLS are left out if there is one without. */

import { parseListener } from '../../config/address.ts';
import { formatAddress } from '../../net/socket.ts';
import { commonReasons } from '../common-reasons.ts';
import type { ConfigBuilder, Fields } from '../config-builder.ts';
import type { Loops } from '../loops.ts';
import { isAddressBlock, parseGoDuration, writeTime } from '../values.ts';
import type { Part } from '../yaml/part.ts';
import { field, fieldText, isTemplate, type Named, namesIn } from './fields.ts';

interface EntryPoint {
  readonly part: Part;
  readonly address: string;
  readonly addressPart: Part;
  /** TLS is set on the entry point itself. */
  readonly tls: boolean;
  readonly redirects: boolean;
  readonly middlewares: readonly Named[];
  readonly fields: Fields;
}

/** How the requests of a router arrive. */
export interface EntryPointRefs {
  readonly secure: boolean;
  readonly entryPoints: readonly Named[];
  /** Gets the note that the address of its listener is assumed. */
  readonly noteOn: Part;
}

export class EntryPoints {
  private readonly known = new Map<string, EntryPoint>();
  private isAssumptionReported = false;
  private readonly loops: Loops;

  constructor(loops: Loops) {
    this.loops = loops;
  }

  /** The address of a listener if the file has none. It is final when all entry points are added. */
  private get assumedAddress(): string {
    return this.loops.freeListener(
      ':8080',
      Array.from(this.known.values(), ({ address }) => address),
    );
  }

  /** The addresses of listeners that are not those of entry points. */
  get chosenAddresses(): readonly string[] {
    const isKnown = [...this.known.values()].some(({ address }) => address === this.assumedAddress);
    return isKnown ? [] : [this.assumedAddress];
  }

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
    field(http, 'redirections')?.leave(commonReasons.redirectInFront);
    field(http, 'tls')?.leave(commonReasons.endTlsInFront);
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

  /** The middlewares that the entry points add to their routers. */
  middlewaresOf(refs: EntryPointRefs): readonly Named[] {
    return this.of(refs).flatMap(({ middlewares }) => middlewares);
  }

  isSecure(refs: EntryPointRefs): boolean {
    const points = this.of(refs);
    return refs.secure || (points.length > 0 && points.every(({ tls }) => tls));
  }

  /** The addresses of the listeners of a router. Call it first for routers without TLS: the others use the same listeners. */
  listen(refs: EntryPointRefs, builder: ConfigBuilder): string[] {
    const points = this.of(refs);
    if (points.length === 0) return [this.listenOnAssumed(refs, builder)];
    const secure = this.isSecure(refs);
    const plain = [...this.known.values()].find(
      (one) => !one.tls && (one.redirects || builder.addresses.includes(one.address)),
    );
    const listeners = points.map((point) => {
      if (!secure && !point.tls) return this.open(point, builder);
      if (plain !== undefined && plain !== point) {
        point.addressPart.leave(
          `${commonReasons.endTlsInFront}: the listener ${plain.address} serves these routes in the clear`,
        );
        point.part.carry();
        return this.open(plain, builder);
      }
      if (plain === point) return this.open(point, builder);
      point.addressPart.change(
        `${commonReasons.endTlsInFront}: ${this.assumedAddress} serves these routes in the clear`,
      );
      point.part.carry();
      builder.listen(this.assumedAddress, point.fields);
      return this.assumedAddress;
    });
    for (const { part } of refs.entryPoints) part.carry();
    return [...new Set(listeners)];
  }

  private open({ part, address, addressPart, fields }: EntryPoint, builder: ConfigBuilder): string {
    part.carry();
    addressPart.carry();
    builder.listen(address, fields);
    return address;
  }

  private listenOnAssumed({ noteOn, entryPoints }: EntryPointRefs, builder: ConfigBuilder): string {
    for (const { part, name } of entryPoints) {
      if (this.known.size > 0)
        part.change(`the entry point "${name}" is not in this file: ${this.assumedAddress} is a guess`);
      else part.leaveItem(`the file does not say where "${name}" listens: ${this.assumedAddress} is a guess`);
    }
    if (!this.isAssumptionReported) noteOn.change(`nothing says where to listen: ${this.assumedAddress} is a guess`);
    this.isAssumptionReported = true;
    builder.listen(this.assumedAddress);
    return this.assumedAddress;
  }

  private of({ entryPoints }: EntryPointRefs): EntryPoint[] {
    if (entryPoints.length === 0) return [...this.known.values()].filter(({ part }) => isDefault(part));
    return entryPoints.flatMap(({ name }) => this.known.get(name.toLowerCase()) ?? []);
  }
}

/** If no entry point has asDefault, all are defaults except `traefik`, which serves the dashboard. */
function isDefault(part: Part): boolean {
  const all = part.up(1)?.entries() ?? [];
  const marked = all.some(([, one]) => fieldText(one, 'asDefault') === 'true');
  const name = all.find(([, one]) => one === part)?.[0].toLowerCase();
  return marked ? fieldText(part, 'asDefault') === 'true' : name !== 'traefik';
}

function readFields(part: Part): Fields {
  const trusted = namesIn(field(part, 'forwardedHeaders', 'trustedIPs'));
  const insecure = field(part, 'forwardedHeaders', 'insecure');
  field(part, 'proxyProtocol')?.warn(
    'not-working',
    'PROXY lines are not read here: a proxy that sends them is refused',
  );
  for (const { name, part: noteOn } of trusted) {
    if (isAddressBlock(name)) noteOn.carry();
    else noteOn.change(`"${name}" is no address and no block of addresses`);
  }
  const all = insecure?.text() === 'true';
  if (all) insecure?.carry();
  const proxies = all ? ['0.0.0.0/0', '::/0'] : trusted.map(({ name }) => name).filter(isAddressBlock);
  const idle = field(part, 'transport', 'respondingTimeouts', 'idleTimeout');
  const time = parseGoDuration(idle?.text() ?? null);
  if (time !== null && time > 0) idle?.carry();
  return {
    ...(proxies.length === 0 ? {} : { trustedProxies: proxies }),
    ...(time === null || time === 0 ? {} : { timeouts: { keepAlive: writeTime(time) } }),
  };
}
