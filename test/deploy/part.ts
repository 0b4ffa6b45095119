// One part of deploy/, exercised by the programs that it is made for.

import type { Cleanup } from '../support/programs/cleanup.js';
import type { Report } from '../support/programs/report.js';

export interface Context {
  readonly report: Report;
  readonly cleanup: Cleanup;
  /** The checkout's root. */
  readonly project: string;
  /** A folder of this part's own, removed at the end. */
  readonly folder: string;
}

export interface Part {
  readonly name: string;
  run(context: Context): Promise<void>;
}
