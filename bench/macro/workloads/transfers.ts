/** Bodies of 100 MB, down and up, on a few connections: what a byte costs. */
import { files } from '../backend.ts';
import { bytes } from '../kinds.ts';
import { headOf, runLoad } from '../load.ts';
import { metered } from '../meter.ts';
import { type Load, usual, type Workload } from '../workload.ts';
import { responseBytes } from './requests.ts';

const size = files['/files/100m'];
const connections = 2;
const megabytes = size / 1e6;

function transfer(load: Load, heads: readonly string[], options: readonly string[]) {
  const time = ['-c', String(connections), '-t', String(load.seconds * 1000)];
  const { core, port, tls } = load;
  const run = () => runLoad({ source: 'load/http.c', tls, core, port, heads, options: [...time, ...options] });
  return metered(load, run, megabytes);
}

const downloadOf = (named: Pick<Workload, 'name' | 'title' | 'stage'>): Workload => ({
  ...named,
  kind: bytes,
  when: 'always',
  run(load) {
    const heads = load.cookies.map((cookie) => headOf({ path: '/files/100m', cookie }));
    return transfer(load, heads, ['-l', String(size)]);
  },
});

export const download = downloadOf({
  name: 'download-100m',
  title: `GET of 100 MB, ${connections} connections`,
  stage: usual,
});

export const tlsDownload = downloadOf({
  name: 'tls-100mb',
  title: `TLS: GET of 100 MB, ${connections} connections`,
  stage: { ...usual, tls: true },
});

export const upload: Workload = {
  name: 'upload-100m',
  title: `POST of 100 MB, ${connections} connections`,
  kind: bytes,
  stage: { ...usual, backend: 'origin' },
  when: 'always',
  run(load) {
    const headers = ['Content-Type: application/octet-stream', `Content-Length: ${size}`];
    const heads = load.cookies.map((cookie) => headOf({ method: 'POST', headers, cookie }));
    return transfer(load, heads, ['-b', String(size), '-l', String(responseBytes)]);
  },
};
