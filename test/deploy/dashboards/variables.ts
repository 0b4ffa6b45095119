// What Grafana puts in the place of the variables of a query.

export interface Shown {
  /** Unix seconds. */
  readonly start: number;
  readonly end: number;
  /** Seconds between two points of a range. */
  readonly step: number;
  /** Seconds; what the data source has as `timeInterval`. */
  readonly scrapeInterval: number;
}

/** Variable → what is chosen; none for All. */
export type Choice = Readonly<Record<string, readonly string[]>>;

/** The `allValue` of every variable. */
const ALL = '.+';

/** @throws Error where a variable is left over */
export function substitute(query: string, shown: Shown, choice: Choice): string {
  const values: Record<string, string> = { ...intervals(shown) };
  for (const [name, chosen] of Object.entries(choice)) values[name] = asPattern(chosen);
  return query.replaceAll(/\$\{?(\w+)\}?/g, (_match, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`nothing to put for $${name} in ${query}`);
    return value;
  });
}

function intervals({ start, end, step, scrapeInterval }: Shown): Readonly<Record<string, string>> {
  return {
    __interval: `${step}s`,
    __rate_interval: `${Math.max(step + scrapeInterval, 4 * scrapeInterval)}s`,
    __range: `${Math.round(end - start)}s`,
  };
}

/** Within a string of PromQL a backslash is written twice. */
function asPattern(chosen: readonly string[]): string {
  if (chosen.length === 0) return ALL;
  const escaped = chosen.map((value) => value.replaceAll(/[\\^$*+?.()|[\]{}]/g, '\\\\$&'));
  return escaped.length === 1 ? escaped[0]! : `(${escaped.join('|')})`;
}
