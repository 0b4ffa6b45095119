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
/** What any work at all costs, above an idle pod. */
const BUSY_COST = 10;
const MAX_COST = 2 ** 31 - 1;
/** An idle moment between two runs is no change. */
const QUIET_MS = 30_000;
/** Every patch is a write to etcd and an event for all who watch pods. */
const LEAST_CHANGE = 30;
const LEAST_CHANGE_SHARE = 0.25;

export class PodDeletionCost {
  readonly #options: PodDeletionCostOptions;
  readonly #backoff = new Backoff(10_000, 300_000);
  #busyMs = Number.NEGATIVE_INFINITY;
  /** Undefined until it is written: a container that was restarted finds what the one before left. */
  #written: number | undefined;
  #isCalling = false;

  constructor(options: PodDeletionCostOptions) {
    this.#options = options;
  }

  /** To be called every ten seconds; resolves when what it sent is answered. */
  async tick(): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    const cost = this.#costAt(nowMs);
    if (this.#isCalling || !this.#backoff.isOver(nowMs) || !isChange(this.#written, cost)) return;
    await this.#write(cost);
  }

  #costAt(nowMs: number): number {
    const snapshot = this.#options.snapshot();
    const cost = costOf(snapshot);
    if (cost > 0) this.#busyMs = nowMs;
    return cost === 0 && nowMs - this.#busyMs < QUIET_MS ? BUSY_COST : cost;
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

/** What the present run has taken so far is lost with the pod, and the backlog has to go elsewhere. */
function costOf({ queued, running, runningSeconds, backlogSeconds }: Snapshot): number {
  if (queued + running === 0) return 0;
  return Math.min(MAX_COST, BUSY_COST + Math.round(runningSeconds + backlogSeconds));
}

function isChange(written: number | undefined, cost: number): boolean {
  if (written === undefined || (written === 0) !== (cost === 0)) return true;
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
