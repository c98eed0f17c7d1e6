/**
 * The sockets that all workers have open, in shared memory, and how many there may be: a process that runs out of descriptors
 * can neither reach servers nor check them, nor be asked what is wrong.
 *
 *      sockets clients room | worker 0: sockets clients | worker 1: sockets clients ...
 *
 * Servers have half of the room, 4096 at most: each client may need a connection to one for its request, and of many clients
 * most are idle. Clients get the rest, less those that are being refused, and as much for connections that are just being closed.
 * Every worker notes its own share as well: when it dies, that is taken off.
 */
import type { SocketGauge } from './socket.ts';

const heads = 3;
const field = { sockets: 0, clients: 1, room: 2 } as const;
const shareWords = 2;

export class Descriptors implements SocketGauge {
  private readonly words: Int32Array<SharedArrayBuffer>;
  /** First word of this worker's share. */
  private readonly share: number;

  /** `worker` counts from 0. */
  constructor(buffer: SharedArrayBuffer, worker: number) {
    this.words = new Int32Array(buffer);
    this.share = heads + worker * shareWords;
  }

  static create(workers: number): SharedArrayBuffer {
    return new SharedArrayBuffer((heads + workers * shareWords) * 4);
  }

  /** For one worker, without a bound. */
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

  /** Sockets open now, connections being made included. */
  get sockets(): number {
    return this.words[field.sockets]!;
  }

  /** Most sockets at one time; 0: no bound is known. */
  get room(): number {
    return this.words[field.room]!;
  }

  set room(room: number) {
    Atomics.store(this.words, field.room, room);
  }

  /** Client connections above what the room allows; below 0: so many more may come. */
  get clientsOver(): number {
    const { room } = this;
    return room === 0 ? -1 : this.words[field.clients]! - clientRoom(room);
  }

  /** There is not even room to tell one more client that there are too many. */
  get cannotRefuse(): boolean {
    return this.clientsOver >= refusingRoom(this.room);
  }

  /** No connection to a server can be made now. */
  get isFull(): boolean {
    const { room } = this;
    return room > 0 && this.sockets >= room;
  }

  /** What is only kept for later should be closed. */
  get isTight(): boolean {
    const { room } = this;
    return room > 0 && (room - this.sockets) * 2 <= serverRoom(room);
  }

  /** A worker has died, and the system has closed what it had. Before another one takes its number. */
  forget(worker: number): void {
    const share = heads + worker * shareWords;
    for (const which of [field.sockets, field.clients]) {
      Atomics.sub(this.words, which, Atomics.exchange(this.words, share + which, 0));
    }
  }
}

/** Most client connections that are told that there are too many, at one time; more are reset. */
const mostRefusing = 16;

export function refusingRoom(room: number): number {
  return Math.min(mostRefusing, room >> 4);
}

/** Of so many sockets, those that clients never take. */
const mostForServers = 4096;

export function serverRoom(room: number): number {
  return Math.min((room + 1) >> 1, mostForServers);
}

/** Client connections that so many sockets allow, those that are being refused not counted. */
export function clientRoom(room: number): number {
  const refusing = refusingRoom(room);
  return room - serverRoom(room) - 2 * refusing;
}

/** Sockets that so many clients need: the opposite of `clientRoom`. */
export function roomFor(clients: number): number {
  return clients + Math.min(clients + 2 * mostRefusing, mostForServers) + 2 * mostRefusing;
}
