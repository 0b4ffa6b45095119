// As many requests a second as a server takes, on a fixed number of connections: by wrk where it is installed, which
// leaves the processors to the server; else by the generator of this folder.

import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Bench } from '../experiment.js';
import { temporaryFolder } from '../models.js';
import { PROJECT } from '../servers.js';
import { percentiles } from '../statistics.js';
import { startLoad } from './load.js';

export interface Saturation {
  readonly perSecond: number;
  /** ms */
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
  /** Answers other than 200, and broken connections. */
  readonly bad: number;
}

export interface SaturationOptions {
  readonly url: string;
  readonly path: string;
  readonly body: Uint8Array;
  readonly connections: number;
  readonly seconds: number;
}

export type Saturate = (options: SaturationOptions) => Promise<Saturation>;

/** The best generator that there is here, and what it is called. */
export async function saturation(bench: Bench): Promise<{ saturate: Saturate; generator: string }> {
  const version = await wrkVersion(bench);
  if (version === undefined)
    return { saturate: (options) => byOurs(bench, options), generator: 'the own generator' };
  const folder = await temporaryFolder(bench.processes);
  return { saturate: (options) => byWrk(bench, folder, options), generator: version };
}

async function wrkVersion({ processes }: Bench): Promise<string | undefined> {
  const child = processes.spawn('wrk', ['--version'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  await once(child, 'close').catch(() => {});
  const [, version] = /^wrk (?:debian\/)?([\d.]+\S*)/.exec(text) ?? [];
  return version === undefined ? undefined : `wrk ${version}`;
}

async function byWrk({ processes }: Bench, folder: string, options: SaturationOptions): Promise<Saturation> {
  const { url, path, body, connections, seconds } = options;
  const file = join(folder, 'body');
  await writeFile(file, body);
  const args = [
    '-t',
    '1',
    '-c',
    String(connections),
    '-d',
    `${seconds}s`,
    '-s',
    `${PROJECT}bench/peers/wrk/post.lua`,
  ];
  const child = processes.spawn('wrk', [...args, url + path], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, BODY: file },
  });
  let text = '';
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  await once(child, 'close');
  const line = text.split('\n').findLast((each) => each.startsWith('{'));
  const { requests, seconds: took, ...rest } = JSON.parse(line ?? '{}') as Record<string, number>;
  return { perSecond: requests! / took!, ...(rest as unknown as Omit<Saturation, 'perSecond'>) };
}

async function byOurs({ processes }: Bench, options: SaturationOptions): Promise<Saturation> {
  const { url, path, body, connections, seconds } = options;
  const form = { method: 'POST', path, headers: { 'content-type': 'application/json' }, body } as const;
  const load = startLoad({ url, forms: [form], schedule: { kind: 'in turn', connections } }, { processes });
  const startedMs = await load.startedMs;
  await delay(seconds * 1000);
  load.stop();
  const answers = await load.answers;
  const lastMs = Math.max(...answers.slice(-connections).map(({ endMs }) => endMs));
  const { p50, p90, p99, max } = percentiles(answers.map(({ sentMs, endMs }) => endMs - sentMs));
  const bad = answers.filter(({ status }) => status !== 200).length;
  return { perSecond: answers.length / ((lastMs - startedMs) / 1000), p50, p90, p99, max, bad };
}
