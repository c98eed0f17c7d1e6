/** Correctness before speed: a rival whose answers are wrong is reported, never timed. */
import { type Answer, ask } from './ask.ts';
import { body, forwardedPath, serverHeader } from './backend.ts';
import { clients, type Endpoint, type SetsCookie, type Started } from './rival.ts';

const requestsPerClient = 20;

/** The cookies that new clients get from a rival which inserts them. Throws when it does not. */
export async function takeCookies(endpoint: Endpoint): Promise<string[]> {
  const cookies: string[] = [];
  for (let client = 0; client < clients; client += 1) {
    const { status, cookie } = await ask(endpoint, null);
    if (cookie === null) throw new Error(`a client without a cookie got none (status ${status})`);
    cookies.push(cookie);
  }
  return cookies;
}

/** What is wrong with a started rival in front of so many servers, or null. */
export async function check(
  endpoint: Endpoint,
  started: Omit<Started, 'pid'>,
  servers: number,
): Promise<string | null> {
  const fresh = await ask(endpoint, null);
  const wrong = wrongAnswer(fresh);
  if (wrong !== null) return `without a cookie: ${wrong}`;
  if ((started.setsCookie !== 'never') !== (fresh.cookie !== null)) {
    return fresh.cookie === null ? 'a new client gets no cookie' : 'a new client gets a cookie';
  }

  const used = new Set<string>();
  for (const cookie of started.cookies) {
    const seen = new Set<string>();
    for (let count = 0; count < requestsPerClient; count += 1) {
      const answer = await ask(endpoint, cookie);
      const wrong = wrongAnswer(answer);
      if (wrong !== null) return `with its cookie: ${wrong}`;
      const again = againWrong(started.setsCookie, cookie, answer.cookie);
      if (again !== null) return again;
      seen.add(answer.server!);
    }
    if (seen.size !== 1) return `one client was served by ${[...seen].join(', ')}`;
    for (const server of seen) used.add(server);
  }
  if (started.cookies.length > 1 && servers > 1 && used.size === 1) {
    return `all ${started.cookies.length} clients were served by ${[...used].join()}`;
  }

  const forwarded = await ask(endpoint, started.cookies[0]!, forwardedPath);
  const expected = started.addsForwardedFor ? '127.0.0.1' : '';
  if (forwarded.body !== expected) return `X-Forwarded-For is '${forwarded.body}' instead of '${expected}'`;
  return null;
}

/** What is wrong with the cookie that a client with a valid one is given, or with none. */
function againWrong(sets: SetsCookie, brought: string, given: string | null): string | null {
  if (sets !== 'always') return given === null ? null : 'a valid cookie is set again';
  if (given === null) return 'a valid cookie is not set again';
  return given === brought ? null : `a valid cookie is set again as another one: ${given} in place of ${brought}`;
}

function wrongAnswer(answer: Answer): string | null {
  if (answer.status !== 200) return `status ${answer.status}`;
  if (answer.body !== body) return `another body (${answer.body.length} characters)`;
  if (answer.server === null) return `no ${serverHeader}: the answer is not from a server`;
  return null;
}
