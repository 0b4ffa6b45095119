// FastAPI on uvicorn for the experiment `digits`.

import { join } from 'node:path';
import type { Bench } from '../experiment.js';
import { freePort, PROJECT, Server } from '../servers.js';
import { peerFolder, pinnedVersions, pythonEnv, pythonPrograms } from './python.js';

/** Undefined where there is no Python that could run it. */
export async function startFastApi(bench: Bench): Promise<Server | undefined> {
  const { processes, progress } = bench;
  const bin = await pythonPrograms('fastapi', bench).catch((error: Error) => progress.say(error.message));
  if (bin === undefined) return undefined;
  const port = await freePort();
  const args = ['app:app', '--workers', '1', '--no-access-log', '--log-level', 'warning'];
  const child = processes.spawn(
    join(bin, 'uvicorn'),
    [...args, '--host', '127.0.0.1', '--port', String(port)],
    {
      cwd: peerFolder('fastapi'),
      stdio: ['ignore', 'ignore', 'pipe'],
      env: pythonEnv(bench, { models: `${PROJECT}models`, threads: 1 }),
    },
  );
  const server = new Server({ name: 'FastAPI', child, commandLine: `uvicorn ${args.join(' ')}` });
  server.url = `http://127.0.0.1:${port}`;
  await server.answers('/healthz');
  return server;
}

/** What the pinned requirements say, of what takes part in it. */
export async function fastApiVersions(): Promise<string> {
  const packages = ['fastapi', 'uvicorn', 'uvloop', 'httptools', 'pydantic', 'onnxruntime', 'numpy'];
  return await pinnedVersions('fastapi', packages);
}
