// A real Prometheus on a free port of the loopback, with configuration and rules of the test's own.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Cleanup } from './cleanup.js';
import { track } from './command.js';
import { installDebian } from './packages.js';

/** How much of the log of a Prometheus that did not start is worth reading. */
const SHOWN_LINES = 20;

export interface PrometheusOptions {
  /** Holds its configuration, rules and data; made where it is missing. One Prometheus, one folder. */
  readonly folder: string;
  /** prometheus.yml: its text, or an object. Relative paths in it (`rule_files`) start from the folder. */
  readonly config: string | object;
  /** Files beside it: name → text. */
  readonly files?: Readonly<Record<string, string>>;
  readonly cleanup: Cleanup;
  /** More flags. */
  readonly args?: readonly string[];
  /** A command that runs the one which is put behind it, in place of itself. */
  readonly through?: readonly string[];
}

export interface PrometheusSample {
  /** Its name too, as `__name__`, where it has one. */
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface PrometheusSeries {
  readonly labels: Readonly<Record<string, string>>;
  /** Pairs of Unix seconds and value, in the order of time. */
  readonly points: readonly (readonly [atSeconds: number, value: number])[];
}

export interface QueryRange {
  /** Unix seconds. */
  readonly start: number;
  readonly end: number;
  /** Seconds. */
  readonly step: number;
}

export interface PrometheusTarget {
  readonly labels: Readonly<Record<string, string>>;
  readonly scrapeUrl: string;
  readonly health: 'up' | 'down' | 'unknown';
  readonly lastError: string;
}

export interface PrometheusAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: 'pending' | 'firing';
}

type Wire = { metric: Record<string, string>; value: [number, string]; values: [number, string][] };

export class Prometheus {
  constructor(
    readonly url: string,
    readonly child: ChildProcess,
  ) {}

  /**
   * An instant query; a scalar is one sample without labels.
   * @param atSeconds Unix seconds; the present by default
   */
  async query(expr: string, atSeconds?: number): Promise<readonly PrometheusSample[]> {
    const time = atSeconds === undefined ? {} : { time: String(atSeconds) };
    const { resultType, result } = await this.get<{ resultType: string; result: Wire[] }>('query', {
      query: expr,
      ...time,
    });
    if (resultType === 'scalar') return [{ labels: {}, value: Number(result[1]) }];
    return result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
  }

  /** The value of a query that gives one sample; undefined where it gives none. @throws where it gives several */
  async value(expr: string, atSeconds?: number): Promise<number | undefined> {
    const samples = await this.query(expr, atSeconds);
    if (samples.length > 1) throw new Error(`${expr} gives ${samples.length} samples`);
    return samples[0]?.value;
  }

  async queryRange(expr: string, { start, end, step }: QueryRange): Promise<readonly PrometheusSeries[]> {
    const range = { start: String(start), end: String(end), step: String(step) };
    const { result } = await this.get<{ result: Wire[] }>('query_range', { query: expr, ...range });
    return result.map(({ metric, values }) => ({
      labels: metric,
      points: values.map(([at, value]) => [at, Number(value)] as const),
    }));
  }

  async targets(): Promise<readonly PrometheusTarget[]> {
    const { activeTargets } = await this.get<{ activeTargets: PrometheusTarget[] }>('targets', {});
    return activeTargets;
  }

  async alerts(): Promise<readonly PrometheusAlert[]> {
    return (await this.get<{ alerts: PrometheusAlert[] }>('alerts', {})).alerts;
  }

  /** `data` of an answer of its HTTP API. @throws Error with what Prometheus says of a wrong query */
  async get<Data>(path: string, parameters: Readonly<Record<string, string>>): Promise<Data> {
    const response = await fetch(`${this.url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const answer = (await response.json()) as { status: string; error?: string; data: Data };
    if (answer.status !== 'success') throw new Error(`${path} ${parameters.query ?? ''}: ${answer.error}`);
    return answer.data;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGTERM');
    await once(this.child, 'close');
  }
}

/** Installs Prometheus where it is missing and starts it; resolves when it takes queries. */
export async function startPrometheus(options: PrometheusOptions): Promise<Prometheus> {
  await installDebian({ prometheus: 'prometheus', promtool: 'prometheus' });
  const { folder, config, files = {}, cleanup, args = [], through = [] } = options;
  const text = typeof config === 'string' ? config : JSON.stringify(config);
  for (const [name, content] of Object.entries({ ...files, 'prometheus.yml': text })) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  const [program, ...rest] = [...through, 'prometheus', ...flags(folder), ...args];
  const child = spawn(program!, rest, { stdio: ['ignore', 'ignore', 'pipe'] });
  track(child);
  const prometheus = new Prometheus(await listening(child), child);
  cleanup.add(() => prometheus.stop());
  return prometheus;
}

function flags(folder: string): readonly string[] {
  return [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    '--web.listen-address=127.0.0.1:0',
  ];
}

/** Its address, from its log, which is read on so that it never blocks. */
function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const lines: string[] = [];
    let address: string | undefined;
    child.on('error', reject);
    child.on('close', (code) => {
      reject(new Error(`prometheus ended with ${code}:\n${lines.slice(-SHOWN_LINES).join('\n')}`));
    });
    createInterface({ input: child.stderr! }).on('line', (line) => {
      if (address === undefined || lines.length < SHOWN_LINES) lines.push(line);
      address ??= /msg="Listening on" address=(\S+)/.exec(line)?.[1];
      if (line.includes('Server is ready to receive web requests')) resolve(`http://${address}`);
    });
  });
}
