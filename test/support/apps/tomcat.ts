/** Apache Tomcat in a process of its own, with a cart in its sessions (tomcat/): the user's real JSESSIONID server. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { PoolMember } from '../peers.ts';

/** Where the packages tomcat10-user and tomcat10-common put it. */
const home = '/usr/share/tomcat10';
const files = resolve(import.meta.dirname, 'tomcat');
const startTimeout = 30_000;

/** The app is at /app/cart.jsp, /app/login.jsp and /app/logout.jsp. */
export async function tomcat(name: string): Promise<PoolMember> {
  const base = await mkdtemp(join(tmpdir(), 'limpet-tomcat-'));
  // An instance of its own: Tomcat also writes here, its compiled pages for one.
  await mkdir(join(base, 'conf'));
  await symlink(`${home}/skel/conf/web.xml`, join(base, 'conf/web.xml'));
  await copyFile(join(files, 'server.xml'), join(base, 'conf/server.xml'));
  const child = spawn(
    'java',
    [
      // Starts in half the time: no second compiler, one thread for garbage.
      '-XX:TieredStopAtLevel=1',
      '-XX:+UseSerialGC',
      '-Xmx96m',
      ...['-cp', `${home}/bin/bootstrap.jar:${home}/bin/tomcat-juli.jar`],
      ...[`-Dcatalina.home=${home}`, `-Dcatalina.base=${base}`, `-Djava.io.tmpdir=${base}`],
      ...[`-Dname=${name}`, `-Ddocs=${files}`],
      'org.apache.catalina.startup.Bootstrap',
      'start',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const end = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    }
    await rm(base, { recursive: true, force: true });
  };
  const timer = setTimeout(() => child.kill('SIGKILL'), startTimeout);
  let log = '';
  let port = '';
  for await (const line of createInterface({ input: child.stderr })) {
    log += `${line}\n`;
    port = /Starting ProtocolHandler \["http-nio-127\.0\.0\.1-auto-\d+-(\d+)"\]/.exec(line)?.[1] ?? port;
    if (line.includes('Server startup in')) break;
  }
  clearTimeout(timer);
  child.stderr.resume();
  if (port === '') {
    await end();
    throw new Error(`Tomcat ended before it listened: ${log}`);
  }
  return { name, address: `127.0.0.1:${port}`, [Symbol.asyncDispose]: end };
}
