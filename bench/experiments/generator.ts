// The load generator itself, against a bare HTTP server: what it adds to a latency, and whether it hides stalls.

import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Bench, Experiment, Outcome } from '../experiment.js';
import { latencyOf } from '../load/answers.js';
import { runLoad } from '../load/load.js';
import type { Answer } from '../load/plan.js';
import { percentiles, time } from '../statistics.js';

const PER_SECOND = 200;
const STALL_MS = 400;
/** Calls due in the first three quarters of the stall wait for longer than a quarter of it. */
const SLOW_MS = STALL_MS / 4;
const EXPECTED_SLOW = ((STALL_MS - SLOW_MS) / 1000) * PER_SECOND;

export const generator: Experiment = {
  name: 'generator',
  title: 'The load generator itself',
  method:
    `${PER_SECOND} requests a second are sent, when due, to a bare node:http server that answers at once; in a second ` +
    `pass it holds all answers back for ${STALL_MS} ms. A generator that waits for an answer before it sends the next ` +
    'request would show that stall in a handful of latencies; one that sends when due shows it in every request of that time.',
  run: measure,
};

async function measure({ quick, processes, progress }: Bench): Promise<Outcome> {
  const seconds = quick ? 3 : 10;
  const server = new StallingServer();
  const url = await server.listen();
  const dueMs = Array.from({ length: PER_SECOND * seconds }, (_, index) => (index * 1000) / PER_SECOND);
  const form = { method: 'GET', path: '/', headers: {} } as const;
  const schedule = { kind: 'when due', dueMs, forms: dueMs.map(() => 0) } as const;
  const plan = { url, forms: [form], schedule };
  progress.step('generator, steady');
  const steady = await runLoad(plan, { processes, progress });
  progress.step('generator, with a stall');
  const stall = setTimeout(() => server.stall(STALL_MS), seconds * 500);
  const stalled = await runLoad(plan, { processes, progress });
  clearTimeout(stall);
  server.close();
  return outcomeOf(steady, stalled);
}

function outcomeOf(steady: readonly Answer[], stalled: readonly Answer[]): Outcome {
  const late = percentiles(steady.map(({ dueMs, sentMs }) => sentMs - dueMs));
  const latency = percentiles(steady.map(latencyOf));
  const held = percentiles(stalled.map(latencyOf));
  const slow = stalled.filter((answer) => latencyOf(answer) > SLOW_MS).length;
  const row = (name: string, { count, p50, p99, max }: typeof late): string[] => [
    name,
    String(count),
    time(p50),
    time(p99),
    time(max),
  ];
  return {
    goals: [
      {
        what: 'requests that show the stall',
        limit: `${EXPECTED_SLOW} ± 10 %`,
        measured: String(slow),
        met: Math.abs(slow / EXPECTED_SLOW - 1) <= 0.1,
      },
    ],
    tables: [
      {
        caption: 'Times of the generator',
        head: ['', 'requests', 'p50', 'p99', 'max'],
        rows: [
          row('sent later than due by', late),
          row('due to answered', latency),
          row('due to answered, with a stall', held),
        ],
      },
    ],
    notes: ['Latencies below are from the moment a request was due, so they hold the first row.'],
    commands: [],
    raw: { late, latency, held, slow },
  };
}

/** Answers at once, or all together when a stall is over. */
class StallingServer {
  readonly #held: ServerResponse[] = [];
  #isStalled = false;
  readonly #server: Server = createServer((_request, response) => {
    if (this.#isStalled) this.#held.push(response);
    else response.end('ok');
  });

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  stall(ms: number): void {
    this.#isStalled = true;
    setTimeout(() => {
      this.#isStalled = false;
      for (const response of this.#held.splice(0)) response.end('ok');
    }, ms);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
