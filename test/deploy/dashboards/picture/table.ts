// A panel of rows and columns, from several instant queries that share a label.

import type { Answer } from '../answers.js';
import type { Columns, Field, Mapping, Panel } from '../dashboard.js';
import { defaultsOf, overrideOf } from './series.js';
import { thresholdColour } from './stat.js';
import { type Box, colour, element, FAINT, GRID, shorten, text } from './svg.js';
import { show } from './units.js';

const SIZE = 12;

type Row = Map<string, string | number>;

interface Cell {
  readonly shown: string;
  readonly fill: string | undefined;
  /** How much of the cell a bar fills. */
  readonly share: number | undefined;
}

export function table(panel: Panel, answers: readonly Answer[], box: Box): string {
  const { renameByName, indexByName } = columnsOf(panel);
  const names = Object.entries(renameByName).sort(([a], [b]) => indexByName[a]! - indexByName[b]!);
  const rows = merge(answers, names[0]![0]);
  const width = box.width / (names.length + 1);
  const height = Math.min(28, box.height / (rows.length + 1));
  const left = (column: number) => box.x + 12 + (column === 0 ? 0 : (column + 1) * width);
  const heads = names.map(([, name], column) =>
    text(left(column), box.y + 18, name, { 'font-size': SIZE, fill: FAINT }),
  );
  const cells = rows.flatMap((row, index) =>
    names.map(([field, name], column) => {
      const place = {
        x: left(column),
        y: box.y + 18 + (index + 1) * height,
        width: width * (column === 0 ? 2 : 1) - 16,
      };
      return draw(cellOf(panel, name, row.get(field)), place, height);
    }),
  );
  const rule = element('line', {
    x1: box.x,
    x2: box.x + box.width,
    y1: box.y + 25,
    y2: box.y + 25,
    stroke: GRID,
  });
  return [...heads, rule, ...cells].join('');
}

function columnsOf({ transformations = [] }: Panel): Columns {
  return transformations.find(({ id }) => id === 'organize')!.options as Columns;
}

/** As `merge` does: one row for each value of the label that all answers have. */
function merge(answers: readonly Answer[], key: string): readonly Row[] {
  const rows = new Map<string, Row>();
  for (const { target, series } of answers)
    for (const { labels, points } of series) {
      const row = rows.get(labels[key]!) ?? new Map<string, string | number>(Object.entries(labels));
      for (const [label, value] of Object.entries(labels)) row.set(label, value);
      rows.set(labels[key]!, row.set(`Value #${target.refId}`, points[0]![1]));
    }
  return [...rows].sort(([a], [b]) => a.localeCompare(b)).map(([, row]) => row);
}

function cellOf(panel: Panel, name: string, value: string | number | undefined): Cell {
  if (typeof value !== 'number') return { shown: value ?? '', fill: undefined, share: undefined };
  const property = <Value>(id: string) => overrideOf(panel, name, id) as Value | undefined;
  const mapped = mapping(property<readonly Mapping[]>('mappings'), value);
  const unit = property<string>('unit') ?? defaultsOf(panel).unit;
  const shown = Number.isFinite(value) ? show(value, unit, property<number>('decimals')) : '–';
  const cell = property<{ type: string }>('custom.cellOptions')?.type;
  const thresholds = property<Field['thresholds']>('thresholds');
  const threshold = thresholds && thresholdColour({ thresholds }, value);
  const max = property<number>('max') ?? 1;
  return {
    shown: mapped?.text ?? shown,
    fill: cell === 'color-text' ? (mapped ? colour(mapped.color) : threshold) : undefined,
    share: cell === 'gauge' && Number.isFinite(value) ? value / max : undefined,
  };
}

/** What a value is called, where it has a name. */
export function mapping(mappings: readonly Mapping[] = [], value: number) {
  for (const { type, options } of mappings) if (type === 'value') return options[String(value)];
  return undefined;
}

function draw(
  { shown, fill, share }: Cell,
  { x, y, width }: { x: number; y: number; width: number },
  height: number,
) {
  const bar =
    share === undefined
      ? ''
      : element('rect', {
          x,
          y: y - height / 2 - 2,
          width: width * share,
          height: height - 10,
          fill: colour('green'),
          'fill-opacity': 0.35,
        });
  return (
    bar +
    text(x + (share === undefined ? 0 : 4), y, shorten(shown, width, SIZE), {
      'font-size': SIZE,
      fill: fill ?? '#24292f',
    })
  );
}
