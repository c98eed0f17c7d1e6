/** An attacker's connection: it sends what it is given, and reads what comes, or does not. Never fails: attackers expect nothing. */
import { connect, type Socket } from 'node:net';

export class Raw {
  readonly socket: Socket;
  isOpen = true;
  private onData: () => void = () => {};

  /** `reads` false: it takes no byte of an answer. */
  constructor(port: number, reads = true) {
    this.socket = connect({ port, host: '127.0.0.1' });
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.isOpen = false;
      this.onData();
    });
    if (reads) this.socket.on('data', () => this.onData());
    else this.socket.pause();
  }

  send(data: string | Buffer): void {
    if (this.isOpen) this.socket.write(data);
  }

  /** Resolves with the next bytes of an answer, or the end of the connection. */
  answered(): Promise<void> {
    return new Promise((done) => {
      if (!this.isOpen) done();
      this.onData = done;
    });
  }

  close(): void {
    this.socket.destroy();
  }
}

export function several(count: number, port: number, reads = true): Raw[] {
  return Array.from({ length: count }, () => new Raw(port, reads));
}
