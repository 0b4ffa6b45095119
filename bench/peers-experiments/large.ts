// Inputs of 600 KB and 10 MB, in the best form that each server has.

import type { Experiment, Outcome } from '../experiment.js';
import { weighInput } from '../models.js';
import { median, time } from '../statistics.js';
import { compare } from './comparison.js';
import { type Contender, commandsOf, inTurn, interleaved, lineUp, type PeerBench } from './entrants.js';
import { outcomeOf } from './outcome.js';

const SIZES = [
  { name: '600 KB', bytes: 600_000 },
  { name: '10 MB', bytes: 10_485_760 },
] as const;

/** Median answer time for each size; ms. */
type Sample = readonly number[];

export const large: Experiment<PeerBench> = {
  name: 'large',
  title: 'Inputs of 600 KB and 10 MB, on all servers',
  method:
    'One caller sends a large tensor, over and over, as the raw body of the request, which all of these servers can be made ' +
    'to take (LitServe with an API of its own for it). The model sums it up once. Medians of each pass. ONNX Runtime has one thread.',
  run: measure,
};

async function measure(bench: PeerBench): Promise<Outcome> {
  const { quick } = bench;
  await using line = await lineUp(bench, { threads: 1, raw: true });
  const calls = quick ? 30 : 100;
  await checkSums(line.contenders);
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
          why: 'The input crosses once more, from the server’s process to the runner’s. Sending it on while it comes, or through a file in memory that both hold, was no faster on two cores.',
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
  for (const { bytes } of SIZES) {
    const form = contender.forms.weigh(weighInput(bytes, 1));
    const answers = await inTurn(bench, contender, Array(calls).fill(form));
    // The first ones find things cold.
    medians.push(median(answers.slice(2).map(({ sentMs, endMs }) => endMs - sentMs)));
  }
  return medians;
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
