// The command behind `npm run bench:peers`: which experiments, which servers, how long, and where the report goes.

import { Command } from 'commander';
import { endAll } from '../test/support/programs/command.js';
import { installDebian } from '../test/support/programs/packages.js';
import { ALL } from './all-experiments.js';
import type { Bench } from './experiment.js';
import { addBenchOptions, type BenchOptions, benchOf } from './options.js';
import type { Peer } from './peers/peer.js';
import { PEERS } from './peers/peers.js';
import { peerModels } from './peers-experiments/entrants.js';
import { PEER_EXPERIMENTS } from './peers-experiments/experiments.js';
import { chosen, namesOf, runAll } from './run.js';
import { PROJECT } from './servers.js';

interface Options extends BenchOptions {
  readonly only?: string;
  readonly servers?: string;
  readonly out: string;
}

/** A run fills the processor, as one fills a GPU: with smaller matrices, sharing fills the pauses between threads. */
const BURN_SIZE = 1024;
const command = new Command('npm run bench:peers --')
  .description(
    'Holds oneslot against what people use instead, under the same load on this machine. Everything runs on loopback ' +
      'and is stopped at the end. Python packages are installed into .build; haproxy, hey and wrk with apt-get, as root, ' +
      'where they are missing. What can not be installed is left out, and said.',
  )
  .option('--only <names>', `these experiments, of ${namesOf(PEER_EXPERIMENTS)}`)
  .option('--servers <names>', `these servers, of ${namesOf(PEERS)}`)
  .option('--out <file>', 'where the report goes', `${PROJECT}docs/benchmarks.md`)
  .addHelpText(
    'after',
    '\nWith --servers, oneslot, or the first of them, is the one that the others are held against.',
  )
  .showHelpAfterError();
const quick = 'fewer repeats and shorter work: all tables in ten minutes instead of two hours';
const { only, servers, out, ...options } = addBenchOptions(command, { quick, onCpu: BURN_SIZE })
  .parse()
  .opts<Options>();

const experiments = chosen(only, { all: PEER_EXPERIMENTS, what: 'experiment' });
const wanted = chosen(servers, { all: PEERS, what: 'server' });
const bench = benchOf(options, BURN_SIZE);
// What is being installed ends too.
process.on('exit', endAll);
const peers = await prepared(bench, wanted);
const models = await peerModels(bench);
const failed = await runAll({ experiments, bench: { ...bench, peers, models }, all: ALL, out });
process.exit(failed === 0 ? 0 : 1);

/** Those that can be measured here; the others are named. */
async function prepared(on: Bench, all: readonly Peer[]): Promise<readonly Peer[]> {
  await installDebian({ hey: 'hey', wrk: 'wrk' }).catch((error: Error) => on.progress.say(error.message));
  const ready: Peer[] = [];
  for (const peer of all) {
    await peer.prepare(on).then(
      () => ready.push(peer),
      (error: Error) => on.progress.say(`${peer.title} is left out: ${error.message}`),
    );
  }
  if (ready.length === 0) throw new Error('none of these servers can be measured here');
  return ready;
}
