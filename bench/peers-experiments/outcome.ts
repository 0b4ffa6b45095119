// The parts that every section about the peers has.

import type { Outcome, Picture } from '../experiment.js';
import type { Peer } from '../peers/peer.js';
import type { Comparison } from './comparison.js';
import { serversTable } from './entrants.js';

const MARKS =
  '“again” is the same server measured a second time in every pass. Noise: highest less lowest of all that was measured of ' +
  'it, as a share of the median. ▼ stands where another server is better by more than that.';

export interface Parts {
  readonly comparisons: readonly Comparison[];
  readonly servers: ReadonlyMap<Peer, string>;
  /** Servers that did not start. */
  readonly missing?: readonly string[];
  readonly notes?: readonly string[];
  readonly pictures?: readonly Picture[];
  readonly raw: unknown;
}

export async function outcomeOf({
  comparisons,
  servers,
  missing = [],
  notes = [],
  pictures = [],
  raw,
}: Parts): Promise<Outcome> {
  return {
    goals: comparisons.flatMap(({ goals }) => goals),
    tables: [...comparisons.map(({ table }) => table), await serversTable(servers)],
    pictures,
    notes: [MARKS, ...missing, ...notes, ...comparisons.flatMap((each) => each.notes)],
    commands: [],
    raw,
  };
}
