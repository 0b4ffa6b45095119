// A tiny model over HTTP with JSON: what the serving itself costs.

import { readFile } from 'node:fs/promises';
import type { Experiment, Outcome } from '../experiment.js';
import { type Saturate, type Saturation, saturation } from '../load/wrk.js';
import { PROJECT } from '../servers.js';
import { count, time } from '../statistics.js';
import { compare } from './comparison.js';
import { type Contender, commandsOf, interleaved, lineUp, type PeerBench } from './entrants.js';
import { outcomeOf } from './outcome.js';

const CONNECTIONS = [1, 8, 64] as const;
const GOAL = '64 connections: requests a second';

export const small: Experiment<PeerBench> = {
  name: 'small',
  title: 'A tiny model over HTTP with JSON, on all servers',
  method:
    'One handwritten digit is posted as JSON, over and over, on 1, 8 and 64 connections (closed loop: each sends the next when ' +
    'its last is answered). The same model file and one thread of ONNX Runtime everywhere, access logs off.',
  run: measure,
};

async function measure(bench: PeerBench): Promise<Outcome> {
  const { quick, progress } = bench;
  await using line = await lineUp(bench, { threads: 1 });
  const { saturate, generator } = await saturation(bench);
  const digit = await digitBody();
  await checkLabels(line.contenders, digit);
  const seconds = quick ? 1 : 3;
  for (const contender of line.contenders.filter(({ isAgain }) => !isAgain)) {
    progress.step(`small, warming up ${contender.name}`);
    await sampleOf(contender, { digit, saturate, seconds: 1, connections: [64] });
  }
  const measured = await interleaved(
    bench,
    { name: 'small', entrants: line.contenders, repeats: quick ? 1 : 5 },
    (contender) => sampleOf(contender, { digit, saturate, seconds, connections: CONNECTIONS }),
  );
  const outcome = await outcomeOf({
    comparisons: CONNECTIONS.map((connections, index) =>
      compare(connections === 1 ? '1 connection' : `${connections} connections`, {
        measured,
        columns: [
          {
            head: 'requests a second',
            pick: (sample: readonly Saturation[]) => sample[index]!.perSecond,
            write: count,
            better: 'higher',
            why: WHY,
          },
          { head: 'p50', pick: (sample) => sample[index]!.p50, write: time, better: 'lower', why: WHY },
          { head: 'p99', pick: (sample) => sample[index]!.p99, write: time },
          { head: 'not 200', pick: (sample) => sample[index]!.bad, write: count },
        ],
      }),
    ),
    servers: commandsOf(line.contenders),
    missing: line.missing,
    notes: [`Generator: ${generator}. All were warmed up for a second before.`],
    raw: measured,
  });
  // What one request costs alone is told as it is; the goal is what a busy server does.
  return { ...outcome, goals: outcome.goals.filter(({ what }) => what.startsWith(GOAL)) };
}

const WHY =
  'A request crosses from the server’s process to the runner’s and back, which is what keeps the server answering during a run; a server that runs the model in its own process has no such way.';

interface Pass {
  readonly digit: string;
  readonly saturate: Saturate;
  readonly seconds: number;
  readonly connections: readonly number[];
}

async function sampleOf(
  { forms, server }: Contender,
  { digit, saturate, seconds, connections }: Pass,
): Promise<readonly Saturation[]> {
  const { path, body } = forms.digits(digit);
  const results: Saturation[] = [];
  for (const each of connections)
    results.push(await saturate({ url: server.url, path, body: body!, connections: each, seconds }));
  return results;
}

async function digitBody(): Promise<string> {
  const samples = JSON.parse(await readFile(`${PROJECT}models/digits/samples.json`, 'utf8')) as {
    image: number[][];
  }[];
  return JSON.stringify({ inputs: { image: [samples[7]!.image] } });
}

/** Each server once, which also warms it up. @throws where they do not agree */
async function checkLabels(contenders: readonly Contender[], digit: string): Promise<void> {
  const labels = new Set<number>();
  for (const { name, forms, server } of contenders) {
    const { path, headers, body } = forms.digits(digit);
    const response = await fetch(server.url + path, { method: 'POST', headers, body: Buffer.from(body!) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${name} answered ${response.status} ${text}`);
    labels.add((JSON.parse(text) as { outputs: { label: number[] } }).outputs.label[0]!);
  }
  if (labels.size !== 1) throw new Error(`the servers do not agree: ${[...labels].join(', ')}`);
}
