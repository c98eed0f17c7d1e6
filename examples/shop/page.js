/**
 * Niceties of the page; everything works without it. Forms are sent without a reload, and the strip shows the
 * session's epoch, which the balancer tells in a response header when it is run with `--identify`.
 */

/** `Limpet-Server: gull; epoch=2` as 2; null when the balancer does not tell. */
function readEpoch(response) {
  const match = /;\s*epoch=(\d+)/.exec(response.headers.get('Limpet-Server') ?? '');
  return match === null ? null : Number(match[1]);
}

/** The servers that answered in this tab, in order: kept by the browser, for no server could know. */
function remember(server) {
  const trail = (sessionStorage.getItem('trail') ?? '').split(' ').filter((name) => name !== '');
  if (trail.at(-1) !== server) trail.push(server);
  const last = trail.slice(-5);
  sessionStorage.setItem('trail', last.join(' '));
  return last;
}

function showEpoch(response) {
  const epoch = readEpoch(response);
  const fact = document.getElementById('epoch');
  fact.hidden = epoch === null;
  if (epoch !== null) fact.querySelector('b').textContent = epoch;
}

function showTrail() {
  const trail = remember(document.querySelector('.strip').dataset.server);
  const fact = document.getElementById('trail');
  fact.hidden = trail.length < 2;
  fact.replaceChildren('so far: ');
  trail.forEach((server, index) => {
    const name = document.createElement('b');
    name.className = server;
    name.textContent = server;
    fact.append(index === 0 ? '' : ' → ', name);
  });
}

/** Puts the new page in place and leaves the reader where they were. */
function swap(text) {
  const next = new DOMParser().parseFromString(text, 'text/html');
  const focused = document.activeElement?.id;
  document.body.replaceChildren(...next.body.childNodes);
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

addEventListener('submit', async (event) => {
  const form = event.target;
  const body = new URLSearchParams(new FormData(form, event.submitter));
  event.preventDefault();
  try {
    const response = await fetch(form.action, { method: 'POST', body });
    if (!response.ok) throw new Error(`status ${response.status}`);
    swap(await response.text());
    showEpoch(response);
    showTrail();
  } catch {
    // Not sent again: an add would count twice. The page as it is now tells what happened.
    location.reload();
  }
});

showTrail();
fetch('/status').then(
  (response) => {
    showEpoch(response);
    // Read to the end: a body that nobody takes keeps the request open.
    return response.text();
  },
  () => {},
);
