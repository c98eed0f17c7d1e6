/**
 * Agent checks: asks a program beside each server at an interval what it wants of the balancer (agent-reply.ts), and reports it to
 * the fleet. What an agent does not say stays as it was; one that cannot be reached says nothing, because whether the server works
 * is what health checks are for.
 */
import type { AgentOptions } from '../config/options.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { AgentWord } from '../fleet/health-report.ts';
import type { Server } from '../fleet/server.ts';
import type { Address, Connecting, Net, Socket, SocketHandler } from '../net/socket.ts';
import type { Clock, Timers } from '../time/clock.ts';
import { type AgentReply, parseReply } from './agent-reply.ts';

export interface AgentDependencies {
  readonly fleet: Fleet;
  readonly options: AgentOptions;
  readonly net: Net;
  readonly clock: Pick<Clock, 'now'>;
  readonly timers: Timers;
  /** Called after a reply that changes something, and what it was. */
  readonly onChange: (server: Server, reason: string) => void;
}

/** A longer line is not an agent's. */
const longestReply = 1024;

/** What is known of one agent. */
interface Asked {
  readonly server: Server;
  admin: 'ready' | 'drain' | 'maint';
  works: boolean;
  cancel: () => void;
}

export class AgentChecks {
  private readonly deps: AgentDependencies;
  private readonly asked = new Map<Server, Asked>();

  constructor(deps: AgentDependencies) {
    this.deps = deps;
  }

  /** The fleet has these servers from now on. First checks are spread over one interval. */
  follow(): void {
    const { fleet, options, timers } = this.deps;
    for (const one of this.asked.values()) if (one.server.removed) this.end(one);
    const added = fleet.servers.filter((server) => !this.asked.has(server));
    for (const [i, server] of added.entries()) {
      const one: Asked = { server, admin: 'ready', works: true, cancel: () => {} };
      this.asked.set(server, one);
      one.cancel = timers.after((i * options.interval) / added.length, () => this.query(one));
    }
  }

  stop(): void {
    for (const one of this.asked.values()) this.end(one);
  }

  private end(one: Asked): void {
    one.cancel();
    this.asked.delete(one.server);
  }

  private query(one: Asked): void {
    const { net, options, timers } = this.deps;
    const question = new Question(one.server, options, net);
    const wait = timers.after(options.interval, () => {
      question.close();
      this.query(one);
    });
    one.cancel = () => {
      wait();
      question.close();
    };
    question.start((line) => this.apply(one, parseReply(line)));
  }

  private apply(one: Asked, reply: AgentReply): void {
    const { fleet, clock, onChange } = this.deps;
    const { server } = one;
    one.admin = reply.admin ?? one.admin;
    one.works = reply.works ?? one.works;
    const agent: AgentWord = one.admin === 'maint' || !one.works ? 'down' : one.admin;
    const { agent: before, share: shareBefore, cap: capBefore } = server.report;
    const [share, cap] = [reply.share ?? shareBefore, reply.cap ?? capBefore];
    if (agent === before && share === shareBefore && cap === capBefore) return;
    fleet.setAgent(server, { agent, share, cap }, clock.now());
    const why = reply.reason === '' ? '' : ` (${reply.reason})`;
    onChange(server, `its agent says ${agent}, weight ${Math.round(share * 100)}%, maxconn ${cap}${why}`);
  }
}

/** One connection to one agent, and its first line. */
class Question implements SocketHandler {
  private readonly server: Server;
  private readonly options: AgentOptions;
  private readonly net: Net;
  private connecting: Connecting | null = null;
  private socket: Socket | null = null;
  private text = '';
  private done: ((line: string) => void) | null = null;

  constructor(server: Server, options: AgentOptions, net: Net) {
    this.server = server;
    this.options = options;
    this.net = net;
  }

  start(done: (line: string) => void): void {
    this.done = done;
    this.connecting = this.net.connect(this.address(), {
      onOpen: (socket) => {
        this.socket = socket;
        this.connecting = null;
        // An agent for several servers needs to know whom it is asked about.
        if (this.options.address !== null) socket.write(Buffer.from(`${this.server.name}\n`));
        return this;
      },
      onFail: () => {
        this.connecting = null;
        this.close();
      },
    });
  }

  close(): void {
    this.done = null;
    this.connecting?.cancel();
    this.connecting = null;
    this.socket?.destroy();
    this.socket = null;
  }

  onData(chunk: Buffer): void {
    this.text += chunk.toString('latin1');
    if (this.text.includes('\n')) this.answered();
    else if (this.text.length > longestReply) this.close();
  }

  onDrain(): void {}

  onEnd(): void {
    this.answered();
  }

  onClose(): void {
    this.close();
  }

  private answered(): void {
    const { done, text } = this;
    const [line = ''] = text.split(/\r?\n/, 1);
    this.close();
    if (line !== '' && line.length <= longestReply) done?.(line);
  }

  private address(): Address {
    const { address, port } = this.options;
    if (address !== null) return address;
    const { address: own } = this.server;
    return own.kind === 'tcp' ? { ...own, port } : { kind: 'tcp', host: '127.0.0.1', port };
  }
}
