// The order of the line: urgency first, then arrival, and a level gained for every so long a wait. p-queue's queueClass.

import type { QueueAddOptions, Queue as QueueClass } from 'p-queue';
import type { Prediction } from '../prediction.js';

/** p-queue's own closure over a task. */
type RunFunction = () => Promise<unknown>;

/** What p-queue keeps for one entry, and whose it is. */
interface Entry {
  readonly prediction: Prediction;
  /** p-queue's own closure: counts the entry as pending until its run has ended. */
  readonly run: RunFunction;
}

export interface LineOptions {
  /** An entry gains one level for each such span that it has waited. */
  readonly ageMs: number;
  readonly nowMs: () => number;
  /** Those of the line who run together next; none only where nobody is left in it. */
  readonly compose: () => readonly Prediction[];
  /** Told when p-queue takes these out of the line to run them. */
  readonly onTake: (batch: readonly Prediction[]) => void;
}

/** RFC 9218: urgency 0…7. */
export const URGENCIES = 8;

export interface EnqueueOptions extends QueueAddOptions {
  readonly prediction: Prediction;
  /** It was in line before and takes its old place. */
  readonly isBack?: boolean;
}

/** The first entry of one urgency that is not behind it yet, while the line is walked through. */
interface Head {
  readonly entries: Iterator<Entry, undefined>;
  entry: Entry;
  level: number;
}

/**
 * One first-in-first-out line an urgency. Within it the first has waited longest, so it is also the one that age
 * has raised most: the head of the whole line is the best of eight heads, and nothing is ever sorted.
 */
export class Line implements QueueClass<RunFunction, EnqueueOptions> {
  readonly #options: LineOptions;
  readonly #lines: Map<number, Entry>[] = Array.from({ length: URGENCIES }, () => new Map());
  #size = 0;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  enqueue(run: RunFunction, options?: Partial<EnqueueOptions>): void {
    const prediction = options!.prediction!;
    const line = this.#lines[prediction.urgency]!;
    line.set(prediction.id, { prediction, run });
    this.#size += 1;
    if (options!.isBack) this.#lines[prediction.urgency] = inOrderOfArrival(line);
  }

  /** The next batch as one function: p-queue then counts each of them as pending until the run has ended. */
  dequeue(): RunFunction {
    const batch = this.#options.compose();
    const start = this.take(batch);
    return () => {
      const ended = start();
      if (batch.length > 0) this.#options.onTake(batch);
      return ended;
    };
  }

  /** Takes these out of the line and gives the function that counts them as pending. */
  take(batch: readonly Prediction[]): RunFunction {
    const entries = batch.map((prediction) => this.#remove(prediction)!);
    return () => Promise.all(entries.map(({ run }) => run()));
  }

  has(prediction: Prediction): boolean {
    return this.#lines[prediction.urgency]!.has(prediction.id);
  }

  /** Takes one out who left or expired. Whether it was there. */
  leave(prediction: Prediction): boolean {
    return this.#remove(prediction) !== undefined;
  }

  /** From the head to the end. */
  *inOrder(): Generator<Prediction, undefined> {
    const nowMs = this.#options.nowMs();
    const heads = this.#heads(nowMs);
    while (heads.length > 1) {
      const best = heads.reduce((first, head) => (isBefore(head, first) ? head : first));
      yield best.entry.prediction;
      if (!this.#advance(best, nowMs)) heads.splice(heads.indexOf(best), 1);
    }
    const [last] = heads;
    if (last === undefined) return;
    // Mostly all have the same urgency: then there is nothing to compare.
    yield last.entry.prediction;
    for (let next = last.entries.next(); !next.done; next = last.entries.next()) yield next.value.prediction;
  }

  /** How an entry stands: its urgency, less what its wait has earned it. */
  level({ urgency, queuedMs }: Prediction, nowMs: number): number {
    return urgency - Math.floor((nowMs - queuedMs) / this.#options.ageMs);
  }

  /** Time until age may change the order of these, the first in line, as long as nobody comes or goes. */
  holdsForMs(first: readonly Prediction[]): number {
    const nowMs = this.#options.nowMs();
    const heads = this.#heads(nowMs);
    if (heads.length < 2) return Number.POSITIVE_INFINITY;
    const { ageMs } = this.#options;
    const rivals = [...first, ...heads.map(({ entry }) => entry.prediction)];
    return Math.min(...rivals.map(({ queuedMs }) => ageMs - ((nowMs - queuedMs) % ageMs)));
  }

  #heads(nowMs: number): Head[] {
    const heads: Head[] = [];
    for (const line of this.#lines) {
      if (line.size === 0) continue;
      const entries = line.values();
      const entry = entries.next().value!;
      heads.push({ entries, entry, level: this.level(entry.prediction, nowMs) });
    }
    return heads;
  }

  /** Whether there is one more. */
  #advance(head: Head, nowMs: number): boolean {
    const next = head.entries.next();
    if (next.done) return false;
    head.entry = next.value;
    head.level = this.level(head.entry.prediction, nowMs);
    return true;
  }

  #remove(prediction: Prediction): Entry | undefined {
    const line = this.#lines[prediction.urgency]!;
    const entry = line.get(prediction.id);
    if (entry === undefined) return undefined;
    line.delete(prediction.id);
    this.#size -= 1;
    return entry;
  }

  // What p-queue's contract asks for and nobody here uses.

  filter(): RunFunction[] {
    return [];
  }

  setPriority(id: string): void {
    throw new Error(`the urgency of ${id} is set when it enters the line`);
  }
}

function isBefore(a: Head, b: Head): boolean {
  return a.level === b.level ? isOlder(a.entry, b.entry) : a.level < b.level;
}

function isOlder({ prediction: a }: Entry, { prediction: b }: Entry): boolean {
  return a.queuedMs === b.queuedMs ? a.id < b.id : a.queuedMs < b.queuedMs;
}

const inOrderOfArrival = (line: Map<number, Entry>): Map<number, Entry> =>
  new Map([...line].sort(([, a], [, b]) => (isOlder(a, b) ? -1 : 1)));
