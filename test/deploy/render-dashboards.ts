// Draws docs/pictures/*.svg: each dashboard's panels, from what a real Prometheus answers to their own queries after
// four minutes of a made-up day. Grafana takes no part.
//
//   npm run build && node dist/test/deploy/render-dashboards.js

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { burn } from '../support/burns.js';
import type { Oneslot } from '../support/oneslot.js';
import { Cleanup } from '../support/programs/cleanup.js';
import { endAll } from '../support/programs/command.js';
import { Report } from '../support/programs/report.js';
import { readDashboards } from './dashboards/dashboard.js';
import { askDigits } from './dashboards/digits.js';
import { type Callers, type Fleet, SCRAPE_SECONDS, startFleet, startLoad } from './dashboards/fleet.js';
import { picture } from './dashboards/picture/picture.js';
import type { Shown } from './dashboards/variables.js';
import type { Context } from './part.js';

const PROJECT = fileURLToPath(new URL('../../../', import.meta.url));
const PICTURES = join(PROJECT, 'docs/pictures');

/** Between two points of a line. */
const STEP_SECONDS = 2;

const REPLICAS = 3;
const LONG = 400;

const cleanup = new Cleanup();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, endAll);

try {
  await main();
} finally {
  await cleanup.run();
}

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'oneslot-pictures-'));
  cleanup.add(() => rm(folder, { recursive: true, force: true }));
  const context: Context = { report: new Report(), cleanup, project: PROJECT, folder };
  const fleet = await startFleet(context, REPLICAS);
  const start = Math.floor(Date.now() / 1000);
  await day(fleet);
  await draw(fleet, { start, end: Date.now() / 1000, step: STEP_SECONDS, scrapeInterval: SCRAPE_SECONDS });
}

/** Steady, a burst that is more than the replicas can take, a crash, and a replica that is taken away in the ebb. */
async function day({ replicas }: Fleet): Promise<void> {
  const digits: Callers = { count: 3, ask: leniently(askDigits(PROJECT)), restMs: 100 };
  const burns = (count: number, restMs: number): Callers => {
    return { count, ask: leniently((replica) => burn(replica, LONG)), restMs };
  };
  await load(replicas, [digits, burns(3, 400)], 60_000);
  await load(replicas, [digits, burns(45, 1000)], 60_000);
  process.kill(replicas[0]!.runnerPid!, 'SIGKILL');
  await load(replicas, [digits, burns(12, 100)], 60_000);
  replicas.at(-1)!.child.kill('SIGTERM');
  await load(replicas.slice(0, -1), [digits, burns(2, 600)], 60_000);
}

async function load(replicas: readonly Oneslot[], kinds: readonly Callers[], ms: number): Promise<void> {
  const stop = startLoad(replicas, kinds);
  await delay(ms);
  await stop();
}

/** A replica that goes takes its answers along. */
function leniently(ask: Callers['ask']): Callers['ask'] {
  return (replica) => ask(replica).catch(() => undefined);
}

async function draw({ prometheus }: Fleet, shown: Shown): Promise<void> {
  await mkdir(PICTURES, { recursive: true });
  for (const dashboard of await readDashboards(PROJECT)) {
    const svg = await picture(dashboard, { prometheus, shown, choice: { job: [], instance: [] } });
    await writeFile(join(PICTURES, `dashboard-${dashboard.uid.replace(/^oneslot-/, '')}.svg`), svg);
  }
}
