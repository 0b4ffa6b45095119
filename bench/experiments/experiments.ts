// Every experiment, in the order in which they run and are shown.

import type { Experiment } from '../experiment.js';
import { digits } from './digits.js';
import { ears } from './ears.js';
import { gap } from './gap.js';
import { generator } from './generator.js';
import { kills } from './kills.js';
import { overload } from './overload.js';
import { providers } from './providers.js';
import { turns } from './turns.js';

export const EXPERIMENTS: readonly Experiment[] = [
  generator,
  providers,
  turns,
  gap,
  ears,
  overload,
  digits,
  kills,
];
