// The load generator's own process, so that its work and its pauses are not those of whoever measures.

import { monotonicMs } from '../../src/clock.js';
import { Caller } from './caller.js';
import type { Answer, FromLoad, LoadPlan, Schedule, ToLoad } from './plan.js';

const DEFAULT_GIVE_UP_MS = 900_000;
const PROGRESS_EVERY_MS = 500;

type Due = Extract<Schedule, { kind: 'when due' }>;
type InTurn = Extract<Schedule, { kind: 'in turn' }>;

class Generator {
  readonly #plan: LoadPlan;
  readonly #caller: Caller;
  readonly answers: Answer[] = [];
  readonly #open = new Set<Promise<void>>();
  #sent = 0;
  #isStopped = false;

  constructor(plan: LoadPlan) {
    this.#plan = plan;
    const { url, keepBodies = false, giveUpMs = DEFAULT_GIVE_UP_MS } = plan;
    this.#caller = new Caller({ url, keepBodies, giveUpMs });
  }

  get sent(): number {
    return this.#sent;
  }

  /** No call is sent any more; those that are under way are waited for. */
  stop(): void {
    this.#isStopped = true;
  }

  async connect(): Promise<void> {
    const check = { method: 'GET', path: '/healthz', headers: {} } as const;
    const calls = Array.from({ length: this.#plan.connectFirst ?? 0 }, () =>
      this.#caller.call(check, 0, monotonicMs()),
    );
    await Promise.all(calls);
  }

  /** Resolves when the last call is answered. */
  async run(): Promise<void> {
    const { schedule } = this.#plan;
    if (schedule.kind === 'when due') await this.#sendWhenDue(schedule);
    else await this.#sendInTurn(schedule);
    await Promise.all(this.#open);
    this.#caller.close();
  }

  async #sendWhenDue({ dueMs, forms }: Due): Promise<void> {
    const startMs = monotonicMs();
    for (let next = 0; next < dueMs.length && !this.#isStopped; ) {
      const waitMs = startMs + dueMs[next]! - monotonicMs();
      if (waitMs > 0) {
        await new Promise((resolve) => setTimeout(resolve, waitMs));
        continue;
      }
      void this.#send(forms[next]!, startMs + dueMs[next]!);
      next += 1;
    }
  }

  async #sendInTurn({ connections, calls = Number.POSITIVE_INFINITY }: InTurn): Promise<void> {
    const connection = async (): Promise<void> => {
      while (!this.#isStopped && this.#sent < calls) {
        await this.#send(this.#sent % this.#plan.forms.length, monotonicMs());
      }
    };
    await Promise.all(Array.from({ length: connections }, connection));
  }

  #send(form: number, dueMs: number): Promise<void> {
    this.#sent += 1;
    const answered = this.#caller.call(this.#plan.forms[form]!, form, dueMs).then((answer) => {
      this.answers.push(answer);
      this.#open.delete(answered);
    });
    this.#open.add(answered);
    return answered;
  }
}

const tell = (message: FromLoad): void => {
  process.send!(message);
};

async function start(plan: LoadPlan): Promise<void> {
  const generator = new Generator(plan);
  process.on('message', ({ kind }: ToLoad) => {
    if (kind === 'stop') generator.stop();
  });
  const progress = setInterval(
    () => tell({ kind: 'progress', sent: generator.sent, answered: generator.answers.length }),
    PROGRESS_EVERY_MS,
  );
  await generator.connect();
  tell({ kind: 'started', atMs: monotonicMs() });
  await generator.run();
  clearInterval(progress);
  process.send!({ kind: 'done', answers: generator.answers } satisfies FromLoad, () => process.disconnect());
}

process.once('message', (message: ToLoad) => {
  if (message.kind === 'start') void start(message.plan);
});
// Whoever asked for the load is gone.
process.on('disconnect', () => process.exit());
