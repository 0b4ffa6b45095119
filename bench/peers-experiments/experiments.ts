// All experiments with the peers, in the order of the report.

import type { Experiment } from '../experiment.js';
import { callers } from './callers.js';
import { crash } from './crash.js';
import { deadlines } from './deadlines.js';
import type { PeerBench } from './entrants.js';
import { hearing } from './hearing.js';
import { large } from './large.js';
import { leavers } from './leavers.js';
import { memory } from './memory.js';
import { shutdown } from './shutdown.js';
import { small } from './small.js';
import { ten } from './ten.js';
import { thousand } from './thousand.js';
import { two } from './two.js';

export const PEER_EXPERIMENTS: readonly Experiment<PeerBench>[] = [
  ten,
  thousand,
  two,
  callers,
  hearing,
  deadlines,
  leavers,
  crash,
  shutdown,
  small,
  large,
  memory,
];
