// Runs experiments one after the other, saves what each found, and writes the report.

import { resolve } from 'node:path';
import { monotonicMs } from '../src/clock.js';
import type { Bench, Described, Experiment, Outcome } from './experiment.js';
import { describeMachine, listenToMachine } from './machine.js';
import { onProvider } from './on-provider.js';
import { type Report, saveRaw, writeReport } from './report.js';

/** Those whose names the list holds; all without a list. @throws where it holds another name */
export function chosen<Named extends { readonly name: string }>(
  list: string | undefined,
  { all, what }: { all: readonly Named[]; what: string },
): readonly Named[] {
  if (list === undefined) return all;
  return list.split(',').map((name) => {
    const found = all.find((each) => each.name === name.trim());
    if (found !== undefined) return found;
    throw new Error(`there is no ${what} ${JSON.stringify(name.trim())}; there are ${namesOf(all)}`);
  });
}

export const namesOf = (all: readonly { readonly name: string }[]): string =>
  all.map(({ name }) => name).join(', ');

export interface Run<Of extends Bench> {
  readonly experiments: readonly Experiment<Of>[];
  readonly bench: Of;
  /** Whose sections the report may hold, in its order. */
  readonly all: readonly Described[];
  readonly out: string;
}

/** How many of them failed. */
export async function runAll<Of extends Bench>({ experiments, bench, all, out }: Run<Of>): Promise<number> {
  const { progress } = bench;
  const reports: Report[] = [];
  let failed = 0;
  for (const each of experiments) {
    if (each.needsGpu && bench.provider === 'cpu') {
      progress.say(`${each.name} is left out: it needs a GPU, with --provider cuda or webgpu`);
      continue;
    }
    const experiment = onProvider(each, bench.provider);
    progress.say(`${experiment.name}: ${experiment.title}`);
    await runOne(experiment, bench).then(
      (report) => reports.push(report),
      (error: Error) => {
        failed += 1;
        progress.say(`  failed: ${error.stack}`);
      },
    );
  }
  await writeReport(resolve(out), { all, reports });
  progress.say(`written to ${out}`);
  return failed;
}

/** Its raw results are saved at once, so that what follows can't lose them. */
async function runOne<Of extends Bench>(experiment: Experiment<Of>, bench: Of): Promise<Report> {
  const before = listenToMachine();
  const startedMs = monotonicMs();
  const outcome = await experiment.run(bench);
  const seconds = (monotonicMs() - startedMs) / 1000;
  const after = listenToMachine();
  const report = {
    experiment,
    outcome,
    quick: bench.quick,
    seconds,
    finishedAt: new Date(),
    machine: describeMachine(bench.provider),
    before,
    after,
  };
  await saveRaw(report);
  show(outcome, bench);
  bench.progress.say(`  ${Math.round(seconds)} s`);
  return report;
}

function show({ goals }: Outcome, { progress }: Bench): void {
  for (const { what, limit, measured, met } of goals) {
    progress.say(`  ${met ? 'met   ' : 'MISSED'} ${what}: ${measured} (${limit})`);
  }
}
