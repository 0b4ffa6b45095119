// What a panel shows of its answers: named lines with a colour and a way to be drawn.

import { type Answer, legendOf } from '../answers.js';
import type { Field, Panel } from '../dashboard.js';
import { colour } from './svg.js';

export interface Line {
  readonly name: string;
  readonly colour: string;
  readonly dashed: boolean;
  /** 0 to 1. */
  readonly fill: number;
  readonly points: readonly (readonly [at: number, value: number])[];
}

export const defaultsOf = ({ fieldConfig }: Panel): Field => fieldConfig?.defaults ?? {};

/** The value of an override of one field. */
export function overrideOf({ fieldConfig }: Panel, field: string, id: string): unknown {
  const override = fieldConfig?.overrides.find(({ matcher }) => matcher.options === field);
  return override?.properties.find((property) => property.id === id)?.value;
}

export function linesOf(panel: Panel, answers: readonly Answer[]): readonly Line[] {
  const named = answers.flatMap(({ target, series }) =>
    series.map((each) => ({ name: legendOf(target, each) || 'none', points: each.points })),
  );
  const fill = defaultsOf(panel).custom?.fillOpacity ?? 0;
  return named.map(({ name, points }, index) => {
    const fixed = overrideOf(panel, name, 'color') as { fixedColor: string } | undefined;
    return {
      name,
      colour: colour(fixed?.fixedColor, index),
      dashed: overrideOf(panel, name, 'custom.lineStyle') !== undefined,
      fill: Number(overrideOf(panel, name, 'custom.fillOpacity') ?? fill) / 100,
      points: points.filter(([, value]) => Number.isFinite(value)),
    };
  });
}

/** Each line upon the sum of those before it: pairs of a line and what it stands on, time by time. */
export function stack(lines: readonly Line[]): readonly { line: Line; floor: ReadonlyMap<number, number> }[] {
  const sums = new Map<number, number>();
  return lines.map((line) => {
    const floor = new Map(sums);
    const points = line.points.map(([at, value]) => {
      const sum = (sums.get(at) ?? 0) + value;
      sums.set(at, sum);
      return [at, sum] as const;
    });
    return { line: { ...line, points }, floor };
  });
}

export const lastOf = ({ points }: Pick<Line, 'points'>): number | undefined => points.at(-1)?.[1];
