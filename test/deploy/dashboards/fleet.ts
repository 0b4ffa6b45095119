// Two real replicas under a small load, each with a made-up GPU, and a real Prometheus that scrapes them.

import { chmod, cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Oneslot, startOneslot } from '../../support/oneslot.js';
import { type Prometheus, startPrometheus } from '../../support/programs/prometheus.js';
import { withWindows } from '../../support/programs/rule-windows.js';
import type { Context } from '../part.js';

export const JOB = 'oneslot';
export const SCRAPE_SECONDS = 1;
/** As deploy/prometheus has it. */
const SHIPPED_SCRAPE_SECONDS = 10;

/** Few, so that a small load is refused something. */
const QUEUE_LIMIT = 6;

/** What nvidia-smi says of one H100 at work: index, MiB used and installed, % in use, W, °C. */
const GPU = '0, 21504, 81559, 57, 350.12, 64';

export interface Fleet {
  readonly replicas: readonly Oneslot[];
  readonly prometheus: Prometheus;
}

export async function startFleet(context: Context, size = 2): Promise<Fleet> {
  const models = await modelFolder(context);
  const env = { PATH: `${await gpuFolder(context)}${delimiter}${process.env.PATH}` };
  const replicas = await Promise.all(Array.from({ length: size }, () => startReplica(context, models, env)));
  return { replicas, prometheus: await startScraping(context, replicas) };
}

async function startReplica(context: Context, models: string, env: NodeJS.ProcessEnv): Promise<Oneslot> {
  const replica = await startOneslot({ models, args: ['--queue-limit', String(QUEUE_LIMIT)], env });
  context.cleanup.add(async () => await replica[Symbol.asyncDispose]());
  return replica;
}

/** One model of long runs and one of short ones. */
async function modelFolder({ project, folder }: Context): Promise<string> {
  const models = join(folder, 'models');
  for (const name of ['burn', 'digits'])
    await cp(join(project, 'models', name), join(models, name), { recursive: true });
  return models;
}

/** A folder with an nvidia-smi that tells of one GPU, again and again, as the real one does with `--loop`. */
async function gpuFolder({ folder }: Context): Promise<string> {
  const programs = join(folder, 'gpu');
  await mkdir(programs, { recursive: true });
  const script = `#!/bin/sh\nwhile echo '${GPU}'; do sleep 1; done\n`;
  await writeFile(join(programs, 'nvidia-smi'), script);
  await chmod(join(programs, 'nvidia-smi'), 0o755);
  return programs;
}

async function startScraping(context: Context, replicas: readonly Oneslot[]): Promise<Prometheus> {
  const shipped = await readFile(join(context.project, 'deploy/prometheus/oneslot.rules.yml'), 'utf8');
  const rules = withWindows(shipped, SCRAPE_SECONDS / SHIPPED_SCRAPE_SECONDS);
  const targets = replicas.map(({ adminUrl }) => new URL(adminUrl).host);
  const interval = `${SCRAPE_SECONDS}s`;
  const config = {
    global: { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: interval },
    rule_files: ['oneslot.rules.yml'],
    scrape_configs: [{ job_name: JOB, static_configs: [{ targets }] }],
  };
  const files = { 'oneslot.rules.yml': rules };
  return await startPrometheus({
    folder: join(context.folder, 'prometheus'),
    config,
    files,
    cleanup: context.cleanup,
  });
}

/** Callers of one kind: how many ask at once, what they ask, and how long each rests before it asks again. */
export interface Callers {
  readonly count: number;
  readonly ask: (replica: Oneslot) => Promise<unknown>;
  readonly restMs: number;
}

/** Keeps callers calling until told to stop; each has a replica of its own. */
export function startLoad(replicas: readonly Oneslot[], kinds: readonly Callers[]): () => Promise<void> {
  const load = { goesOn: true };
  const callers = kinds.flatMap((kind) =>
    Array.from({ length: kind.count }, (_, index) => call(kind, replicas[index % replicas.length]!, load)),
  );
  return async () => {
    load.goesOn = false;
    await Promise.all(callers);
  };
}

async function call({ ask, restMs }: Callers, replica: Oneslot, load: { goesOn: boolean }): Promise<void> {
  while (load.goesOn) {
    await ask(replica);
    await delay(restMs);
  }
}
