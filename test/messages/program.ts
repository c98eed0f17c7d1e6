/** Plays all transcripts of this folder on the runtime that this process is: a line of JSON for each case. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { play } from './play.ts';
import { parseTranscript } from './transcript.ts';

for (const file of globSync('*.txt', { cwd: import.meta.dirname }).sort()) {
  for (const one of parseTranscript(readFileSync(join(import.meta.dirname, file), 'utf8'))) {
    const { says, code } = await play(one);
    process.stdout.write(`${JSON.stringify({ title: one.title, says, code })}\n`);
  }
}
