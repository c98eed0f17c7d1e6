/** Every attack, in the order of the report. */
import type { Attack } from '../attack.ts';
import { descriptors1, descriptors2, synDrop } from './connections.ts';
import { storeFlood, tableFlood } from './floods.ts';
import {
  closedWindows,
  continuations,
  frameFloods,
  hpackBombs,
  madeYouReset,
  openWindows,
  rapidReset,
  tinyWindows,
} from './h2.ts';
import { acceptBombs, connectionOptions } from './heads.ts';
import { pipelinedRest, slowBodies, slowHeads, stalledReaders, tinyChunks } from './slow.ts';
import { halfHandshakes, handshakeChurn } from './tls.ts';

export const attacks: readonly Attack[] = [
  synDrop,
  descriptors1,
  descriptors2,
  stalledReaders,
  connectionOptions,
  acceptBombs,
  pipelinedRest,
  storeFlood,
  tableFlood,
  slowHeads,
  slowBodies,
  tinyChunks,
  rapidReset,
  madeYouReset,
  continuations,
  hpackBombs,
  frameFloods,
  closedWindows,
  tinyWindows,
  openWindows,
  handshakeChurn,
  halfHandshakes,
];
