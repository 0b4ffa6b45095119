// Memory for answers, from the moment at which the runner gives one until its caller has taken it. The runner may send as much
// as there is room for, and begins no run whose answer might not fit; where callers who read too slowly keep others waiting,
// the answer that has been sent for the longest time is given up.
//
// The runner is told a sum that only grows: how many bytes it may have sent since its start. So it matters in no way how
// what it sends and what it is told cross, and small answers need a word only every now and then.

import type { Cancel, Clock } from '../clock.js';

export interface AnswerRoomOptions {
  /** What one answer may take. */
  readonly maxAnswerBytes: number;
  /** What all may take together. */
  readonly answerBytes: number;
  readonly clock: Clock;
  /** Whether anyone waits for a run. */
  readonly isWanted: () => boolean;
}

/** An answer that its connection did not take at once. */
interface Slow {
  readonly sinceMs: number;
  readonly giveUp: () => void;
}

/** For so long an answer may be sent while others wait for its memory. */
const PATIENCE_MS = 10_000;
const LOOK_MS = 500;

/** The runner is told anew when so much of the room has become free. */
const WORTH_TELLING = 1 / 8;

export class AnswerRoom {
  readonly #options: AnswerRoomOptions;
  readonly #size: number;
  readonly #slow = new Set<Slow>();
  #held = 0;
  /** By the present runner, as far as it is known. */
  #sent = 0;
  #told = 0;
  #tell: (bytes: number) => void = () => {};
  #onRoom: () => void = () => {};
  #cancelLook: Cancel | undefined;

  constructor(options: AnswerRoomOptions) {
    this.#options = options;
    this.#size = Math.max(options.answerBytes, options.maxAnswerBytes);
  }

  /** Bytes of answers that are there. */
  get held(): number {
    return this.#held;
  }

  /** Whether a run may begin: the largest answer that one may have would fit. */
  get hasRoom(): boolean {
    return this.#held + this.#options.maxAnswerBytes <= this.#size;
  }

  /** Called when there is room again. */
  onRoom(listener: () => void): void {
    this.#onRoom = listener;
  }

  /** A runner has started: it is told at once, and from then on. */
  runnerStarted(tell: (bytes: number) => void): void {
    this.#tell = tell;
    this.#sent = 0;
    this.#sayNow();
  }

  /** It has given so much, of which what somebody waits for is held already. */
  runnerSent(bytes: number): void {
    this.#sent += bytes;
    this.#say();
  }

  hold(bytes: number): void {
    this.#held += bytes;
    if (!this.hasRoom) this.#lookLater();
  }

  release(bytes: number): void {
    const hadRoom = this.hasRoom;
    this.#held -= bytes;
    this.#say();
    if (!hadRoom && this.hasRoom) this.#onRoom();
  }

  /** One that is sent slowly may be given up by this. @returns to be called when it is over */
  slow(giveUp: () => void): () => void {
    const slow: Slow = { sinceMs: this.#options.clock.nowMs(), giveUp };
    this.#slow.add(slow);
    return () => this.#slow.delete(slow);
  }

  #say(): void {
    const free = this.#limit - this.#told;
    if (free <= 0) return;
    const mayBeHeldUp = this.#told - this.#sent < this.#options.maxAnswerBytes;
    if (mayBeHeldUp || free >= this.#size * WORTH_TELLING) this.#sayNow();
  }

  #sayNow(): void {
    this.#told = this.#limit;
    this.#tell(this.#told);
  }

  get #limit(): number {
    return this.#sent + this.#size - this.#held;
  }

  #lookLater(): void {
    this.#cancelLook ??= this.#options.clock.after(LOOK_MS, () => {
      this.#cancelLook = undefined;
      if (this.hasRoom) return;
      this.#lookLater();
      this.#giveUpOldest();
    });
  }

  #giveUpOldest(): void {
    const { clock, isWanted } = this.#options;
    const [oldest] = this.#slow;
    if (oldest === undefined || !isWanted() || clock.nowMs() - oldest.sinceMs < PATIENCE_MS) return;
    this.#slow.delete(oldest);
    oldest.giveUp();
  }
}
