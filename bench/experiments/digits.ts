// Requests a second of a tiny model over HTTP with JSON, beside FastAPI with the same model file.

import { readFile } from 'node:fs/promises';
import type { Bench, Experiment, Goal, Outcome } from '../experiment.js';
import { type Saturate, type Saturation, saturation } from '../load/wrk.js';
import { repositoryWith } from '../models.js';
import { fastApiVersions, startFastApi } from '../peers/fastapi.js';
import { PROJECT, type Server, startOneslot } from '../servers.js';
import { count, median, percent, spread, time } from '../statistics.js';

const CONNECTIONS = [1, 64] as const;

interface Contender {
  readonly name: string;
  readonly server: Server;
  readonly path: string;
  readonly isOurs: boolean;
}

interface Measured {
  readonly contender: Contender;
  readonly connections: number;
  readonly result: Saturation;
}

export const digits: Experiment = {
  name: 'digits',
  title: 'A tiny model over HTTP with JSON',
  method:
    'One handwritten digit is posted as JSON, over and over, on 1 and on 64 connections (closed loop: each sends the next when ' +
    'its last is answered), to oneslot and to FastAPI on uvicorn (uvloop, httptools) with the same model file, ONNX Runtime of ' +
    'the same version and one thread, one process each, on the same cores, access logs off. All servers are up all the time ' +
    'and take turns (A B C … A B C …); medians.',
  run: measure,
};

async function measure(bench: Bench): Promise<Outcome> {
  const { quick, processes, progress } = bench;
  progress.step('digits, starting servers');
  const args = ['--log-level', 'warn'];
  await using batching = await startOneslot(bench, {
    models: await repositoryWith('digits', { processes }),
    args,
  });
  const models = await repositoryWith('digits', { processes, without: ['batch'] });
  await using single = await startOneslot(bench, { models, args });
  const fastApi = await startFastApi(bench);
  await using _ = fastApi ?? { [Symbol.asyncDispose]: async () => {} };
  const contenders = contendersOf(batching, single, fastApi);
  const body = await digitBody();
  const label = await sameAnswers(contenders, body);
  const { saturate, generator } = await saturation(bench);
  const measured: Measured[] = [];
  const seconds = quick ? 3 : 5;
  for (let repeat = 0; repeat <= (quick ? 3 : 5); repeat += 1) {
    progress.step(`digits, ${repeat === 0 ? 'warming up' : `pass ${repeat}`}`);
    const pass = await measurePass(bench, contenders, {
      body,
      saturate,
      seconds: repeat === 0 ? 2 : seconds,
    });
    if (repeat > 0) measured.push(...pass);
  }
  return outcomeOf(measured, {
    contenders,
    notes: [
      `Generator: ${generator}. All answered with the label ${label}.`,
      fastApi === undefined
        ? 'FastAPI could not be started here (it needs python3 with venv and pip), so its rows are missing.'
        : `FastAPI’s packages: ${await fastApiVersions()}.`,
      'Batches: the shipped digits declare that several queued predictions may share a run; “without batches” is the same model without that declaration.',
    ],
  });
}

function contendersOf(batching: Server, single: Server, fastApi: Server | undefined): readonly Contender[] {
  const ours = [
    { name: 'oneslot, with batches', server: batching, path: '/predict/digits', isOurs: true },
    { name: 'oneslot, without batches', server: single, path: '/predict/digits', isOurs: true },
  ];
  if (fastApi === undefined) return ours;
  const theirs = [
    ['FastAPI, def', '/def/predict'],
    ['FastAPI, async def', '/async/predict'],
    ['FastAPI, async def, plain JSON', '/json/predict'],
  ] as const;
  return [...ours, ...theirs.map(([name, path]) => ({ name, server: fastApi, path, isOurs: false }))];
}

async function digitBody(): Promise<Uint8Array> {
  const samples = JSON.parse(await readFile(`${PROJECT}models/digits/samples.json`, 'utf8')) as {
    image: number[][];
  }[];
  return new TextEncoder().encode(JSON.stringify({ inputs: { image: [samples[7]!.image] } }));
}

/** The label that all give. */
async function sameAnswers(contenders: readonly Contender[], body: Uint8Array): Promise<number> {
  const labels = await Promise.all(
    contenders.map(async ({ name, server, path }) => {
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(server.url + path, { method: 'POST', headers, body: Buffer.from(body) });
      const text = await response.text();
      if (!response.ok) throw new Error(`${name} answered ${response.status} ${text}`);
      return (JSON.parse(text) as { outputs: { label: number[] } }).outputs.label[0]!;
    }),
  );
  if (new Set(labels).size > 1) throw new Error(`the servers do not agree: ${labels.join(', ')}`);
  return labels[0]!;
}

async function measurePass(
  { progress }: Bench,
  contenders: readonly Contender[],
  { body, saturate, seconds }: { body: Uint8Array; saturate: Saturate; seconds: number },
): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (const connections of CONNECTIONS) {
    for (const contender of contenders) {
      progress.at(`${contender.name}, ${connections} connections`);
      const { server, path } = contender;
      const result = await saturate({ url: server.url, path, body, connections, seconds });
      measured.push({ contender, connections, result });
    }
  }
  return measured;
}

interface Row {
  readonly contender: Contender;
  readonly connections: number;
  readonly results: readonly Saturation[];
}

function outcomeOf(
  measured: readonly Measured[],
  { contenders, notes }: { contenders: readonly Contender[]; notes: readonly string[] },
): Outcome {
  const rows = CONNECTIONS.flatMap((connections) =>
    contenders.map((contender): Row => {
      const mine = measured.filter(
        (each) => each.contender === contender && each.connections === connections,
      );
      return { contender, connections, results: mine.map(({ result }) => result) };
    }),
  );
  return {
    goals: CONNECTIONS.flatMap((connections) =>
      goalsOf(rows.filter((row) => row.connections === connections)),
    ),
    tables: [
      {
        caption: 'Requests a second and latency',
        head: ['connections', 'server', 'requests a second', 'spread', 'p50', 'p99', 'not 200'],
        rows: rows.map(cellsOf),
      },
    ],
    notes,
    commands: [...new Set(contenders.map(({ server }) => server.commandLine))],
    raw: measured.map(({ contender, ...rest }) => ({ server: contender.name, ...rest })),
  };
}

const rateOf = ({ results }: Row): number => median(results.map(({ perSecond }) => perSecond));
const p50Of = ({ results }: Row): number => median(results.map(({ p50 }) => p50));

function cellsOf(row: Row): string[] {
  const { contender, connections, results } = row;
  return [
    String(connections),
    contender.name,
    count(rateOf(row)),
    percent(spread(results.map(({ perSecond }) => perSecond))),
    time(p50Of(row)),
    time(median(results.map(({ p99 }) => p99))),
    count(results.reduce((total, { bad }) => total + bad, 0)),
  ];
}

function goalsOf(rows: readonly Row[]): Goal[] {
  const theirs = rows.filter(({ contender }) => !contender.isOurs);
  if (theirs.length === 0) return [];
  const best = theirs.reduce((a, b) => (rateOf(b) > rateOf(a) ? b : a));
  return rows
    .filter(({ contender }) => contender.isOurs)
    .map((row) => ({
      what: `${row.contender.name}, ${row.connections} connections: requests a second (p50), beside the best FastAPI`,
      limit: `≥ ${count(rateOf(best))} (${time(p50Of(best))}; ${best.contender.name})`,
      measured: `${count(rateOf(row))} (${time(p50Of(row))})`,
      met: rateOf(row) >= rateOf(best),
    }));
}
