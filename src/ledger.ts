// Who is where: counts and bytes of all predictions, kept by their own moves, so that the books always close.

import type { Clock } from './clock.js';
import type { Observer } from './observer.js';
import type { Phase, Prediction, Watcher } from './prediction.js';

export class Ledger implements Watcher {
  readonly #observer: Observer;
  readonly #clock: Clock;
  readonly #counts: Record<Phase, number> = { receiving: 0, queued: 0, running: 0, over: 0 };
  readonly #open = new Set<Prediction>();
  readonly #waitingByClient = new Map<string, number>();
  #bytes = 0;
  #answerBytes = 0;
  #onSettled: (prediction: Prediction, phase: Phase) => void = () => {};
  #onIdle: (() => void)[] = [];

  constructor(observer: Observer, clock: Clock) {
    this.#observer = observer;
    this.#clock = clock;
  }

  get receiving(): number {
    return this.#counts.receiving;
  }

  get queued(): number {
    return this.#counts.queued;
  }

  get running(): number {
    return this.#counts.running;
  }

  /** Predictions that are not over, as of now. */
  get open(): readonly Prediction[] {
    return [...this.#open];
  }

  /** Bytes held by all that are not over, and by answers that their callers have not taken yet. */
  get bytes(): number {
    return this.#bytes + this.#answerBytes;
  }

  /** Counts an answer as held until the returned function is called; further calls of it change nothing. */
  holdAnswer(bytes: number): () => void {
    let held = bytes;
    this.#answerBytes += held;
    return () => {
      this.#answerBytes -= held;
      held = 0;
    };
  }

  /** Places that an API key holds, receiving and queued. */
  waitingOf(client: string): number {
    return this.#waitingByClient.get(client) ?? 0;
  }

  /** Called once for every prediction, as it is settled, with the phase that it was in. */
  onSettled(listener: (prediction: Prediction, phase: Phase) => void): void {
    this.#onSettled = listener;
  }

  /** Resolves as soon as no prediction is open. */
  async idle(): Promise<void> {
    if (this.#open.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle.push(resolve);
    });
  }

  moved(prediction: Prediction, from: Phase | undefined): void {
    const to = prediction.phase;
    if (from === undefined) this.#take(prediction);
    else this.#counts[from] -= 1;
    this.#countClient(prediction, from, to);
    if (to === 'over') this.#close(prediction);
    else this.#counts[to] += 1;
  }

  settled(prediction: Prediction, phase: Phase): void {
    this.#onSettled(prediction, phase);
  }

  resized(_prediction: Prediction, byBytes: number): void {
    this.#bytes += byBytes;
  }

  #take(prediction: Prediction): void {
    this.#open.add(prediction);
    this.#bytes += prediction.bytes;
  }

  #close(prediction: Prediction): void {
    this.#open.delete(prediction);
    this.#bytes -= prediction.bytes;
    const seconds = (this.#clock.nowMs() - prediction.receivedMs) / 1000;
    this.#observer.ended(prediction.model.name, prediction.outcome!, seconds);
    if (this.#open.size > 0) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  #countClient({ client }: Prediction, from: Phase | undefined, to: Phase): void {
    if (client === undefined) return;
    const before = from === 'receiving' || from === 'queued' ? 1 : 0;
    const after = to === 'receiving' || to === 'queued' ? 1 : 0;
    const waiting = this.waitingOf(client) + after - before;
    if (waiting === 0) this.#waitingByClient.delete(client);
    else this.#waitingByClient.set(client, waiting);
  }
}
