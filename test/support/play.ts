// A play by chance in the rooms behind the HTTP server: callers come, leave and lose patience, messages to and from the
// runner cross, runs fail and overrun, timers are late, and runners die at every moment. Says which laws were broken.

import { ServiceError } from '../../src/errors.js';
import type { Phase, Prediction } from '../../src/prediction.js';
import type { RunStart } from '../../src/runner/protocol.js';
import { outputsOf } from './fake-runner.js';
import { batchableModel, model } from './predictions.js';
import { type Random, seededRandom } from './random.js';
import { openRooms, type Rooms, turn } from './rooms.js';

const MODELS = [model('long'), batchableModel('small', 4), model('costed', { cost: 'n' })];

const LIMITS = { queueLimit: 12, queueBytes: 200 };

export class Play {
  readonly rooms: Rooms;
  /** All who were admitted. */
  readonly all: Prediction[] = [];
  deaths = 0;
  readonly #random: Random;

  static async begin(seed: number): Promise<Play> {
    const pace = { uploadLimit: 5, uploadTimeoutMs: 300, uploadGraceMs: 100, minUploadRate: 100 };
    const limits = { ...LIMITS, ...pace };
    const rooms = { models: MODELS, proved: MODELS.slice(1, 2), limits, ageMs: 300, runTimeoutMs: 400 };
    return new Play(await openRooms(rooms), seed);
  }

  private constructor(rooms: Rooms, seed: number) {
    this.rooms = rooms;
    this.#random = seededRandom(seed);
    rooms.runner.loadMs = 60;
    const { aliasOf } = rooms.runner;
    // Now and then an answer is another one alone.
    rooms.runner.aliasOf = (id) => (id < 0 && this.#random.unit() < 0.1 ? id : aliasOf(id));
  }

  /** Something happens. Many such things may happen in one turn of the event loop, or between two microtasks. */
  async step(): Promise<void> {
    const { runner, clock } = this.rooms;
    const random = this.#random;
    const acts = [
      () => this.#come(),
      () => this.#come(),
      () => this.#receive(),
      () => this.#enter(),
      () => this.#enter(),
      () => this.#leave(),
      () => clock.advance(random.below(30)),
      () => clock.advance(random.below(30)),
      () => this.#holdUp(),
      () => runner.read(1 + random.below(4)),
      () => runner.read(),
      () => runner.hear(1),
      () => runner.hear(),
      () => this.#finish(),
      () => this.#finish(),
      () => this.#finish(),
      () => this.#dieOrLoad(),
      () => this.#takeAnswer(),
    ];
    random.pick(acts)();
    if (random.unit() < 0.4) await turn();
    else if (random.unit() < 0.5) await Promise.resolve();
  }

  /** No more come, and whoever is there is served. */
  async end(): Promise<void> {
    const { ledger, runner } = this.rooms;
    for (const prediction of ledger.open) if (prediction.phase === 'receiving') prediction.leave();
    const isOver = () =>
      ledger.open.length === 0 && runner.present === undefined && runner.killReason === undefined;
    for (let round = 0; round < 1_000 && !isOver(); round++) {
      if (runner.killReason !== undefined) runner.die();
      if (!runner.isUp) runner.load();
      await this.rooms.settle();
      if (runner.present !== undefined) await this.rooms.finish(1);
    }
    await this.rooms.settle();
    // What is held for a check is forgotten.
    this.rooms.clock.advance(10_000);
    await this.rooms.settle();
  }

  #come(): void {
    const random = this.#random;
    const patienceMs = random.unit() < 0.4 ? random.below(400) : undefined;
    this.#orRefused(() => {
      const prediction = this.rooms.admit({
        model: random.pick(MODELS),
        urgency: random.pick([0, 3, 3, 3, 7]),
        ...(patienceMs !== undefined && { patienceMs }),
        bodyBytes: random.pick([random.below(80), undefined]),
      });
      this.all.push(prediction);
    });
  }

  #receive(): void {
    const uploading = this.all.filter(({ phase, bytes }) => phase === 'receiving' && bytes < 60);
    if (uploading.length === 0) return;
    const random = this.#random;
    const prediction = random.pick(uploading);
    this.#orRefused(() => this.rooms.admission.receiving.received(prediction, random.below(40)), prediction);
  }

  #enter(): void {
    const receiving = this.all.filter(({ phase }) => phase === 'receiving');
    if (receiving.length === 0) return;
    const random = this.#random;
    const prediction = random.pick(receiving);
    const rows = 1 + random.below(3);
    const work = prediction.model.settings.cost === undefined ? { rows } : { rows, cost: random.below(50) };
    this.#orRefused(() => this.rooms.enter(prediction, work), prediction);
  }

  #orRefused(act: () => void, prediction?: Prediction): void {
    try {
      act();
    } catch (refusal) {
      if (!(refusal instanceof ServiceError)) throw refusal;
      prediction?.fail(refusal);
    }
  }

  #leave(): void {
    const { open } = this.rooms.ledger;
    if (open.length > 0) this.#random.pick(open).leave();
  }

  #takeAnswer(): void {
    const sending = this.rooms.ledger.open.filter(({ phase }) => phase === 'sending');
    if (sending.length > 0) this.#random.pick(sending).answered();
  }

  /** The event loop is held up. */
  #holdUp(): void {
    if (this.#random.unit() < 0.2) this.rooms.clock.jump(this.#random.below(200));
  }

  #finish(): void {
    const { present } = this.rooms.runner;
    if (present === undefined) return;
    const random = this.#random;
    const failing = random.unit() < 0.1 ? [random.pick(present.ids)] : [];
    const message = random.unit() < 0.2 ? 'CUDA error 700' : 'bad input';
    this.rooms.runner.finish(new Map(failing.map((id) => [id, message])));
  }

  #dieOrLoad(): void {
    const { runner } = this.rooms;
    if (!runner.isUp) runner.load();
    else if (runner.killReason !== undefined || this.#random.unit() < 0.2) {
      this.deaths += 1;
      runner.die();
    }
  }
}

type Laws = Readonly<Record<string, boolean>>;

const broken = (laws: Laws): string[] => Object.keys(laws).filter((law) => !laws[law]);

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

function isSame(one: Iterable<unknown>, other: Iterable<unknown>): boolean {
  const [first, second] = [new Set(one), new Set(other)];
  return first.size === second.size && [...first].every((item) => second.has(item));
}

/** What must hold at every moment. */
export function brokenLaws({ rooms, all }: Play): string[] {
  const { ledger, slot, runner, settled, queue } = rooms;
  const of = (phase: Phase) => all.filter((prediction) => prediction.phase === phase);
  const together = slot.run?.batch ?? [];
  const run = together.filter(({ isCheck }) => !isCheck);
  const settledOnes = settled.map(({ prediction }) => prediction);
  return broken({
    'the runner is used rightly': runner.violations.length === 0,
    'counts close':
      ledger.receiving === of('receiving').length &&
      ledger.queued === of('queued').length &&
      ledger.running === of('running').length &&
      ledger.sending === of('sending').length,
    'memory is bounded': ledger.bytes <= LIMITS.queueBytes,
    'places are bounded': ledger.queued <= LIMITS.queueLimit,
    'those who send are receiving': rooms.admission.receiving.count <= ledger.receiving,
    'bytes close':
      ledger.bytes ===
        sum(ledger.open.filter(({ phase }) => phase !== 'sending').map(({ bytes }) => bytes)) &&
      ledger.answerBytes === sum(of('sending').map(({ answerBytes }) => answerBytes)),
    'whoever is not over is open': isSame(
      ledger.open,
      all.filter(({ phase }) => phase !== 'over'),
    ),
    'whoever is running is in the one run': isSame(of('running'), run),
    'a check is alone in its run': run.length === together.length || together.length === 1,
    'a run is of one model': new Set(run.map(({ model: { name } }) => name)).size < 2,
    'nobody is settled twice': new Set(settledOnes).size === settled.length,
    'whoever is settled was told': isSame(
      settledOnes,
      all.filter(({ isSettled }) => isSettled),
    ),
    'whoever is over is settled': of('over').every(({ isSettled }) => isSettled),
    'whoever is in line is queued': [...queue.inOrder()].every(({ phase }) => phase === 'queued'),
  });
}

/** What must hold too once all that was said is heard, and all that was due in this turn has happened. */
export async function brokenAgreements({ rooms }: Play): Promise<string[]> {
  await rooms.settle();
  const { queue, ledger, runner, slot } = rooms;
  const mayRun = runner.isUp && runner.killReason === undefined;
  return broken({
    'all who are queued are in line': queue.queued === ledger.queued,
    'p-queue counts those who run': queue.running === ledger.running + Number(slot.run?.isCheck ?? false),
    'slot and runner agree': !mayRun || (slot.run === undefined) === (runner.present === undefined),
    'whoever runs is in the run': rooms.running.every((id) => runner.present?.ids.includes(id)),
    'nobody waits in front of an idle slot': !mayRun || ledger.queued === 0 || runner.present !== undefined,
  });
}

/** What must hold at the end. */
export async function leftovers({ rooms, all }: Play): Promise<string[]> {
  const { ledger, slot, runner, queue, clock, observer, checks } = rooms;
  const settlements = await Promise.all(all.map(async (each) => [each.id, await each.settlement] as const));
  const isRight = settlements.every(
    ([id, settlement]) =>
      settlement.kind !== 'completed' || JSON.stringify(settlement.outputs) === JSON.stringify(outputsOf(id)),
  );
  return broken({
    'nobody is open': ledger.open.length === 0 && ledger.bytes + ledger.answerBytes === 0,
    'nobody is in line or running': queue.queued + queue.running === 0 && slot.run === undefined,
    'nothing is staged': slot.staged + runner.staged.size === 0,
    'no timer is set': clock.pending === 0,
    'nothing is held for a check': checks.bytes === 0,
    'everyone has ended once': observer.of('ended').length === all.length,
    'answers are right': isRight,
    'nobody ran twice but where a runner died': isOneRunEach(runner),
  });
}

function isOneRunEach({ runs, lostRuns }: Pick<Rooms['runner'], 'runs' | 'lostRuns'>): boolean {
  const lost = countsOf(lostRuns);
  return [...countsOf(runs)].every(([id, count]) => count - (lost.get(id) ?? 0) < 2);
}

function countsOf(runs: readonly RunStart[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const id of runs.flatMap(({ ids }) => ids)) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}
