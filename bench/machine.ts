// The machine and the versions that figures belong to, and how quiet it was.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { monotonicMs } from '../src/clock.js';
import type { BenchProvider } from './experiment.js';
import { PROJECT } from './servers.js';
import { quantile } from './statistics.js';

export interface Machine {
  readonly processor: string;
  /** The one that ran the models, with its driver. */
  readonly gpu?: string;
  readonly cores: number;
  readonly memory: string;
  readonly system: string;
  readonly versions: Readonly<Record<string, string>>;
}

export function describeMachine(provider: BenchProvider): Machine {
  const [kernel] = /^\d+\.\d+/.exec(release()) ?? [''];
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    ...(provider !== 'cpu' && { gpu: gpu() }),
    cores: cpus().length,
    memory: `${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    system: `${type()} ${kernel}`,
    versions: {
      oneslot: `${packageVersion(`${PROJECT}package.json`)} (${commit()})`,
      Node: process.versions.node,
      'onnxruntime-node': packageVersion(`${PROJECT}node_modules/onnxruntime-node/package.json`),
    },
  };
}

/** e.g. `NVIDIA H100 80GB HBM3, 81559 MiB, driver 580.159.04` */
function gpu(): string {
  try {
    const query = ['--query-gpu=name,memory.total,driver_version', '--format=csv,noheader'];
    const [name, memory, driver] = execFileSync('nvidia-smi', query, { encoding: 'utf8' })
      .trim()
      .split('\n', 1)[0]!
      .split(', ');
    return `${name}, ${memory}, driver ${driver}`;
  } catch {
    return 'a GPU that nvidia-smi does not know';
  }
}

function packageVersion(file: string): string {
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

/** Short, and marked where the source has changed since. */
function commit(): string {
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', args, {
        cwd: PROJECT,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim();
    const isChanged = git('status', '--porcelain', '--', 'src', 'models', 'package-lock.json') !== '';
    return git('rev-parse', '--short', 'HEAD') + (isChanged ? ', changed' : '');
  } catch {
    return 'no commit';
  }
}

/** How quiet the machine is: what the same short computation costs, over and over. */
export interface Quiet {
  readonly medianMs: number;
  /** Of 10 computations the slowest took so much longer than the middle one. */
  readonly p90Share: number;
  readonly loadAverage: number;
}

const COMPUTATIONS = 40;

export function listenToMachine(): Quiet {
  const times = Array.from({ length: COMPUTATIONS }, computation);
  const medianMs = quantile(times, 0.5);
  return { medianMs, p90Share: quantile(times, 0.9) / medianMs - 1, loadAverage: loadavg()[0]! };
}

/** Some 5 ms of arithmetic. */
function computation(): number {
  const startedMs = monotonicMs();
  let value = 1;
  for (let step = 0; step < 3_000_000; step += 1) value = Math.imul(value, 48_271) ^ step;
  return monotonicMs() - startedMs + (value === 0 ? 1 : 0);
}
