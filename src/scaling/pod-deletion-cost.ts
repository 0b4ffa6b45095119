// Kubernetes' pod-deletion-cost: of the pods that a scale-down may take, those go first that have the least to lose.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.js';
import type { Snapshot } from '../observer.js';
import { isSuccess, objectOf, type PlatformCalls, refusalOf, textOf } from './platform-calls.js';
import type { HttpAnswer, HttpRequest } from './platform-http.js';
import { Backoff } from './ticker.js';

export interface PodDeletionCostOptions {
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly calls: PlatformCalls;
  /** `host:port` of the API server. */
  readonly apiServer: string;
  readonly podName: string;
  /** @default what the account's folder says */
  readonly namespace: string | undefined;
  /** Where Kubernetes puts the service account: token, ca.crt, namespace. */
  readonly accountFolder: string;
  readonly snapshot: () => Snapshot;
}

const ANNOTATION = 'controller.kubernetes.io/pod-deletion-cost';
/** Cost of a pod that had work all the time. */
const FULL_SHARE_COST = 100;
const STEP = 10;
const MAX_COST = 2 ** 31 - 1;
/** Whoever has work for as long as a written cost may stay as it is has it when the cost is read. */
const STALE_SECONDS = 10;
/** Every patch is a write to etcd and an event for all who watch pods. */
const LEAST_CHANGE = 2 * STEP;
const LEAST_CHANGE_SHARE = 0.25;

export class PodDeletionCost {
  readonly #options: PodDeletionCostOptions;
  readonly #backoff = new Backoff(10_000, 300_000);
  /** Undefined until it is written: a container that was restarted finds what the one before left. */
  #written: number | undefined;
  #isCalling = false;

  constructor(options: PodDeletionCostOptions) {
    this.#options = options;
  }

  /** To be called every ten seconds; resolves when what it sent is answered. */
  async tick(): Promise<void> {
    const { clock, snapshot } = this.#options;
    if (this.#isCalling || !this.#backoff.isOver(clock.nowMs())) return;
    const cost = deletionCost(snapshot());
    if (isWorthWriting(this.#written, cost)) await this.#write(cost);
  }

  async #write(cost: number): Promise<void> {
    const { calls, clock } = this.#options;
    this.#isCalling = true;
    const outcome = await calls.ask('pod_deletion_cost', () => this.#request(cost), checkPatched);
    this.#isCalling = false;
    if (outcome.ok) {
      this.#written = cost;
      this.#backoff.worked();
    } else this.#backoff.failed(clock.nowMs());
  }

  /** The token is read each time: the kubelet replaces it before it expires. */
  async #request(cost: number): Promise<HttpRequest> {
    const { apiServer, podName, namespace = await this.#read('namespace') } = this.#options;
    const body = { metadata: { annotations: { [ANNOTATION]: String(cost) } } };
    return {
      url: `https://${apiServer}/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(podName)}`,
      method: 'PATCH',
      headers: {
        Authorization: `Bearer ${await this.#read('token')}`,
        'Content-Type': 'application/merge-patch+json',
        Accept: 'application/json',
      },
      body: JSON.stringify(body),
      ca: await this.#read('ca.crt'),
    };
  }

  async #read(name: 'token' | 'ca.crt' | 'namespace'): Promise<string> {
    return (await readFile(join(this.#options.accountFolder, name), 'utf8')).trim();
  }
}

/**
 * What it would cost to delete the pod a few seconds from now, when the annotation is read: how likely it has work
 * then, in hundredths, and the seconds that it would lose of the work that it has now.
 *
 * Short runs are over by then and others may have begun, so the share of the last minute in which there was work tells
 * more of them than what there is at this moment.
 */
export function deletionCost(snapshot: Snapshot): number {
  const { queued, running, runningSeconds, backlogSeconds, busyRatio } = snapshot;
  const hasWork = queued + running > 0;
  const likely = hasWork ? Math.max(busyRatio, Math.min(1, backlogSeconds / STALE_SECONDS)) : busyRatio;
  const atRisk = hasWork ? runningSeconds + backlogSeconds : 0;
  const cost = FULL_SHARE_COST * likely + atRisk;
  return Math.min(MAX_COST, STEP * Math.round(cost / STEP));
}

/**
 * Whether a cost is so far from the written one that the order of pods may be another. A pod that has become idle says
 * so at once; one that has a run now and then does not change its mind with each.
 *
 * @param written undefined where nobody knows what is written
 */
export function isWorthWriting(written: number | undefined, cost: number): boolean {
  if (written === undefined) return true;
  if (cost === 0) return written !== 0;
  return Math.abs(cost - written) >= Math.max(LEAST_CHANGE, written * LEAST_CHANGE_SHARE);
}

function checkPatched(answer: HttpAnswer): void {
  if (isSuccess(answer)) return void objectOf(answer);
  const { reason, message } = statusOf(answer);
  throw refusalOf(answer, reason, message);
}

/** Errors come as a Status object, but for those of what stands before the API server. */
function statusOf(answer: HttpAnswer): { reason: string; message: string } {
  try {
    const { reason, message } = objectOf(answer);
    return { reason: textOf(reason), message: textOf(message) };
  } catch {
    return { reason: '', message: answer.text };
  }
}
