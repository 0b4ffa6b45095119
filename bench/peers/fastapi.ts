// FastAPI on uvicorn, in a Python environment of pinned packages that is set up once and kept outside the repository.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Bench } from '../experiment.js';
import { freePort, PROJECT, Server } from '../servers.js';

const FOLDER = `${PROJECT}bench/peers/fastapi`;

/** Undefined where there is no Python that could run it. */
export async function startFastApi(bench: Bench): Promise<Server | undefined> {
  const { processes } = bench;
  const bin = await environment(bench);
  if (bin === undefined) return undefined;
  const port = await freePort();
  const args = ['app:app', '--workers', '1', '--no-access-log', '--log-level', 'warning'];
  const child = processes.spawn(
    join(bin, 'uvicorn'),
    [...args, '--host', '127.0.0.1', '--port', String(port)],
    {
      cwd: FOLDER,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, MODEL: `${PROJECT}models/digits/1/model.onnx`, PYTHONDONTWRITEBYTECODE: '1' },
    },
  );
  const server = new Server({ name: 'FastAPI', child, commandLine: `uvicorn ${args.join(' ')}` });
  server.url = `http://127.0.0.1:${port}`;
  await server.answers('/healthz');
  return server;
}

/** What the pinned requirements say, e.g. `fastapi 0.165.0, uvicorn[standard] 0.54.0`. */
export async function fastApiVersions(): Promise<string> {
  const lines = (await readFile(`${FOLDER}/requirements.txt`, 'utf8')).trim().split('\n');
  return lines.map((line) => line.replace('==', ' ')).join(', ');
}

/** The environment's folder of commands; made when these requirements are met for the first time. */
async function environment(bench: Bench): Promise<string | undefined> {
  const requirements = await readFile(`${FOLDER}/requirements.txt`);
  const digest = createHash('sha256').update(requirements).digest('hex').slice(0, 12);
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  const folder = join(cache, 'oneslot-bench', `fastapi-${digest}`);
  const complete = join(folder, 'complete');
  if (existsSync(complete)) return join(folder, 'bin');
  bench.progress.step('setting up Python packages, once');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const made =
    (await succeeds(bench, 'python3', ['-m', 'venv', folder])) &&
    (await succeeds(bench, join(folder, 'bin', 'pip'), [
      'install',
      '--quiet',
      '-r',
      `${FOLDER}/requirements.txt`,
    ]));
  if (!made) return undefined;
  await writeFile(complete, '');
  return join(folder, 'bin');
}

async function succeeds(
  { processes, progress }: Bench,
  command: string,
  args: readonly string[],
): Promise<boolean> {
  const child = processes.spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const [code] = await once(child, 'close').catch((error: Error) => [error.message]);
  if (code !== 0) progress.say(`${command} failed (${code}): ${errors.slice(-500)}`);
  return code === 0;
}
