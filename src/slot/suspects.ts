// Inputs in whose runs a runner has died. One that ended two is not run again for a while; one that ended one runs alone, so
// that nobody else is lost with it. Any run that ends, with an answer or an error, clears its input.
//
// Known are digests, not bytes, and only of runs that died. As long as there are none, nothing is looked up.

import { createHash, type Hash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../clock.js';
import { ServiceError } from '../errors.js';
import type { Logger } from '../log.js';
import type { Model } from '../model-repository/model.js';
import type { Prediction } from '../prediction.js';
import type { Tensors } from '../tensor.js';

export interface SuspectsOptions {
  readonly clock: Pick<Clock, 'nowMs'>;
  /** How long an input is remembered from the last runner on that it ended; 0: none ever is. */
  readonly forMs: number;
  readonly log: Pick<Logger, 'warn'>;
}

interface Suspicion {
  readonly digest: string;
  /** Model, types and shapes: what can be compared at no cost. */
  readonly form: string;
  deaths: number;
  untilMs: number;
}

/** Runners that one input may end. */
const DEATHS_AT_MOST = 2;
/** The longest known is forgotten for another one. */
const KNOWN_AT_MOST = 256;
/** What is hashed in one turn of the event loop, about a millisecond's work. */
const SLICE_BYTES = 2 ** 20;

export class Suspects {
  readonly #options: SuspectsOptions;
  /** By digest, the longest known first. */
  readonly #known = new Map<string, Suspicion>();
  readonly #of = new WeakMap<Prediction, Suspicion>();

  constructor(options: SuspectsOptions) {
    this.#options = options;
  }

  /** How many inputs are refused at present. */
  get quarantined(): number {
    this.#forget();
    return [...this.#known.values()].filter(isConvicted).length;
  }

  /** Whether `examine` has anything to do: false costs next to nothing, and is the rule. */
  mayKnow(model: Model, inputs: Tensors): boolean {
    if (this.#known.size === 0) return false;
    this.#forget();
    const form = formOf(model, inputs);
    return [...this.#known.values()].some((suspicion) => suspicion.form === form);
  }

  /**
   * Looks up the input of one that has just come. Rejects with a ServiceError `input_quarantined` where it is not to be
   * run; one under suspicion will run alone.
   */
  async examine(prediction: Prediction, inputs: Tensors): Promise<void> {
    const hash = begun(formOf(prediction.model, inputs));
    for (const slice of slices(inputs)) {
      hash.update(slice);
      if (slice.length === SLICE_BYTES) await nextTurn();
    }
    const suspicion = this.#known.get(hash.digest('hex'));
    if (suspicion === undefined || prediction.isSettled) return;
    this.#suspect(prediction, suspicion);
    if (isConvicted(suspicion)) throw this.refusal(prediction);
  }

  /** A runner has died in the run of these. `how` is for the log. */
  accuse(batch: readonly Prediction[], how: string): void {
    const { forMs, clock, log } = this.#options;
    if (forMs === 0) return;
    const accused = new Set<Suspicion>();
    for (const prediction of batch) accused.add(this.#suspicionOf(prediction));
    for (const suspicion of accused) {
      suspicion.deaths += 1;
      suspicion.untilMs = clock.nowMs() + forMs;
      // Once more at the end: what was known longest is forgotten first.
      this.#known.delete(suspicion.digest);
      this.#known.set(suspicion.digest, suspicion);
      if (suspicion.deaths !== DEATHS_AT_MOST) continue;
      const model = batch[0]!.model.name;
      log.warn({ model, how, digest: suspicion.digest, seconds: forMs / 1000 }, 'input quarantined');
    }
    for (const digest of this.#known.keys()) {
      if (this.#known.size <= KNOWN_AT_MOST) break;
      this.#known.delete(digest);
    }
  }

  /** Those who wait with the same input as one of the accused: they come under the same suspicion. */
  recognise(waiting: Iterable<Prediction>, accused: readonly Prediction[]): void {
    const known = accused.filter((prediction) => this.#of.has(prediction));
    if (known.length === 0) return;
    for (const prediction of waiting) {
      if (this.#of.has(prediction)) continue;
      const same = known.find((other) => isSame(prediction, other));
      if (same !== undefined) this.#suspect(prediction, this.#of.get(same)!);
    }
  }

  isConvicted(prediction: Prediction): boolean {
    const suspicion = this.#of.get(prediction);
    return suspicion !== undefined && isConvicted(suspicion);
  }

  /** The runs of these have ended, and the runner lives. */
  acquit(batch: readonly Prediction[]): void {
    if (this.#known.size === 0) return;
    for (const prediction of batch) {
      const suspicion = this.#of.get(prediction);
      if (suspicion === undefined) continue;
      suspicion.deaths = 0;
      this.#known.delete(suspicion.digest);
    }
  }

  /** What one is told that is convicted. */
  refusal(prediction: Prediction): ServiceError {
    const { deaths, untilMs } = this.#of.get(prediction)!;
    const seconds = Math.ceil((untilMs - this.#options.clock.nowMs()) / 1000);
    const message = `this input has ended ${deaths} runners, and is not run for the next ${seconds} s: send another one`;
    return new ServiceError('input_quarantined', message);
  }

  #suspicionOf(prediction: Prediction): Suspicion {
    const { model, work } = prediction;
    const form = formOf(model, work.inputs);
    const hash = begun(form);
    for (const slice of slices(work.inputs)) hash.update(slice);
    const digest = hash.digest('hex');
    const suspicion = this.#known.get(digest) ?? { digest, form, deaths: 0, untilMs: 0 };
    this.#suspect(prediction, suspicion);
    return suspicion;
  }

  #suspect(prediction: Prediction, suspicion: Suspicion): void {
    this.#of.set(prediction, suspicion);
    prediction.runsAlone = true;
  }

  #forget(): void {
    const nowMs = this.#options.clock.nowMs();
    for (const [digest, { untilMs }] of this.#known) if (untilMs <= nowMs) this.#known.delete(digest);
  }
}

const isConvicted = ({ deaths }: Suspicion): boolean => deaths >= DEATHS_AT_MOST;

/** Bodies give their inputs in any order. */
const inOrder = (inputs: Tensors): string[] => Object.keys(inputs).sort();

function formOf({ name, version }: Model, inputs: Tensors): string {
  const tensors = inOrder(inputs).map((input) => {
    const { type, dims, bytes } = inputs[input]!;
    return `${JSON.stringify(input)} ${type}[${dims.join(',')}] ${bytes.byteLength}`;
  });
  return [name, version, ...tensors].join('\n');
}

const begun = (form: string): Hash => createHash('sha256').update(form);

function* slices(inputs: Tensors): Generator<Uint8Array> {
  for (const input of inOrder(inputs)) {
    const { bytes } = inputs[input]!;
    for (let at = 0; at < bytes.byteLength; at += SLICE_BYTES) yield bytes.subarray(at, at + SLICE_BYTES);
  }
}

function isSame(a: Prediction, b: Prediction): boolean {
  if (a.model.name !== b.model.name) return false;
  const [left, right] = [a.work.inputs, b.work.inputs];
  if (formOf(a.model, left) !== formOf(b.model, right)) return false;
  return inOrder(left).every((input) => Buffer.compare(left[input]!.bytes, right[input]!.bytes) === 0);
}
