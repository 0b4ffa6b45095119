// What a GPU does with the shipped models: whether one loads, how much of it runs there, how fast, and how near its answers
// are to the CPU's. The sentence-embedder is left out: its model.json chooses the CPU.

import { readFile } from 'node:fs/promises';
import { type BurnSize, burn, inTurn } from '../burns.js';
import type { Bench, BenchProvider, Experiment, Outcome } from '../experiment.js';
import type { RequestForm } from '../load/plan.js';
import { burnRepository, repositoryWith } from '../models.js';
import { PROJECT, startOneslot } from '../servers.js';
import { median, time } from '../statistics.js';

interface Case {
  readonly what: string;
  readonly model: string;
  readonly models: string;
  readonly form: RequestForm;
  readonly calls: number;
}

interface Ran {
  readonly nodes: Readonly<Record<string, number>>;
  readonly loadMs: number;
  readonly runMs: number;
  readonly outputs: unknown;
}

interface Measured {
  readonly what: string;
  readonly cpu: Ran;
  /** Why it can't run on the GPU, where it can't. */
  readonly gpu: Ran | string;
}

export const providers: Experiment = {
  name: 'providers',
  title: 'The shipped models on a GPU',
  method:
    'Each model is served alone, once by the CPU provider with all cores and once by the GPU’s, and gets the same request ' +
    'over and over from one caller; the run time is the median of Server-Timing’s run, copies to and from the GPU included. ' +
    'Nodes are those that a profiled run counted, as GET /models/{model} tells them. The difference is the largest between ' +
    'two numbers of the outputs.',
  needsGpu: true,
  run: measure,
};

async function measure(bench: Bench): Promise<Outcome> {
  const measured: Measured[] = [];
  for (const each of await casesOf(bench)) {
    bench.progress.step(`providers, ${each.what}`);
    const cpu = await run(bench, 'cpu', each);
    const gpu = await run(bench, bench.provider, each).catch(({ message }: Error) => lastLine(message));
    measured.push({ what: each.what, cpu, gpu });
  }
  return outcomeOf(measured, bench.provider);
}

async function casesOf(bench: Bench): Promise<readonly Case[]> {
  const { processes, burnSize } = bench;
  const picture = async (model: string, file: string): Promise<Case> => ({
    what: `${model}, ${file}`,
    model,
    models: await repositoryWith(model, { processes }),
    form: {
      method: 'POST',
      path: `/predict/${model}`,
      headers: { 'content-type': 'image/png' },
      body: await readFile(`${PROJECT}models/${model}/${file}`),
    },
    calls: 50,
  });
  const burnCase = async (rows: BurnSize, iterations: number): Promise<Case> => ({
    what: `burn, ${rows} rows, ${iterations} iterations`,
    model: 'burn',
    models: await burnRepository({ ...bench, burnSize: rows }),
    form: burn(iterations, 7),
    calls: 5,
  });
  return [
    await picture('face-detector', 'astronaut.png'),
    await picture('digits', 'seven.png'),
    ...(burnSize === 4096 ? [await burnCase(256, 1000)] : []),
    await burnCase(burnSize, 20),
  ];
}

/** @throws Error where the model does not load on the provider */
async function run(
  { processes }: Bench,
  provider: BenchProvider,
  { model, models, form, calls }: Case,
): Promise<Ran> {
  await using server = await startOneslot({ processes, provider }, { models });
  // The first ones find everything cold.
  const answers = (await inTurn(server, Array(calls + 2).fill(form), processes)).slice(2);
  const told = (await (await fetch(`${server.url}/models/${model}`)).json()) as Pick<Ran, 'nodes' | 'loadMs'>;
  const { outputs } = JSON.parse(answers[0]!.body!) as { outputs: unknown };
  const runMs = median(answers.map(({ timing }) => timing.run!));
  return { nodes: told.nodes, loadMs: told.loadMs, runMs, outputs };
}

/** Before it stands what ONNX Runtime had to say on the way. */
function lastLine(message: string): string {
  return message
    .split('\n')
    .at(-1)!
    .replace(/ \(\/.*?\)/, '');
}

function outcomeOf(measured: readonly Measured[], provider: BenchProvider): Outcome {
  return {
    goals: [],
    tables: [
      {
        caption: `The CPU beside ${provider}`,
        head: ['request', 'nodes', 'load', 'run, CPU', `run, ${provider}`, 'CPU ÷ GPU', 'difference'],
        rows: measured.map(rowOf),
      },
    ],
    notes: measured.flatMap(({ what, gpu }) => (typeof gpu === 'string' ? [`${what}: ${gpu}.`] : [])),
    commands: [],
    raw: measured,
  };
}

function rowOf({ what, cpu, gpu }: Measured): string[] {
  if (typeof gpu === 'string') return [what, 'does not load', '–', time(cpu.runMs), '–', '–', '–'];
  const nodes = Object.entries(gpu.nodes).map(
    ([name, count]) => `${count} ${name.replace('ExecutionProvider', '')}`,
  );
  return [
    what,
    nodes.join(', '),
    time(gpu.loadMs),
    time(cpu.runMs),
    time(gpu.runMs),
    `${(cpu.runMs / gpu.runMs).toFixed(2)}×`,
    differenceOf(cpu.outputs, gpu.outputs).toPrecision(2),
  ];
}

/** Between the numbers of two answers; infinite where they differ in form. */
function differenceOf(one: unknown, other: unknown): number {
  const [a, b] = [numbersOf(one), numbersOf(other)];
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  return Math.max(0, ...a.map((value, index) => Math.abs(value - b[index]!)));
}

function numbersOf(value: unknown): readonly number[] {
  if (typeof value === 'number') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(numbersOf) : [];
}
