/** Makes Node buffer all bytes of a response, as it does itself while the response before it on the connection is not finished. */
import { countBuffered, type NodeResponse } from './node-response.ts';

export class HeldOutput {
  private readonly response: NodeResponse;
  private readonly original: Pick<NodeResponse, '_writeRaw' | '_flush'>;

  /** From here on `outputData` takes all that is sent. */
  constructor(response: NodeResponse) {
    this.response = response;
    const { _writeRaw, _flush } = response;
    this.original = { _writeRaw, _flush };
    response._flush = () => {};
    response._writeRaw = (data, encoding, callback) => {
      if (response.destroyed || response.socket?.destroyed === true) return false;
      const given = typeof encoding === 'function' ? { encoding: null, callback: encoding } : { encoding, callback };
      response.outputData.push({ data, ...given });
      countBuffered(response, data.length);
      return response.outputSize < response.writableHighWaterMark;
    };
  }

  /** Sends what was buffered; what comes after it is sent at once. */
  release(): void {
    this.stop();
    this.response._flush();
  }

  /** What comes from here on is sent at once; what was buffered stays so. */
  stop(): void {
    Object.assign(this.response, this.original);
  }
}
