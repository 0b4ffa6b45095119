// The day's callers: each comes when it is due, goes to the replica that owes the fewest answers, and tells its wait.

import { Random } from '../../../src/plan/random.js';
import { WaitTimes } from '../../../src/plan/wait-times.js';
import { burnReference } from '../../support/burn-reference.js';
import { BURN_SIZE } from '../../support/fixture-models.js';
import { call, type Reply } from '../balancing/calls.js';
import { type Phase, type PlayedDay, RUN_TIMES, SEED, TARGET } from './day.js';
import type { DayClock } from './day-clock.js';
import type { Replica, Replicas } from './replicas.js';
import type { Timeline } from './timeline.js';

/** What a replica that died owed is asked for again; more than two die on nobody. */
const TRIES = 3;
const SEEDS = 5;

interface Caller {
  readonly dueAt: number;
  readonly run: number;
  readonly seed: number;
}

export interface Heard {
  readonly callers: number;
  readonly waits: WaitTimes;
  readonly waitsOf: ReadonlyMap<Phase, WaitTimes>;
  /** Answers that came right only after the replica that was asked first had died. */
  readonly askedAgain: number;
  /** Refusals and whatever else was not the right answer. */
  readonly wrong: readonly string[];
}

const REFUSED = 503;

export interface CallersOptions {
  readonly day: PlayedDay;
  readonly clock: DayClock;
  readonly replicas: Replicas;
  readonly timeline: Timeline;
  /** Where all calls go; left out, each goes to the replica that owes the fewest answers. */
  readonly balancerUrl?: string;
}

export class Callers {
  readonly #options: CallersOptions;
  readonly #waits = new WaitTimes();
  readonly #waitsOf: ReadonlyMap<Phase, WaitTimes>;
  readonly #wrong: string[] = [];
  #count = 0;
  #askedAgain = 0;

  constructor(options: CallersOptions) {
    this.#options = options;
    this.#waitsOf = new Map(options.day.segments.map(({ phase }) => [phase, new WaitTimes()]));
  }

  /** Sends the whole day; resolves when everyone has an answer. Same seed, same arrivals and runs as simulated. */
  async play(): Promise<Heard> {
    const { clock, day } = this.#options;
    const nextArrival = day.arrivals.times(new Random(SEED, 0));
    const runs = new Random(SEED, 1);
    const calls: Promise<void>[] = [];
    for (let dueAt = nextArrival(); Number.isFinite(dueAt); dueAt = nextArrival()) {
      await clock.at(dueAt);
      const caller = { dueAt, run: RUN_TIMES.draw(runs), seed: 1 + (this.#count++ % SEEDS) };
      calls.push(this.#ask(caller).catch((error: Error) => void this.#wrong.push(error.message)));
    }
    await Promise.all(calls);
    return {
      callers: this.#count,
      waits: this.#waits,
      waitsOf: this.#waitsOf,
      askedAgain: this.#askedAgain,
      wrong: this.#wrong,
    };
  }

  async #ask(caller: Caller): Promise<void> {
    for (let tried = 1; ; tried++) {
      const reply = await this.#askOnce(caller).catch((error: Error) => {
        if (tried < TRIES) return undefined;
        throw error;
      });
      if (reply === undefined) continue;
      if (tried > 1) this.#askedAgain++;
      this.#note(caller, reply);
      return;
    }
  }

  async #askOnce({ run, seed }: Caller): Promise<Reply> {
    const { clock, balancerUrl } = this.#options;
    const burn = { iterations: Math.round(clock.toMs(run)), seed };
    if (balancerUrl !== undefined) return await call(balancerUrl, burn);
    const replica = this.#fewestOutstanding();
    replica.outstanding++;
    try {
      return await call(replica.oneslot!.url, burn);
    } finally {
      replica.outstanding--;
    }
  }

  #fewestOutstanding(): Replica {
    const { ready } = this.#options.replicas;
    if (ready.length === 0) throw new Error('no replica is ready');
    return ready.reduce((least, each) => (each.outstanding < least.outstanding ? each : least));
  }

  #note({ dueAt, seed }: Caller, reply: Reply): void {
    const { clock, day, timeline } = this.#options;
    if (reply.status === REFUSED) timeline.refused(dueAt);
    if (!isRight(reply, seed)) {
      this.#wrong.push(`${reply.status} ${JSON.stringify(reply.body)}`);
      return;
    }
    const [, runMs] = /run;dur=([\d.]+)/.exec(reply.headers.get('server-timing')!)!;
    const wait = Math.max(0, clock.now - dueAt - clock.ofMs(Number(runMs)));
    this.#waits.add(wait);
    timeline.served(dueAt, wait);
    const { phase } = day.segments.find(({ from, to }) => dueAt >= from && dueAt < to)!;
    this.#waitsOf.get(phase)!.add(wait);
  }
}

function isRight({ status, body }: Reply, seed: number): boolean {
  if (status !== 200) return false;
  const { checksum, head } = body.outputs;
  return JSON.stringify({ checksum, head }) === JSON.stringify(expected(seed));
}

const references = new Map<number, ReturnType<typeof burnReference>>();

/** The device computes one iteration, however long it takes. */
function expected(seed: number): ReturnType<typeof burnReference> {
  const known = references.get(seed) ?? burnReference({ iterations: 1, seed, size: BURN_SIZE });
  references.set(seed, known);
  return known;
}

export const quantile = (waits: WaitTimes): number => waits.quantile(TARGET.quantile);
