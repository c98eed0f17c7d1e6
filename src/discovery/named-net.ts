/**
 * Connects to servers by host name: the addresses of the name are tried one after the other (RFC 8305, but not at the same time, which
 * would make connections that are not used). The address that worked is tried first the next time. So a dead address delays one
 * connection only, and a name with several addresses is one server as long as that address answers.
 */
import { isIP } from 'node:net';
import { shortageOf } from '../net/shortage.ts';
import type { Address, ConnectHandler, Connecting, Net, Socket, SocketHandler } from '../net/socket.ts';
import type { ClientTls } from '../net/tls.ts';
import type { Timers } from '../time/clock.ts';

type TcpAddress = Extract<Address, { readonly kind: 'tcp' }>;

export interface NamedNetDependencies {
  readonly net: Net;
  readonly timers: Timers;
  /** undefined: the name is not looked up. */
  readonly addressesOf: (name: string) => readonly string[] | undefined;
  /** When an address has not accepted after this many milliseconds, the next one is tried. */
  readonly addressTimeout: () => number;
}

export function namedNet(deps: NamedNetDependencies): Net {
  const { net, addressesOf } = deps;
  const worked = new Map<string, string>();
  return {
    ...net,
    connect(address, handler, tls = null) {
      if (address.kind === 'unix' || isIP(address.host) > 0) return net.connect(address, handler, tls);
      const addresses = addressesOf(address.host);
      if (addresses === undefined) return net.connect(address, handler, tls);
      if (addresses.length === 0) return fail(net, address.host, handler);
      if (addresses.length === 1) return net.connect(at(address, addresses[0]!, tls), handler, tls);
      return new Candidates(deps, address, addresses, worked, handler, tls);
    },
  };
}

/** With TLS the name goes along: the server's certificate has to have it. */
function at(address: TcpAddress, host: string, tls: ClientTls | null): TcpAddress {
  return tls === null ? { ...address, host } : { ...address, host, name: address.name ?? address.host };
}

function fail(net: Net, name: string, handler: ConnectHandler): Connecting {
  let cancelled = false;
  const error = Object.assign(new Error(`no address of the name ${name} is known`), { code: 'ENOTFOUND' });
  net.afterTurn(() => {
    if (!cancelled) handler.onFail(error);
  });
  return {
    cancel() {
      cancelled = true;
    },
  };
}

class Candidates implements ConnectHandler, Connecting {
  private readonly deps: NamedNetDependencies;
  private readonly address: TcpAddress;
  private readonly hosts: readonly string[];
  private readonly worked: Map<string, string>;
  private readonly handler: ConnectHandler;
  private readonly tls: ClientTls | null;
  private at = 0;
  private connecting: Connecting;
  private cancelTimer = () => {};
  /** The error of the addresses tried so far that says most about the server. */
  private failure: Error | null = null;

  constructor(
    deps: NamedNetDependencies,
    address: TcpAddress,
    addresses: readonly string[],
    worked: Map<string, string>,
    handler: ConnectHandler,
    tls: ClientTls | null,
  ) {
    this.deps = deps;
    this.address = address;
    this.worked = worked;
    this.handler = handler;
    this.tls = tls;
    const first = addresses.indexOf(worked.get(address.host) ?? '');
    this.hosts = first <= 0 ? addresses : [...addresses.slice(first), ...addresses.slice(0, first)];
    this.connecting = this.dial();
  }

  onOpen(socket: Socket): SocketHandler {
    this.cancelTimer();
    this.worked.set(this.address.host, this.hosts[this.at]!);
    return this.handler.onOpen(socket);
  }

  onFail(error: Error): void {
    this.cancelTimer();
    if (this.failure === null || shortageOf(this.failure, 'tcp') !== null) this.failure = error;
    if (this.isLast) this.handler.onFail(this.failure);
    else this.next();
  }

  cancel(): void {
    this.cancelTimer();
    this.connecting.cancel();
  }

  private get isLast(): boolean {
    return this.at === this.hosts.length - 1;
  }

  private next(): void {
    this.at++;
    this.connecting = this.dial();
  }

  private dial(): Connecting {
    const { net, timers, addressTimeout } = this.deps;
    // The last address has the rest of `timeouts.connect`.
    if (!this.isLast)
      this.cancelTimer = timers.after(addressTimeout(), () => {
        this.connecting.cancel();
        this.next();
      });
    return net.connect(at(this.address, this.hosts[this.at]!, this.tls), this, this.tls);
  }
}
