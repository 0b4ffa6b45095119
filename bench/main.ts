// The command behind `npm run bench`: which experiments, how long, and where the report goes.

import { resolve } from 'node:path';
import { Command } from 'commander';
import { monotonicMs } from '../src/clock.js';
import type { Bench, Experiment, Outcome } from './experiment.js';
import { EXPERIMENTS } from './experiments/experiments.js';
import { describeMachine, listenToMachine } from './machine.js';
import { Processes } from './processes.js';
import { Progress } from './progress.js';
import { type Report, saveRaw, writeReport } from './report.js';
import { PROJECT } from './servers.js';

interface Options {
  readonly only?: string;
  readonly quick: boolean;
  readonly out: string;
}

const names = EXPERIMENTS.map(({ name }) => name).join(', ');
const { only, quick, out } = new Command('npm run bench --')
  .description('Measures oneslot on this machine; everything runs on loopback and is stopped at the end.')
  .option('--only <names>', `these experiments, of ${names}`)
  .option('--quick', 'shorter and fewer runs', false)
  .option('--out <file>', 'where the report goes', `${PROJECT}docs/benchmarks.md`)
  .showHelpAfterError()
  .parse()
  .opts<Options>();

const processes = new Processes();
const progress = new Progress();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));
process.on('exit', () => processes.endAll());

const reports: Report[] = [];
let failed = 0;
for (const experiment of chosen(only)) {
  progress.say(`${experiment.name}: ${experiment.title}`);
  await runOne(experiment, { quick, processes, progress }).catch((error: Error) => {
    failed += 1;
    progress.say(`  failed: ${error.stack}`);
  });
}
await writeReport(resolve(out), { all: EXPERIMENTS, reports });
progress.say(`written to ${out}`);
process.exit(failed === 0 ? 0 : 1);

function chosen(list: string | undefined): readonly Experiment[] {
  if (list === undefined) return EXPERIMENTS;
  return list.split(',').map((name) => {
    const found = EXPERIMENTS.find((experiment) => experiment.name === name.trim());
    if (found !== undefined) return found;
    throw new Error(`there is no experiment ${JSON.stringify(name.trim())}; there are ${names}`);
  });
}

/** Its raw results are saved at once, so that what follows can't lose them. */
async function runOne(experiment: Experiment, bench: Bench): Promise<void> {
  const before = listenToMachine();
  const startedMs = monotonicMs();
  const outcome = await experiment.run(bench);
  const seconds = (monotonicMs() - startedMs) / 1000;
  const after = listenToMachine();
  const finishedAt = new Date();
  const report = {
    experiment,
    outcome,
    quick,
    seconds,
    finishedAt,
    machine: describeMachine(),
    before,
    after,
  };
  reports.push(report);
  await saveRaw(report);
  show(outcome, bench.progress);
}

function show({ goals }: Outcome, shown: Progress): void {
  for (const { what, limit, measured, met } of goals) {
    shown.say(`  ${met ? 'met   ' : 'MISSED'} ${what}: ${measured} (${limit})`);
  }
}
