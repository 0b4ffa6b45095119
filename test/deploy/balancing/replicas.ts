// Three real replicas on loopback addresses of their own; each keeps its port when it starts again.

import { join } from 'node:path';
import { writeFixtureModels } from '../../support/fixture-models.js';
import { type Exit, type Oneslot, startOneslot } from '../../support/oneslot.js';
import { track } from '../../support/programs/command.js';
import { until } from '../../support/until.js';
import type { Context } from '../part.js';

export const REPLICAS = 3;

/** Few, so that a replica is quickly full. */
export const QUEUE_LIMIT = 4;

/** Far more than the delay of a drain and its runs take; only a replica that never ends meets it. */
const DRAIN_PATIENCE_MS = 90_000;

export class Replicas {
  readonly all: Oneslot[] = [];
  readonly #models: string;

  private constructor(models: string) {
    this.#models = models;
  }

  static async start({ folder, cleanup }: Context): Promise<Replicas> {
    const models = join(folder, 'models');
    writeFixtureModels(models, ['burn']);
    const replicas = new Replicas(models);
    cleanup.add(() => replicas.#stop());
    await Promise.all(Array.from({ length: REPLICAS }, (_, index) => replicas.#start(index, 0)));
    return replicas;
  }

  /** `host:port` of each. */
  get addresses(): readonly string[] {
    return this.all.map(({ url }) => new URL(url).host);
  }

  /** Starts one that has ended, where it was. */
  async startAgain(index: number): Promise<void> {
    await this.#start(index, Number(new URL(this.all[index]!.url).port));
  }

  /** As platforms do it: each drains and starts again before the next one does. */
  async rollingRestart(): Promise<void> {
    for (const [index, replica] of this.all.entries()) {
      const { code } = await endsInTime(replica.signal('SIGTERM'));
      if (code !== 0) throw new Error(`a draining replica ended with ${code}: ${replica.stderr}`);
      await this.startAgain(index);
    }
  }

  /** One metric of each replica. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number[]> {
    return await Promise.all(this.all.map((replica) => replica.metric(name, labels)));
  }

  /** Resolves when each has as many predictions in its run as it is said. */
  async running(...counts: readonly number[]): Promise<void> {
    await until(async () => String(await this.metric('oneslot_running')) === String(counts));
  }

  /** Resolves when none has anything to do, and each runner is up. */
  async idle(): Promise<void> {
    await until(async () => {
      // In this order: a run that its caller left ends with its runner, which is then not ready.
      if ((await this.metric('oneslot_demand')).some((demand) => demand > 0)) return false;
      return (await Promise.all(this.all.map((replica) => replica.isReady()))).every(Boolean);
    });
  }

  async #start(index: number, port: number): Promise<void> {
    const address = ['--host', `127.0.0.${11 + index}`, '--port', String(port)];
    const limits = ['--queue-limit', String(QUEUE_LIMIT), '--balancer-queue', 'trust'];
    const args = [...address, ...limits, '--log-level', 'info'];
    const replica = await startOneslot({ models: this.#models, args });
    track(replica.child);
    this.all[index] = replica;
  }

  async #stop(): Promise<void> {
    for (const replica of this.all) await replica?.[Symbol.asyncDispose]();
  }
}

async function endsInTime(exit: Promise<Exit>): Promise<Exit> {
  const patience = AbortSignal.timeout(DRAIN_PATIENCE_MS);
  const late = new Promise<never>((_, reject) => {
    patience.onabort = () => reject(new Error('a draining replica never ended'));
  });
  return await Promise.race([exit, late]);
}
