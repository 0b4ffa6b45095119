// Inputs of 600 KB and 10 MB, in the best form that each server has.

import type { Experiment, Outcome } from '../experiment.js';
import { weighInput } from '../models.js';
import { median, time } from '../statistics.js';
import { compare } from './comparison.js';
import { type Contender, commandsOf, inTurn, interleaved, lineUp, type PeerBench } from './entrants.js';
import { outcomeOf } from './outcome.js';

/**
 * V8 compiles what has been called some thousand times. So each server answers `first` calls before the first pass, and
 * each pass begins with `warmUp` calls that do not count, for whoever sends them is a new process each time.
 */
const SIZES = [
  { name: '600 KB', bytes: 600_000, first: 2000, warmUp: 1000 },
  { name: '10 MB', bytes: 10_485_760, first: 100, warmUp: 10 },
] as const;

/** Median answer time for each size; ms. */
type Sample = readonly number[];

export const large: Experiment<PeerBench> = {
  name: 'large',
  title: 'Inputs of 600 KB and 10 MB, on all servers',
  method:
    'One caller sends a large tensor, over and over, as the raw body of the request, which all of these servers can be made ' +
    'to take (LitServe with an API of its own for it). The model sums it up once. Medians of each pass, once each server has answered some thousands. ONNX Runtime has one thread.',
  run: measure,
};

async function measure(bench: PeerBench): Promise<Outcome> {
  const { quick } = bench;
  await using line = await lineUp(bench, { threads: 1, raw: true });
  const calls = quick ? 30 : 100;
  await checkSums(line.contenders);
  for (const contender of line.contenders) await warmUp(bench, contender);
  const measured = await interleaved(
    bench,
    { name: 'large', entrants: line.contenders, repeats: quick ? 1 : 5 },
    (contender) => sampleOf(bench, contender, calls),
  );
  return await outcomeOf({
    comparisons: [
      compare('Answer time, one caller', {
        measured,
        columns: SIZES.map(({ name }, index) => ({
          head: name,
          pick: (sample: Sample) => sample[index]!,
          write: time,
          better: 'lower' as const,
          why: 'Word of the input and of the answer goes from one thread to the next four times, and each is woken for it: some 0.15 ms here. In one process, health checks and refusals would wait for the run.',
        })),
      }),
    ],
    servers: commandsOf(line.contenders),
    missing: line.missing,
    raw: measured,
  });
}

async function sampleOf(bench: PeerBench, contender: Contender, calls: number): Promise<Sample> {
  const medians: number[] = [];
  for (const { bytes, ...size } of SIZES) {
    const form = contender.forms.weigh(weighInput(bytes, 1));
    const warmUp = Math.ceil(size.warmUp * scaleOf(bench));
    const answers = await inTurn(bench, contender, Array(warmUp + calls).fill(form));
    medians.push(median(answers.slice(warmUp).map(({ sentMs, endMs }) => endMs - sentMs)));
  }
  return medians;
}

const scaleOf = ({ quick }: PeerBench): number => (quick ? 0.1 : 1);

async function warmUp(bench: PeerBench, contender: Contender): Promise<void> {
  for (const { bytes, first } of SIZES) {
    const form = contender.forms.weigh(weighInput(bytes, 1));
    await inTurn(bench, contender, Array(Math.ceil(first * scaleOf(bench))).fill(form));
  }
}

/** The same sum everywhere. @throws where one is wrong */
async function checkSums(contenders: readonly Contender[]): Promise<void> {
  const input = weighInput(SIZES[0].bytes, 1);
  // Sixteen whole numbers among nothing: any order of adding gives the same.
  const data = new Float32Array(input.buffer, input.byteOffset, input.byteLength / 4);
  for (let index = 1; index <= 16; index += 1) data[index] = index;
  const sums = await Promise.all(contenders.map((contender) => sumOf(contender, input)));
  sums.forEach((sum, index) => {
    if (Math.abs(sum - sums[0]!) < 1e-3) return;
    throw new Error(`${contenders[index]!.name} sums up to ${sum}, ${contenders[0]!.name} to ${sums[0]}`);
  });
}

async function sumOf({ name, forms, server }: Contender, input: Uint8Array): Promise<number> {
  const { path, headers, body } = forms.weigh(input);
  const response = await fetch(server.url + path, { method: 'POST', headers, body: Buffer.from(body!) });
  if (!response.ok) throw new Error(`${name} answered ${response.status} ${await response.text()}`);
  if (response.headers.get('content-type') === 'application/octet-stream')
    return new Float32Array(await response.arrayBuffer())[0]!;
  return ((await response.json()) as { outputs: { sum: number[] } }).outputs.sum[0]!;
}
