// Several predictions as one run: how long it should take, while they are put together one by one.

import type { Prediction } from '../prediction.js';
import type { Estimate, Workload } from '../workload.js';
import type { Estimator } from './estimator.js';

/** What knows how long runs take. */
export type Times = Pick<Estimator, 'estimate' | 'meanMs'>;

export class Joint {
  readonly #times: Times;
  readonly #members: Prediction[] = [];
  #elements = 0;

  /** @param members one at the least, all of one model */
  constructor(times: Times, members: readonly Prediction[]) {
    this.#times = times;
    for (const member of members) this.add(member);
  }

  add(member: Prediction): void {
    this.#members.push(member);
    this.#elements += member.work.workload.elements;
  }

  /** Takes the last one out again. */
  pop(): void {
    this.#elements -= this.#members.pop()!.work.workload.elements;
  }

  /** Costs do not add up in a batch, so what they come to is unknown. */
  get workload(): Workload {
    return this.#members.length === 1 ? this.#members[0]!.work.workload : { elements: this.#elements };
  }

  /** As runs of that size have taken; where there were none, as long as one after the other; else undefined. */
  get estimate(): Estimate | undefined {
    const measured = this.#times.estimate(this.#model, this.workload);
    if (measured !== undefined) return measured;
    const meanMs = this.#apartMs();
    return meanMs === undefined ? undefined : { meanMs, sdMs: 0, leastMs: meanMs };
  }

  get runMs(): number | undefined {
    return this.#times.meanMs(this.#model, this.workload) ?? this.#apartMs();
  }

  get #model(): string {
    return this.#members[0]!.model.name;
  }

  #apartMs(): number | undefined {
    let sum = 0;
    for (const { work } of this.#members) {
      const ms = this.#times.meanMs(this.#model, work.workload);
      if (ms === undefined) return undefined;
      sum += ms;
    }
    return sum;
  }
}
