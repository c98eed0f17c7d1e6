/** Reads a stream of server-sent events (WHATWG HTML, 9.2) piece by piece. EventSource itself cannot send a token. */

export interface StreamMessage {
  readonly id: string;
  readonly data: string;
}

export class EventStreamParser {
  private rest = '';
  private id = '';
  private data: string[] = [];

  /** The messages that this piece completes. A piece may end anywhere. */
  read(piece: string): StreamMessage[] {
    const messages: StreamMessage[] = [];
    // A CR at the very end may be the first half of a CR LF: it waits for the next piece.
    const text = this.rest + piece;
    const held = text.endsWith('\r') ? 1 : 0;
    const lines = text.slice(0, text.length - held).split(/\r\n|\n|\r/);
    this.rest = (lines.pop() ?? '') + text.slice(text.length - held);
    for (const line of lines) {
      if (line !== '') this.readLine(line);
      else if (this.data.length > 0) {
        messages.push({ id: this.id, data: this.data.join('\n') });
        this.data = [];
      }
    }
    return messages;
  }

  private readLine(line: string): void {
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') this.data.push(value);
    else if (field === 'id' && !value.includes('\0')) this.id = value;
  }
}
