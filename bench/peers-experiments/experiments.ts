// All experiments with the peers, in the order of the report.

import type { Experiment } from '../experiment.js';
import type { PeerBench } from './entrants.js';
import { ten } from './ten.js';

export const PEER_EXPERIMENTS: readonly Experiment<PeerBench>[] = [ten];
