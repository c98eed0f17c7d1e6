/** Schema of `whenOwnerFails`, of a pool or of one of its affinities. */
import { z } from 'zod';
import { defaults } from './defaults.ts';
import { map, oneOf, whole, word } from './fields.ts';
import type { WhenOwnerFails } from './options.ts';

const ownerFailsWords = ['rebind', 'temporary', 'reject'] as const;

export const whenOwnerFailsSchema = z
  .union(
    [
      word(ownerFailsWords),
      map({ reject: whole(400, 599).meta({ description: 'Status that the client gets.' }) }, 'a map with reject'),
    ],
    { error: `${oneOf(ownerFailsWords)}, or a status such as { reject: 404 }` },
  )
  .transform((written): WhenOwnerFails => {
    if (typeof written !== 'string') return { action: 'reject', status: written.reject };
    return written === 'reject' ? { action: 'reject', status: defaults.reject } : { action: written };
  });
