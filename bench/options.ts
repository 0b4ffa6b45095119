// What both commands of the benchmark can be told.

import { type Command, Option } from 'commander';
import { BURN_SIZES, type BurnSize } from './burns.js';
import { BENCH_PROVIDERS, type Bench, type BenchProvider } from './experiment.js';
import { Processes } from './processes.js';
import { Progress } from './progress.js';

export interface BenchOptions {
  readonly quick: boolean;
  readonly provider: BenchProvider;
  /** One of `BURN_SIZES`, as it was written. */
  readonly burnSize?: string;
}

/** @param texts what `--quick` means for this command, and its burns on the CPU */
export function addBenchOptions(
  command: Command,
  { quick, onCpu }: { quick: string; onCpu: BurnSize },
): Command {
  const burnSize =
    'of burn’s matrices: 256 as shipped, 1024 to fill a few cores, 4096 a GPU, 64 for a GPU made of software';
  return command
    .option('--quick', quick, false)
    .addOption(new Option('--provider <name>', 'runs the models').choices(BENCH_PROVIDERS).default('cpu'))
    .addOption(
      new Option('--burn-size <rows>', `${burnSize} (default: ${onCpu} on the CPU, else 4096)`).choices(
        BURN_SIZES.map(String),
      ),
    );
}

/** A benchmark whose processes end with it, whichever way it ends. */
export function benchOf({ quick, provider, burnSize }: BenchOptions, onCpu: BurnSize): Bench {
  const processes = new Processes();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));
  process.on('exit', () => processes.endAll());
  return {
    quick,
    provider,
    burnSize: burnSize === undefined ? (provider === 'cpu' ? onCpu : 4096) : (Number(burnSize) as BurnSize),
    processes,
    progress: new Progress(),
  };
}
