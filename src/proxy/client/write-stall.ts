/**
 * Whether a slow client takes anything within its time. The bytes that a socket buffers do not show it: a kernel with megabytes to send
 * asks for more only when a third of them is gone, and with a slow reader that takes minutes. So what the kernel still has counts, too.
 */
export class WriteStall {
  /** Bytes at the last check; -1: there was none. */
  private undelivered = -1;
  /** Checks in a row at which nothing had been taken. */
  private stalls = 0;

  /** The client is slow from now on. */
  begin(): void {
    this.undelivered = -1;
    this.stalls = 0;
  }

  /**
   * To be called when half of the write time-out has passed, and then each half again. True: nothing has been taken for all of
   * that time. `undelivered`: bytes that the client has not taken yet.
   */
  hasStalled(undelivered: number): boolean {
    this.stalls = this.undelivered >= 0 && undelivered < this.undelivered ? 0 : this.stalls + 1;
    this.undelivered = undelivered;
    return this.stalls > 1;
  }
}
