/** What the thread of the bridges is told, and what it answers. */
import type { Target } from './target.ts';

export type Order =
  | {
      readonly kind: 'open';
      readonly id: number;
      /** Where clients connect; port 0: the system chooses. */
      readonly host: string;
      readonly port: number;
      readonly target: Target;
      readonly isHttp2: boolean;
    }
  | {
      /** `stop`: takes no new clients; `close`: and ends those that it has. */
      readonly kind: 'stop' | 'close';
      readonly id: number;
    };

export interface Answer {
  readonly id: number;
  /** Of an open bridge. */
  readonly port: number;
  /** Code of the error with which it could not listen; '': none. */
  readonly error: string;
}
