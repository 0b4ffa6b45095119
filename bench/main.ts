// The command behind `npm run bench`: which experiments, how long, and where the report goes.

import { Command } from 'commander';
import { ALL } from './all-experiments.js';
import { EXPERIMENTS } from './experiments/experiments.js';
import { addBenchOptions, type BenchOptions, benchOf } from './options.js';
import { chosen, namesOf, runAll } from './run.js';
import { PROJECT } from './servers.js';

interface Options extends BenchOptions {
  readonly only?: string;
  readonly out: string;
}

/** As shipped. */
const BURN_SIZE = 256;
const command = new Command('npm run bench --')
  .description('Measures oneslot on this machine; everything runs on loopback and is stopped at the end.')
  .option('--only <names>', `these experiments, of ${namesOf(EXPERIMENTS)}`)
  .option('--out <file>', 'where the report goes', `${PROJECT}docs/benchmarks.md`)
  .showHelpAfterError();
const { only, out, ...options } = addBenchOptions(command, {
  quick: 'shorter and fewer runs',
  onCpu: BURN_SIZE,
})
  .parse()
  .opts<Options>();

const experiments = chosen(only, { all: EXPERIMENTS, what: 'experiment' });
const failed = await runAll({ experiments, bench: benchOf(options, BURN_SIZE), all: ALL, out });
process.exit(failed === 0 ? 0 : 1);
