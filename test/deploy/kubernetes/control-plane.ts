// A real Kubernetes API server with its etcd, on free ports of the loopback: it holds objects, and runs none of them.

import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { run, track } from '../../support/programs/command.js';
import { BUILD } from '../../support/programs/packages.js';
import { until } from '../../support/until.js';
import type { Context } from '../part.js';
import { Api } from './api.js';
import { KUBERNETES } from './schemas.js';

/** How much of the log of a program that ended is worth reading. */
const SHOWN_LINES = 20;

export interface ControlPlane {
  /** `host:port` of the API server. */
  readonly address: string;
  /** Its certificate, which is its own authority. */
  readonly ca: string;
  /** As an administrator. */
  readonly admin: Api;
}

export async function startControlPlane({ project, folder, cleanup }: Context): Promise<ControlPlane> {
  const program = await compile(project);
  const here = join(folder, 'control-plane');
  await mkdir(here);
  const etcd = await startEtcd({ program, folder: here, cleanup });
  const token = await writeCredentials(here);
  const port = await freePort();
  const args = apiServerFlags(here, etcd, port);
  const server = start({ program, folder: here, cleanup }, 'kube-apiserver', args);
  const ca = await until(() => server.check(() => readFile(join(here, 'apiserver.crt'), 'utf8')));
  const address = `127.0.0.1:${port}`;
  const admin = new Api({ address, ca, token });
  await until(() => server.check(async () => (await admin.ask('GET', '/readyz')).status === 200));
  return { address, ca, admin };
}

/** Ten minutes of computing the first time; Go keeps what it compiled. */
async function compile(project: string): Promise<string> {
  const program = join(BUILD, 'go', `control-plane-${KUBERNETES}`);
  console.log(`compiling Kubernetes ${KUBERNETES}'s API server`);
  const version = `-s -w -X k8s.io/component-base/version.gitVersion=v${KUBERNETES}`;
  const source = join(project, 'test/deploy/kubernetes/control-plane');
  await run('go', ['build', '-C', source, '-trimpath', '-ldflags', version, '-o', program, '.']);
  return program;
}

type Place = Pick<Context, 'folder' | 'cleanup'> & { readonly program: string };

async function startEtcd(place: Place): Promise<string> {
  const url = `http://127.0.0.1:${await freePort()}`;
  const peers = `http://127.0.0.1:${await freePort()}`;
  const flags = {
    'data-dir': join(place.folder, 'etcd'),
    'listen-client-urls': url,
    'advertise-client-urls': url,
    'listen-peer-urls': peers,
    'initial-advertise-peer-urls': peers,
    'initial-cluster': `default=${peers}`,
    'unsafe-no-fsync': 'true',
  };
  const etcd = start(place, 'etcd', flags);
  await until(() => etcd.check(async () => (await fetch(`${url}/health`)).ok));
  return url;
}

/** @returns the administrator's token */
async function writeCredentials(folder: string): Promise<string> {
  const token = randomUUID();
  await writeFile(join(folder, 'tokens.csv'), `${token},admin,admin,system:masters\n`);
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await writeFile(join(folder, 'accounts.key'), privateKey.export({ type: 'pkcs1', format: 'pem' }));
  return token;
}

function apiServerFlags(folder: string, etcd: string, port: number): Readonly<Record<string, string>> {
  return {
    'etcd-servers': etcd,
    'bind-address': '127.0.0.1',
    'advertise-address': '127.0.0.1',
    'secure-port': String(port),
    'cert-dir': folder,
    'endpoint-reconciler-type': 'none',
    'service-cluster-ip-range': '10.96.0.0/16',
    'authorization-mode': 'RBAC',
    'token-auth-file': join(folder, 'tokens.csv'),
    'service-account-issuer': 'https://kubernetes.default.svc',
    'service-account-signing-key-file': join(folder, 'accounts.key'),
    'service-account-key-file': join(folder, 'accounts.key'),
  };
}

class Program {
  readonly child: ChildProcess;
  #log = '';

  constructor(child: ChildProcess) {
    this.child = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#log = `${this.#log}${text}`.split('\n').slice(-SHOWN_LINES).join('\n');
    });
  }

  /** The condition of a program that starts: that it can't be asked yet is no. @throws Error when it has ended */
  async check<Value>(condition: () => Promise<Value>): Promise<Value | undefined> {
    if (this.child.exitCode !== null) throw new Error(`${this.child.spawnargs[1]} has ended:\n${this.#log}`);
    return condition().catch(() => undefined);
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGKILL');
    await once(this.child, 'close');
  }
}

function start({ program, cleanup }: Place, name: string, flags: Readonly<Record<string, string>>): Program {
  const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  const child = spawn(program, [name, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  track(child);
  const started = new Program(child);
  cleanup.add(() => started.stop());
  return started;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}
