// A runner without a process: it holds inputs, obeys the last plan and speaks the protocol as the session thread does,
// but nothing happens until the test lets it happen: every message lies in its pipe until it is delivered, so that
// messages can be made to cross. It checks what no caller of a runner may ever do.

import type { RestartReason } from '../../src/observer.js';
import type { Death } from '../../src/runner/death.js';
import type {
  KillReason,
  Plan,
  PredictionId,
  RunEnd,
  RunResult,
  RunStart,
} from '../../src/runner/protocol.js';
import { faultOf } from '../../src/runner/run-failure.js';
import { stringTensor, type Tensors } from '../../src/tensor.js';

/** The slot, as the runner sees it. */
export interface RunnerOwner {
  loaded(): void;
  started(start: RunStart): void;
  ended(end: RunEnd, outputs: ReadonlyMap<PredictionId, Tensors>): void;
  lost(reason: RestartReason, death: Death): void;
}

interface Clocked {
  nowMs(): number;
}

type Failures = ReadonlyMap<PredictionId, string>;

const NO_FAILURES: Failures = new Map();

export class FakeRunner {
  loadMs: number | undefined = 1000;
  /** Another answer than that which tells whose it is. */
  answerOf: (id: PredictionId) => Tensors | undefined = () => undefined;
  /** Whose answer this one gets. */
  aliasOf: (id: PredictionId) => PredictionId = (id) => id;
  /** What it was told, in order, e.g. `stage 1`, `plan 1,2 3`, `drop 1`, `kill cancelled`. */
  readonly told: string[] = [];
  /** Every run that it ever began. */
  readonly runs: RunStart[] = [];
  /** Those in which it died, and those of which the server had not heard when it told the runner to end. */
  readonly lostRuns: RunStart[] = [];
  /** Inputs that lie in the runner. */
  readonly staged = new Map<PredictionId, string>();
  /** Wrong use of it; tests expect none. */
  readonly violations: string[] = [];
  present: RunStart | undefined;
  killReason: KillReason | undefined;
  isUp = false;
  readonly #clock: Clocked;
  #owner!: RunnerOwner;
  #plan: Plan = [];
  readonly #toRunner: (() => void)[] = [];
  readonly #toServer: (() => void)[] = [];
  /** Runs that the server has not heard of. */
  readonly #unheardRuns = new Set<RunStart>();
  /** Of this incarnation. */
  readonly #everStaged = new Set<PredictionId>();

  constructor(clock: Clocked) {
    this.#clock = clock;
  }

  serve(owner: RunnerOwner): void {
    this.#owner = owner;
  }

  // What the slot calls.

  stage({ id, model }: { id: PredictionId; model: string }, _inputs: Tensors): void {
    this.told.push(`stage ${id}`);
    if (this.#everStaged.has(id)) this.violations.push(`${id} was staged twice`);
    this.#everStaged.add(id);
    this.#toRunner.push(() => this.staged.set(id, model));
  }

  plan(runs: Plan): void {
    this.told.push(`plan ${runs.join(' ')}`);
    if (runs.some(({ length }) => length === 0)) this.violations.push('an empty run was planned');
    this.#toRunner.push(() => {
      this.#plan = runs;
    });
  }

  drop(ids: readonly PredictionId[]): void {
    this.told.push(`drop ${ids}`);
    this.#toRunner.push(() => {
      for (const id of ids) this.staged.delete(id);
    });
  }

  kill(reason: KillReason): void {
    this.told.push(`kill ${reason}`);
    this.killReason ??= reason;
    for (const run of this.#unheardRuns) this.#lose(run);
  }

  // What the test lets happen.

  /** How many messages lie in the pipe to the runner. */
  get unread(): number {
    return this.#toRunner.length;
  }

  /** How many messages lie in the pipe to the server. */
  get unheard(): number {
    return this.#toServer.length;
  }

  /** The runner reads what lies in its pipe, or just so many messages, and begins what it was told to. */
  read(messages = Number.POSITIVE_INFINITY): void {
    for (let count = 0; count < messages && this.#toRunner.length > 0; count++) this.#toRunner.shift()!();
    if (this.present !== undefined) return;
    const start = this.#take();
    if (start !== undefined) this.#say(() => this.#owner.started(start), start);
  }

  /** The server hears what lies in its pipe, or just so many messages. */
  hear(messages = Number.POSITIVE_INFINITY): void {
    for (let count = 0; count < messages && this.#toServer.length > 0; count++) this.#toServer.shift()!();
  }

  /** Both, until nothing lies anywhere. */
  deliver(): void {
    while (this.unread + this.unheard > 0) {
      this.read();
      this.hear();
    }
  }

  load(): void {
    this.isUp = true;
    this.#owner.loaded();
  }

  /** The present run ends, and the next one begins if the runner has read of one. */
  finish(failures: Failures = NO_FAILURES): void {
    const { ids, atMs } = this.present!;
    this.present = undefined;
    const results = ids.map((id) => resultOf(id, failures));
    const outputs = new Map(ids.map((id) => [id, this.answerOf(id) ?? outputsOf(this.aliasOf(id))]));
    const isBroken = [...failures.values()].some((message) => faultOf(message, 'cuda') === 'device');
    const next = isBroken ? undefined : this.#take();
    const end = {
      startedMs: atMs,
      endedMs: this.#clock.nowMs(),
      results,
      ...(next !== undefined && { next }),
    };
    this.#say(() => this.#owner.ended(end, outputs), next);
  }

  /** The process is gone. What it had written is still read; what it had not read is lost. */
  die(how = 'died of SIGKILL', isFromOutside = true): void {
    const reason = this.killReason ?? 'crashed';
    this.hear();
    this.isUp = false;
    this.killReason = undefined;
    if (this.present !== undefined) this.#lose(this.present);
    this.present = undefined;
    this.#plan = [];
    this.staged.clear();
    this.#everStaged.clear();
    this.#toRunner.splice(0);
    this.#owner.lost(reason, { how, isFromOutside });
    this.#toRunner.splice(0);
  }

  #take(): RunStart | undefined {
    const planned = this.#plan.map((run) => run.filter((id) => this.staged.has(id)));
    const index = planned.findIndex(({ length }) => length > 0);
    this.#plan = index === -1 ? [] : this.#plan.slice(index + 1);
    if (index === -1) return undefined;
    const ids = planned[index]!;
    const models = new Set(ids.map((id) => this.staged.get(id)!));
    if (models.size > 1) this.violations.push(`${[...models].join(' and ')} in one run`);
    for (const id of ids) this.staged.delete(id);
    this.present = { ids, model: [...models][0]!, atMs: this.#clock.nowMs() };
    this.runs.push(this.present);
    this.#unheardRuns.add(this.present);
    if (this.killReason !== undefined) this.#lose(this.present);
    return this.present;
  }

  #say(message: () => void, begun: RunStart | undefined): void {
    this.#toServer.push(() => {
      if (begun !== undefined) this.#unheardRuns.delete(begun);
      message();
    });
  }

  #lose(run: RunStart): void {
    if (!this.lostRuns.includes(run)) this.lostRuns.push(run);
  }
}

/** Tells whose answer it is. */
export function outputsOf(id: PredictionId): Tensors {
  return { y: stringTensor([1], [`answer to ${id}`]) };
}

function resultOf(id: PredictionId, failures: Failures): RunResult {
  const message = failures.get(id);
  return message === undefined
    ? { id, ok: true, outputs: {} }
    : { id, ok: false, code: 'run_failed', message, fault: faultOf(message, 'cuda') };
}
