// Figures of several servers side by side, and where ours is not the best of them: reckoned from the figures alone.

import type { Goal, Table } from '../experiment.js';
import { median, percent, spread } from '../statistics.js';

/** What was measured of one server, once for each repeat. */
export interface Measured<Sample> {
  readonly name: string;
  /** The server that the others are held against. */
  readonly isOurs: boolean;
  /** Ours again, in the same way: what the two differ by is noise. */
  readonly isAgain: boolean;
  readonly samples: readonly Sample[];
  /** Why there are no samples, or fewer. */
  readonly failure?: string;
}

/** A figure; the table shows its median. */
export interface FigureColumn<Sample> {
  readonly head: string;
  /** NaN where there is none. */
  readonly pick: (sample: Sample) => number;
  readonly write: (value: number) => string;
  /** Without it the column only tells. */
  readonly better?: 'lower' | 'higher';
  /** Where ours is not the best: why. */
  readonly why?: string;
  /** A difference that counts for nothing, in the column's own unit. */
  readonly slack?: number;
}

export interface TextColumn<Sample> {
  readonly head: string;
  readonly text: (samples: readonly Sample[]) => string;
}

export type Column<Sample> = FigureColumn<Sample> | TextColumn<Sample>;

export interface Comparison {
  readonly table: Table;
  readonly goals: readonly Goal[];
  readonly notes: readonly string[];
}

/** Why another can be better where runs compute. */
export const WHY_RUNS =
  'On the CPU, oneslot’s threads sleep while they wait for each other, where ONNX Runtime’s default spins: some 4 to 8 % of a run, ' +
  'for a server that hears (allow_spinning in model.json). On a GPU, who shares fills what one run leaves idle, and each takes longer.';

/** Stands behind a figure of ours that another server betters. */
export const BEHIND = '▼';

const NONE = '–';

/** The lowest of all servers' medians: what the work takes where nothing is in its way. */
export function lowest<Sample>(
  measured: readonly Measured<Sample>[],
  pick: (sample: Sample) => number,
): number {
  const medians = measured
    .filter(({ samples }) => samples.length > 0)
    .map(({ samples }) => median(samples.map(pick)));
  return Math.min(...medians);
}

export function compare<Sample>(
  caption: string,
  { measured, columns }: { measured: readonly Measured<Sample>[]; columns: readonly Column<Sample>[] },
): Comparison {
  const verdicts = columns.map((column) => ('pick' in column ? verdictOf(column, measured) : undefined));
  const rows = measured.map((each) => [
    each.name,
    ...columns.map((column, index) => cellOf(column, each, verdicts[index])),
  ]);
  const noise = ['noise', ...verdicts.map((verdict) => percent(verdict?.noise ?? Number.NaN, 0))];
  return {
    table: { caption, head: ['server', ...columns.map(({ head }) => head)], rows: [...rows, noise] },
    goals: verdicts.filter((verdict) => verdict !== undefined).flatMap((verdict) => goalOf(caption, verdict)),
    notes: [
      ...verdicts.filter((verdict) => verdict?.isBehind).map((verdict) => behindNote(caption, verdict!)),
      ...measured
        .filter(({ failure }) => failure !== undefined)
        .map(({ name, failure }) => `${caption}: ${name} failed: ${failure}`),
    ],
  };
}

interface Verdict {
  readonly head: string;
  /** Of the server that the others are held against. */
  readonly name: string;
  readonly write: (value: number) => string;
  readonly why: string | undefined;
  readonly isCompared: boolean;
  readonly ours: number;
  readonly best: { readonly name: string; readonly value: number } | undefined;
  /** Highest less lowest of all that was measured of ours, as a share of the median. */
  readonly noise: number;
  readonly isBehind: boolean;
}

function verdictOf<Sample>(
  { head, pick, write, better, why, slack = 0 }: FigureColumn<Sample>,
  measured: readonly Measured<Sample>[],
): Verdict {
  const figures = measured.map((each) => ({ ...each, values: each.samples.map(pick).filter(isNumber) }));
  const own = figures.filter(({ isOurs }) => isOurs);
  const ours = median(own.filter(({ isAgain }) => !isAgain).flatMap(({ values }) => values));
  const noise = noiseOf(own.flatMap(({ values }) => values));
  const others = figures
    .filter(({ isOurs, values }) => !isOurs && values.length > 0)
    .map(({ name, values }) => ({ name, value: median(values) }));
  const sign = better === 'higher' ? -1 : 1;
  const best = others.toSorted((a, b) => sign * (a.value - b.value))[0];
  const lead = best === undefined ? Number.NaN : sign * (ours - best.value);
  const isBehind = better !== undefined && lead > Math.max(slack, (noise || 0) * Math.abs(ours));
  const { name = '' } = own.find(({ isAgain }) => !isAgain) ?? {};
  return { head, name, write, why, isCompared: better !== undefined, ours, best, noise, isBehind };
}

const isNumber = (value: number): boolean => !Number.isNaN(value);

/** 0 where every measurement gave the same, 0 included. */
function noiseOf(values: readonly number[]): number {
  if (values.length < 2) return Number.NaN;
  return Math.max(...values) === Math.min(...values) ? 0 : Math.abs(spread(values));
}

function cellOf<Sample>(
  column: Column<Sample>,
  each: Measured<Sample>,
  verdict: Verdict | undefined,
): string {
  if (each.samples.length === 0) return NONE;
  if ('text' in column) return column.text(each.samples);
  const value = median(each.samples.map(column.pick).filter(isNumber));
  if (Number.isNaN(value)) return NONE;
  const mark = verdict?.isBehind === true && each.isOurs && !each.isAgain ? ` ${BEHIND}` : '';
  return column.write(value) + mark;
}

function goalOf(caption: string, { head, write, isCompared, ours, best, noise, isBehind }: Verdict): Goal[] {
  if (!isCompared || best === undefined || Number.isNaN(ours)) return [];
  return [
    {
      what: `${caption}: ${head}: no other better by more than the noise (${percent(noise, 0)})`,
      limit: `${write(best.value)} (${best.name})`,
      measured: write(ours),
      met: !isBehind,
    },
  ];
}

function behindNote(caption: string, { head, name, write, why, ours, best }: Verdict): string {
  const fact = `${BEHIND} ${caption}, ${head}: ${name} ${write(ours)}, ${best!.name} ${write(best!.value)}`;
  return `${fact}. ${why ?? 'Why is not known yet.'}`;
}
