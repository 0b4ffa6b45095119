// Who is where: counts and bytes of all predictions, kept by their own moves, so that the books always close.

import type { Clock } from './clock.js';
import type { Observer } from './observer.js';
import type { Phase, Prediction, Watcher } from './prediction.js';

export class Ledger implements Watcher {
  readonly #observer: Observer;
  readonly #clock: Clock;
  readonly #counts: Record<Phase, number> = { receiving: 0, queued: 0, running: 0, sending: 0, over: 0 };
  readonly #open = new Set<Prediction>();
  readonly #waitingByClient = new Map<string, number>();
  #bytes = 0;
  #answerBytes = 0;
  #onSettled: (prediction: Prediction, phase: Phase) => void = () => {};
  #onAnswerBytes: (byBytes: number) => void = () => {};
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

  /** Those whose answer is not handed over yet. */
  get sending(): number {
    return this.#counts.sending;
  }

  /** Predictions that are not over, as of now. */
  get open(): readonly Prediction[] {
    return [...this.#open];
  }

  /** Bytes held by all that receive, wait and run. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes of the answers that are not handed over yet. */
  get answerBytes(): number {
    return this.#answerBytes;
  }

  /** Places that an API key holds, receiving and queued. */
  waitingOf(client: string): number {
    return this.#waitingByClient.get(client) ?? 0;
  }

  /** Called once for every prediction, as it is settled, with the phase that it was in. */
  onSettled(listener: (prediction: Prediction, phase: Phase) => void): void {
    this.#onSettled = listener;
  }

  /** Called as answers take more memory, or less. */
  onAnswerBytes(listener: (byBytes: number) => void): void {
    this.#onAnswerBytes = listener;
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
    this.#countBytes(prediction, from, to);
    if (to === 'over') this.#close(prediction);
    else this.#counts[to] += 1;
  }

  settled(prediction: Prediction, phase: Phase): void {
    this.#onSettled(prediction, phase);
  }

  resized(_prediction: Prediction, byBytes: number): void {
    this.#bytes += byBytes;
  }

  answerGrew(byBytes: number): void {
    this.#answerBytes += byBytes;
    this.#onAnswerBytes(byBytes);
  }

  #take(prediction: Prediction): void {
    this.#open.add(prediction);
    this.#bytes += prediction.bytes;
  }

  /** Its input is held until its run has ended. */
  #countBytes({ bytes }: Prediction, from: Phase | undefined, to: Phase): void {
    if (from !== 'sending' && (to === 'sending' || to === 'over')) this.#bytes -= bytes;
  }

  #close(prediction: Prediction): void {
    this.#open.delete(prediction);
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
