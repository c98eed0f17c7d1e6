/** A DNS server on loopback that answers what a test has it answer, over UDP and TCP, and remembers what it was asked. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import packet from 'dns-packet';
import { host } from './host.ts';

/** Addresses and aliases (`-> name`); a code such as NXDOMAIN; nothing: it does not answer. */
export type DnsAnswer = readonly string[] | 'NXDOMAIN' | 'SERVFAIL' | 'REFUSED' | null;

export class FakeDns implements AsyncDisposable {
  /** By name. A name that is not here does not exist. */
  readonly zone = new Map<string, DnsAnswer>();
  /** Of each address that it gives, in seconds. */
  ttl = 60;
  /** Over UDP its answers are cut to nothing. */
  truncates = false;
  /** In order: `A app.test`, and `tcp` in front of what came that way. */
  readonly asked: string[] = [];
  /** For answers that are no answers: changes the bytes, or adds others before them. */
  mangle: (bytes: Buffer) => Buffer[] = (bytes) => [bytes];
  private readonly udp = createSocket('udp4');
  private readonly tcp = createServer((socket) => this.serve(socket));
  private readonly open = new Set<Socket>();

  static async start(zone: Readonly<Record<string, DnsAnswer>> = {}): Promise<FakeDns> {
    const server = new FakeDns();
    for (const [name, answer] of Object.entries(zone)) server.zone.set(name, answer);
    server.tcp.listen(0, host);
    await once(server.tcp, 'listening');
    server.udp.on('message', (question, from) => {
      const answer = server.answer(question, '', server.truncates);
      for (const bytes of answer === null ? [] : server.mangle(answer)) server.udp.send(bytes, from.port, from.address);
    });
    server.udp.bind(server.port, host);
    await once(server.udp, 'listening');
    return server;
  }

  get port(): number {
    return (this.tcp.address() as AddressInfo).port;
  }

  /** As a config names it. */
  get address(): string {
    return `${host}:${this.port}`;
  }

  private serve(socket: Socket): void {
    this.open.add(socket);
    socket.on('error', () => {});
    socket.once('data', (bytes: Buffer) => {
      const answer = this.answer(bytes.subarray(2), 'tcp ', false);
      if (answer === null) return;
      const framed = Buffer.concat([Buffer.from([answer.length >> 8, answer.length & 255]), answer]);
      // In two pieces, as a network may give it.
      socket.write(framed.subarray(0, 1));
      socket.write(framed.subarray(1));
    });
  }

  private answer(bytes: Buffer, way: string, truncates: boolean): Buffer | null {
    const question = packet.decode(bytes);
    const [asked] = question.questions ?? [];
    const name = asked!.name;
    const type = asked!.type as 'A' | 'AAAA';
    this.asked.push(`${way}${type} ${name}`);
    const found = this.zone.get(name.toLowerCase()) ?? (this.zone.has(name.toLowerCase()) ? null : 'NXDOMAIN');
    if (found === null) return null;
    const code = typeof found === 'string' ? ['NOERROR', '', 'SERVFAIL', 'NXDOMAIN', '', 'REFUSED'].indexOf(found) : 0;
    const flags =
      packet.RECURSION_DESIRED | packet.RECURSION_AVAILABLE | code | (truncates ? packet.TRUNCATED_RESPONSE : 0);
    const answers: packet.Answer[] = typeof found === 'string' || truncates ? [] : this.recordsOf(name, type, found);
    return packet.encode({ type: 'response', id: question.id, flags, questions: question.questions, answers });
  }

  private recordsOf(asked: string, type: 'A' | 'AAAA', found: readonly string[]): packet.Answer[] {
    const { ttl } = this;
    let name = asked;
    return found.flatMap((data): packet.Answer[] => {
      const alias = /^-> (.*)$/.exec(data)?.[1];
      if (alias !== undefined) {
        const record: packet.Answer = { type: 'CNAME', name, ttl, data: alias };
        name = alias;
        return [record];
      }
      return data.includes(':') === (type === 'AAAA') ? [{ type, name, ttl, data }] : [];
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.open) socket.destroy();
    await new Promise<void>((done) => this.udp.close(() => done()));
    await new Promise<void>((done) => this.tcp.close(() => done()));
  }
}
