/**
 * Whether a slow client takes anything within its time. What a socket keeps is no sign of it: a kernel that has megabytes to send
 * asks for more only when a third of them is gone, which takes a slow reader minutes.
 */
export class WriteStall {
  private left = -1;
  private stalls = 0;

  /** The client is slow from now on. */
  begin(): void {
    this.left = -1;
    this.stalls = 0;
  }

  /** To be asked when half of the time has passed, and again: true when nothing has been taken for all of it. `left`: bytes. */
  hasStalled(left: number): boolean {
    this.stalls = this.left >= 0 && left < this.left ? 0 : this.stalls + 1;
    this.left = left;
    return this.stalls > 1;
  }
}
