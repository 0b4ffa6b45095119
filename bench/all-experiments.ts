// Whose sections docs/benchmarks.md holds, in its order: each command writes its own and keeps those of the other.

import type { Described } from './experiment.js';
import { EXPERIMENTS } from './experiments/experiments.js';
import { onEveryProvider } from './on-provider.js';
import { PEER_EXPERIMENTS } from './peers-experiments/experiments.js';

export const ALL: readonly Described[] = [
  ...onEveryProvider(EXPERIMENTS),
  ...onEveryProvider(PEER_EXPERIMENTS),
];
