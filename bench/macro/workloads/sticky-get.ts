/** Small GETs on 64 kept-alive connections by a client that already holds a valid sticky cookie. */
import type { Workload } from '../workload.ts';
import { runWrk } from '../wrk.ts';

export const stickyGet: Workload = {
  name: 'sticky-get',
  title: 'Small GET, keep-alive, valid sticky cookie',
  run: ({ port, cookie, core, connections, seconds }) =>
    runWrk({ core, connections, seconds, url: `http://127.0.0.1:${port}/`, headers: [`Cookie: ${cookie}`] }),
};
