// FastAPI on four servers, Flask on gunicorn, and LitServe.

import { join } from 'node:path';
import type { Bench } from '../experiment.js';
import { freePort, Server } from '../servers.js';
import { burnBody, formsUnder, post, postRaw } from './forms.js';
import { type Forms, type Peer, PeerServer, type Route, type StartOptions } from './peer.js';
import { peerFolder, pinnedVersions, pythonEnv, pythonPrograms } from './python.js';

/** How one of them is started. */
interface Program {
  readonly command: string;
  /** What matters of the command line; the address is added. */
  readonly args: readonly string[];
  readonly address: (port: number) => readonly string[];
  readonly env?: (port: number, options: StartOptions) => NodeJS.ProcessEnv;
}

interface PythonPeer extends Omit<Peer, 'versions' | 'prepare' | 'start'> {
  /** The folder under bench/peers. */
  readonly folder: string;
  /** Of its requirements, those that serve. */
  readonly packages: readonly string[];
  readonly program: Program;
}

const bind = (port: number): readonly string[] => ['--bind', `127.0.0.1:${port}`];
const hostAndPort = (port: number): readonly string[] => ['--host', '127.0.0.1', '--port', String(port)];

/** Longer than anything that is measured: gunicorn kills a worker that is silent for longer. */
const SILENCE_SECONDS = '900';

const FASTAPI_ROUTES: readonly Route[] = [
  { name: 'def', forms: formsUnder('/def') },
  { name: 'async def', forms: formsUnder('/async') },
];

const FASTAPI_SHIM =
  'an endpoint for each kind of work, as def (in the thread pool of 40) and as async def; /healthz';

const fastapi = { routes: FASTAPI_ROUTES, hasMetrics: false, folder: 'fastapi' } as const;

export const uvicorn = python({
  ...fastapi,
  name: 'uvicorn',
  title: 'FastAPI on uvicorn',
  shimmed: FASTAPI_SHIM,
  packages: ['fastapi', 'uvicorn', 'uvloop', 'httptools'],
  program: {
    command: 'uvicorn',
    args: ['app:app', '--workers', '1', '--no-access-log', '--log-level', 'warning'],
    address: hostAndPort,
  },
});

const GUNICORN_UVICORN: Program = {
  command: 'gunicorn',
  args: [
    'app:app',
    '--workers',
    '1',
    '--worker-class',
    'uvicorn_worker.UvicornWorker',
    '--timeout',
    SILENCE_SECONDS,
    '--log-level',
    'warning',
  ],
  address: bind,
};

export const gunicorn = python({
  ...fastapi,
  name: 'gunicorn',
  title: 'FastAPI on gunicorn, uvicorn worker',
  shimmed: `${FASTAPI_SHIM}; gunicorn’s limit on a silent worker raised`,
  packages: ['fastapi', 'gunicorn', 'uvicorn-worker', 'uvicorn'],
  program: GUNICORN_UVICORN,
});

export const hypercorn = python({
  ...fastapi,
  name: 'hypercorn',
  title: 'FastAPI on hypercorn',
  shimmed: `${FASTAPI_SHIM}; backlog as long as uvicorn’s`,
  packages: ['fastapi', 'hypercorn'],
  program: {
    command: 'hypercorn',
    args: ['app:app', '--workers', '1', '--backlog', '2048', '--log-level', 'warning'],
    address: bind,
  },
});

export const daphne = python({
  ...fastapi,
  name: 'daphne',
  title: 'FastAPI on daphne',
  shimmed: FASTAPI_SHIM,
  packages: ['fastapi', 'daphne'],
  program: {
    command: 'daphne',
    args: ['app:app', '--verbosity', '0'],
    address: (port) => ['--bind', '127.0.0.1', '--port', String(port)],
  },
});

export const flask = python({
  name: 'flask',
  title: 'Flask on gunicorn, one sync worker',
  routes: [{ name: '', forms: formsUnder('') }],
  hasMetrics: false,
  shimmed: 'an endpoint for each kind of work; /healthz; gunicorn’s limit on a silent worker raised',
  folder: 'flask',
  packages: ['flask', 'werkzeug', 'gunicorn'],
  program: {
    command: 'gunicorn',
    args: [
      'app:app',
      '--workers',
      '1',
      '--worker-class',
      'sync',
      '--timeout',
      SILENCE_SECONDS,
      '--log-level',
      'warning',
    ],
    address: bind,
  },
});

/** One endpoint for all: the body names its work. */
const LITSERVE_FORMS: Forms = {
  wait: (seconds) => post('/predict', { work: 'wait', seconds }),
  burn: (iterations, seed = 1, headers) =>
    post('/predict', { work: 'burn', ...burnBody(iterations, seed) }, headers),
  digits: (body) => post('/predict', { work: 'digits', ...(JSON.parse(body) as object) }),
  weigh: (input) => postRaw('/predict', input),
};

export const litserve = python({
  name: 'litserve',
  title: 'LitServe, one worker',
  routes: [{ name: '', forms: LITSERVE_FORMS }],
  hasMetrics: false,
  shimmed:
    'one API whose body names the kind of work; for large tensors a second one whose body is the tensor; ' +
    'restart_workers on; its timeout is the callers’ patience where they have one, else none',
  folder: 'litserve',
  packages: ['litserve', 'fastapi', 'uvicorn'],
  program: {
    command: 'python',
    args: ['server.py'],
    address: () => [],
    env: (port, { raw = false, patience = 0 }) => ({
      PORT: String(port),
      TIMEOUT: String(patience),
      ...(raw && { FORM: 'raw' }),
    }),
  },
});

function python({ folder, packages, program, ...rest }: PythonPeer): Peer {
  const peer: Peer = {
    ...rest,
    versions: () => pinnedVersions(folder, [...packages, 'onnxruntime']),
    prepare: async (bench) => {
      await pythonPrograms(folder, bench);
    },
    start: async (bench, options) =>
      new PeerServer(
        peer,
        [await startPython(bench, { title: rest.title, folder, program }, options)],
        bench.processes,
      ),
  };
  return peer;
}

/** FastAPI on gunicorn, to stand behind something else. */
export async function startBehind(bench: Bench, options: StartOptions): Promise<Server> {
  return await startPython(
    bench,
    { title: gunicorn.title, folder: 'fastapi', program: GUNICORN_UVICORN },
    options,
  );
}

async function startPython(
  bench: Bench,
  { title, folder, program }: { title: string; folder: string; program: Program },
  options: StartOptions,
): Promise<Server> {
  const { command, args, address, env } = program;
  const bin = await pythonPrograms(folder, bench);
  const port = await freePort();
  const child = bench.processes.spawnGroup(join(bin, command), [...args, ...address(port)], {
    cwd: peerFolder(folder),
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...pythonEnv(bench, options), ...env?.(port, options) },
  });
  const server = new Server({ name: title, child, commandLine: [command, ...args].join(' ') });
  server.url = `http://127.0.0.1:${port}`;
  await server.answers('/healthz');
  return server;
}
