/**
 * Counts the sockets that all workers have open, in shared memory, and bounds them. A process that runs out of descriptors can
 * neither connect to servers nor check them, and nobody can connect to it to find out what is wrong.
 *
 *      sockets clients room | worker 0: sockets clients | worker 1: sockets clients ...
 *
 * Connections to servers get half of the room, 4096 at most: each client may need one for its request, but of many clients most are
 * idle. Clients get the rest, minus those that are being refused, and minus as many for connections that are being closed.
 * Each worker also counts its own sockets, which are subtracted when it dies.
 */
import type { SocketGauge } from './socket.ts';

const heads = 3;
const field = { sockets: 0, clients: 1, room: 2 } as const;
const shareWords = 2;

export class Descriptors implements SocketGauge {
  private readonly words: Int32Array<SharedArrayBuffer>;
  /** Index of this worker's own counters. */
  private readonly share: number;

  /** `worker` counts from 0. */
  constructor(buffer: SharedArrayBuffer, worker: number) {
    this.words = new Int32Array(buffer);
    this.share = heads + worker * shareWords;
  }

  static create(workers: number): SharedArrayBuffer {
    return new SharedArrayBuffer((heads + workers * shareWords) * 4);
  }

  /** For one worker alone, without a bound. */
  static single(): Descriptors {
    return new Descriptors(Descriptors.create(1), 0);
  }

  add(by: number): void {
    this.words[this.share]! += by;
    Atomics.add(this.words, field.sockets, by);
  }

  addClient(by: number): void {
    this.words[this.share + 1]! += by;
    Atomics.add(this.words, field.clients, by);
  }

  /** Open sockets, including connections that are being made. */
  get sockets(): number {
    return this.words[field.sockets]!;
  }

  /** The most sockets at one time; 0: no bound is known. */
  get room(): number {
    return this.words[field.room]!;
  }

  set room(room: number) {
    Atomics.store(this.words, field.room, room);
  }

  /** Client connections beyond the room for clients; negative: this many more may come. */
  get clientsOver(): number {
    const { room } = this;
    return room === 0 ? -1 : this.words[field.clients]! - clientRoom(room);
  }

  /** There is no room even for a client that gets a 503. */
  get cannotRefuse(): boolean {
    return this.clientsOver >= refusingRoom(this.room);
  }

  /** No connection to a server can be made now. */
  get isFull(): boolean {
    const { room } = this;
    return room > 0 && this.sockets >= room;
  }

  /** Little room is left: idle connections should be closed. */
  get isTight(): boolean {
    const { room } = this;
    return room > 0 && (room - this.sockets) * 2 <= serverRoom(room);
  }

  /** A worker has died, and the system has closed its sockets. To be called before another worker takes its number. */
  forget(worker: number): void {
    const share = heads + worker * shareWords;
    for (const which of [field.sockets, field.clients]) {
      Atomics.sub(this.words, which, Atomics.exchange(this.words, share + which, 0));
    }
  }
}

/** The most client connections that are answered with 503 at one time because there are too many; more are reset. */
const mostRefusing = 16;

export function refusingRoom(room: number): number {
  return Math.min(mostRefusing, room >> 4);
}

/** The most sockets that are reserved for connections to servers. */
const mostForServers = 4096;

export function serverRoom(room: number): number {
  return Math.min((room + 1) >> 1, mostForServers);
}

/** The client connections that this many sockets allow, not counting those that are being refused. */
export function clientRoom(room: number): number {
  const refusing = refusingRoom(room);
  return room - serverRoom(room) - 2 * refusing;
}

/** The sockets that this many clients need: the inverse of `clientRoom`. */
export function roomFor(clients: number): number {
  return clients + Math.min(clients + 2 * mostRefusing, mostForServers) + 2 * mostRefusing;
}
