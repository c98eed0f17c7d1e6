/**
 * The codec `devalue`: gives back values that JSON would change, such as Date, Map, Set, BigInt, Buffer, typed arrays, RegExp, URL,
 * undefined, NaN and cycles. Needs the package devalue, which is loaded before the first session is opened.
 */
import type * as devalue from 'devalue';
import { asError, SessionError } from '../error.ts';
import { type Codec, readData, type SessionData } from './codec.ts';

/** To devalue a Buffer is a Uint8Array, and would come back as one. The list is needed because a falsy result means "no Buffer". */
const reducers = { Buffer: (value: unknown) => Buffer.isBuffer(value) && [value.toString('base64')] };
const revivers = { Buffer: ([text]: [string]) => Buffer.from(text, 'base64') };

export class DevalueCodec implements Codec {
  private loaded: typeof devalue | null = null;

  /** Throws TypeError when there is no such package. */
  async load(): Promise<void> {
    try {
      this.loaded = await import('devalue');
    } catch (error) {
      throw new TypeError("codec: found 'devalue', expected the package devalue to be installed", { cause: error });
    }
  }

  encode(data: SessionData): string {
    try {
      return this.library.stringify(data, reducers);
    } catch (error) {
      const path: unknown = Object(error).path;
      const where = `session.data${typeof path === 'string' ? path : ''}`;
      const why = asError(error).message;
      throw new SessionError('not-serialisable', `${where} cannot be written by devalue: ${why}`, { cause: error });
    }
  }

  decode(text: string): SessionData {
    return readData(this.library.parse(text, revivers));
  }

  /** `encode` refuses such values itself. */
  check(): void {}

  private get library(): typeof devalue {
    if (this.loaded === null)
      throw new TypeError('codec: found devalue not loaded, expected it to be before it is used');
    return this.loaded;
  }
}
