// The fleet: real servers that are started, drained and lost as pods are, and paid for all that time.

import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { Steps } from '../../../src/plan/steps.js';
import { type Oneslot, startOneslot } from '../../support/oneslot.js';
import { track } from '../../support/programs/command.js';
import { STARTUP } from './day.js';
import type { DayClock } from './day-clock.js';

const DEVICE = new URL('../../support/waiting-device.js', import.meta.url).href;

/** Seconds of the machine's, in which callers see that it is gone. */
const DRAIN_DELAY = '0.2';

/** A server that runs burn on a device that only waits; resolves when it is ready. */
export async function startReplica(models: string): Promise<Oneslot> {
  const args = ['--drain-delay', DRAIN_DELAY, '--log-level', 'info'];
  const oneslot = await startOneslot({ models, args, env: { NODE_OPTIONS: `--import ${DEVICE}` } });
  track(oneslot.child);
  return oneslot;
}

export const addressOf = ({ url }: Oneslot): string => new URL(url).host;

/** A place in the fleet: a pod, whose server comes and may be lost. */
export interface Replica {
  oneslot: Oneslot | undefined;
  state: 'starting' | 'ready' | 'draining';
  /** Calls that it has not answered yet. */
  outstanding: number;
}

export interface FleetOptions {
  readonly models: string;
  readonly clock: DayClock;
  /** Those that the day begins with, all ready. */
  readonly first: readonly Oneslot[];
  /**
   * Told whenever a replica comes or goes: `host:port` of all, those too that take nothing yet. A counter that is first
   * scraped when it has grown hides that growth from rate(): the load of a burst, just when new replicas take it.
   */
  readonly onChange: (addresses: readonly string[]) => void;
  /** Told of those that take predictions. */
  readonly onServing?: (addresses: readonly string[]) => void;
  /** Seconds that are paid for. */
  readonly duration: number;
}

export class Replicas {
  readonly #options: FleetOptions;
  readonly #all: Set<Replica>;
  readonly #paid: Steps;
  /** What failed in the background; the day can't be judged then. */
  readonly failures: Error[] = [];

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#all = new Set(options.first.map((oneslot) => ({ oneslot, state: 'ready', outstanding: 0 })));
    this.#paid = new Steps(options.duration, 1, this.#all.size);
  }

  get ready(): readonly Replica[] {
    return [...this.#all].filter(({ state }) => state === 'ready');
  }

  /** Starting, ready and draining ones. */
  get paid(): number {
    return this.#all.size;
  }

  /** The same, integrated over the day. */
  paidSeconds(): number {
    return this.#paid.end().sum;
  }

  /** Brings the number of replicas that start or are ready to this. */
  scaleTo(wanted: number): void {
    const kept = [...this.#all].filter(({ state }) => state !== 'draining');
    for (let count = kept.length; count < wanted; count++) this.#add();
    const leaving = kept.sort(byWorth).slice(0, Math.max(0, kept.length - wanted));
    for (const replica of leaving) this.#background(this.#drain(replica));
  }

  /** One with most to do is lost at once, with its answers; its pod starts another. @returns how many it owed */
  kill(): number {
    const victim = [...this.ready].sort(byWorth).at(-1)!;
    const { outstanding } = victim;
    this.#background(this.#lose(victim));
    return outstanding;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#all].map(({ oneslot }) => oneslot?.[Symbol.asyncDispose]()));
  }

  #add(): void {
    const replica: Replica = { oneslot: undefined, state: 'starting', outstanding: 0 };
    this.#all.add(replica);
    this.#changed();
    this.#background(this.#start(replica));
  }

  async #start(replica: Replica): Promise<void> {
    const { clock, models } = this.#options;
    const readyAt = clock.now + STARTUP;
    replica.oneslot = await startReplica(models);
    this.#changed();
    await clock.at(readyAt);
    // Nobody may want it any more.
    if (replica.state !== 'starting') return;
    replica.state = 'ready';
    this.#changed();
  }

  async #drain(replica: Replica): Promise<void> {
    const { clock } = this.#options;
    replica.state = 'draining';
    this.#changed();
    while (replica.oneslot === undefined) await clock.at(clock.now + 1);
    const { code } = await replica.oneslot.signal('SIGTERM');
    assert.equal(code, 0, replica.oneslot.stderr);
    this.#all.delete(replica);
    this.#changed();
  }

  async #lose(replica: Replica): Promise<void> {
    const { child } = replica.oneslot!;
    replica.state = 'starting';
    child.kill('SIGKILL');
    await once(child, 'close');
    replica.oneslot = undefined;
    this.#changed();
    await this.#start(replica);
  }

  #changed(): void {
    const { clock, onChange, onServing } = this.#options;
    this.#paid.set(clock.now, this.#all.size);
    onServing?.(this.ready.map(({ oneslot }) => addressOf(oneslot!)));
    onChange([...this.#all].flatMap(({ oneslot }) => (oneslot === undefined ? [] : [addressOf(oneslot)])));
  }

  #background(work: Promise<void>): void {
    work.catch((error: Error) => this.failures.push(error));
  }
}

/** As pod-deletion-cost has it: first those that have not started, then those with the least to lose. */
const byWorth = (a: Replica, b: Replica): number => worthOf(a) - worthOf(b);

const worthOf = ({ state, outstanding }: Replica): number => (state === 'starting' ? -1 : outstanding);
