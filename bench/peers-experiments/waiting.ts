// One second of waiting, or what stands for it where a server can only run models.

import type { RequestForm } from '../load/plan.js';
import type { Contender } from './entrants.js';

/** @param perMs iterations of burn that take one ms */
export function waitOf({ forms }: Contender, seconds: number, perMs: number): RequestForm {
  return forms.wait?.(seconds) ?? forms.burn(Math.max(1, Math.round(seconds * 1000 * perMs)));
}
