// Replicas and where requests wait for them: the part of the simulator that balancing decides.

/** Told of every run that begins. */
export type OnStart = (arrivedAt: number, now: number, runTime: number) => void;

/** Times are in seconds of simulated time. */
export interface Fleet {
  /** Replicas that take requests. */
  readonly ready: number;
  /** Replicas that finish what they have and leave. */
  readonly draining: number;
  readonly queued: number;
  readonly running: number;
  /** When the next run ends; Infinity where none is in progress. */
  readonly nextEnd: number;
  /** What the runs in progress still need, in seconds. */
  runningSeconds(now: number): number;
  /** One more replica takes requests. */
  add(now: number): void;
  /** One fewer: one that is idle leaves at once, else the one with the least to do drains. */
  remove(): void;
  arrive(now: number, runTime: number): void;
  /** The run that ends next has ended. */
  end(): void;
}
