// HAProxy as the one who lets a single request at a time through to a plain server.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../test/support/programs/command.js';
import { installDebian } from '../../test/support/programs/packages.js';
import { temporaryFolder } from '../models.js';
import { freePort, Server } from '../servers.js';
import { formsUnder } from './forms.js';
import { type Peer, PeerServer } from './peer.js';
import { peerFolder } from './python.js';
import { gunicorn, startBehind } from './python-peers.js';

/** Debian puts it where only root looks. */
const PATH = `${process.env.PATH}:/usr/sbin`;

export const haproxy: Peer = {
  name: 'haproxy',
  title: 'HAProxy, maxconn 1, before FastAPI on gunicorn',
  routes: [{ name: 'def', forms: formsUnder('/def') }],
  hasMetrics: true,
  shimmed:
    'maxconn 1, timeout queue as long as the callers’ patience, option abortonclose; 503 at once where the queue is ' +
    'full; the health check passes by the queue; the server behind as in its own row',
  versions: async () => `${await version()}; ${await gunicorn.versions()}`,
  prepare: async (bench) => {
    await installDebian({ haproxy: 'haproxy' });
    await gunicorn.prepare(bench);
  },
  start: async (bench, options) => {
    const { processes } = bench;
    const { queueLimit = 64, patience = 900 } = options;
    const behind = await startBehind(bench, options);
    const port = await freePort();
    const values = {
      QUEUE_LIMIT: String(queueLimit),
      QUEUE_TIMEOUT: `${Math.round(patience * 1000)}ms`,
      PORT: String(port),
      BEHIND: new URL(behind.url).port,
    };
    const file = join(await temporaryFolder(processes), 'haproxy.cfg');
    await writeFile(file, filled(await readFile(`${peerFolder('haproxy')}/haproxy.cfg`, 'utf8'), values));
    const child = processes.spawnGroup('haproxy', ['-db', '-f', file], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, PATH },
    });
    const commandLine = `haproxy -db -f haproxy.cfg (maxconn 1, queue ${queueLimit}, timeout queue ${values.QUEUE_TIMEOUT})`;
    const front = new Server({ name: haproxy.title, child, commandLine });
    front.url = `http://127.0.0.1:${port}`;
    await front.answers('/healthz');
    return new PeerServer(haproxy, [front, behind], processes);
  },
};

/** The names in capitals, outside of comments, replaced by their values. */
function filled(config: string, values: Readonly<Record<string, string>>): string {
  const lines = config.split('\n').map((line) => {
    if (line.startsWith('#')) return line;
    return Object.entries(values).reduce((text, [name, value]) => text.replaceAll(name, value), line);
  });
  return lines.join('\n');
}

async function version(): Promise<string> {
  const text = await run('haproxy', ['-v'], { PATH });
  return `HAProxy ${/version (\S+)/i.exec(text)?.[1] ?? '?'}`;
}
