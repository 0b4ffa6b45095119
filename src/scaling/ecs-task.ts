// Who this task is, from the ECS task metadata endpoint, version 4.

import type { Clock } from '../clock.js';
import { CallFailure, isSuccess, objectOf, type PlatformCalls, refusalOf, textOf } from './platform-calls.js';
import type { HttpAnswer } from './platform-http.js';
import { Backoff } from './ticker.js';

export interface EcsTask {
  readonly cluster: string;
  /** Undefined for a task outside a service, and where the agent is older than 1.63.1. */
  readonly service: string | undefined;
  readonly taskId: string;
  /** EC2, FARGATE, EXTERNAL …; empty where the agent does not say. */
  readonly launchType: string;
}

export interface EcsIdentityOptions {
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly calls: PlatformCalls;
  /** $ECS_CONTAINER_METADATA_URI_V4 */
  readonly metadataUri: string;
}

/** Asks until it is told. */
export class EcsIdentity {
  readonly #options: EcsIdentityOptions;
  readonly #backoff = new Backoff(1_000, 60_000);
  #task: EcsTask | undefined;
  #isCalling = false;

  constructor(options: EcsIdentityOptions) {
    this.#options = options;
  }

  /** Undefined until it is known. */
  get task(): EcsTask | undefined {
    return this.#task;
  }

  /** To be called every second; resolves when what it sent is answered. */
  async tick(): Promise<void> {
    const { clock, calls, metadataUri } = this.#options;
    if (this.#task !== undefined || this.#isCalling || !this.#backoff.isOver(clock.nowMs())) return;
    this.#isCalling = true;
    const outcome = await calls.ask('task_metadata', () => ({ url: `${metadataUri}/task` }), taskOf);
    this.#isCalling = false;
    if (outcome.ok) this.#task = outcome.value;
    else this.#backoff.failed(clock.nowMs());
  }
}

function taskOf(answer: HttpAnswer): EcsTask {
  if (!isSuccess(answer)) throw refusalOf(answer, '', answer.text);
  const { Cluster, ServiceName, TaskARN, LaunchType } = objectOf(answer);
  const cluster = lastPart(textOf(Cluster));
  const taskId = lastPart(textOf(TaskARN));
  if (cluster === '' || taskId === '') throw new CallFailure('invalid', 'no Cluster or TaskARN', answer.text);
  return { cluster, service: textOf(ServiceName) || undefined, taskId, launchType: textOf(LaunchType) };
}

/** The cluster comes as a name or as an ARN; metrics and the console know the name. */
const lastPart = (arn: string): string => arn.slice(arn.lastIndexOf('/') + 1);
