// A panel of lines over time.

import type { Answer } from '../answers.js';
import type { Panel } from '../dashboard.js';
import type { Shown } from '../variables.js';
import { plotBox, timeAxis, valueAxis, withLegend } from './axes.js';
import { linearScale, logScale, type Scale } from './scale.js';
import { defaultsOf, type Line, linesOf, stack } from './series.js';
import { type Box, colour, element, round } from './svg.js';

/** A longer pause than this many steps is a gap in the line. */
const GAP_STEPS = 1.5;

interface Plot {
  readonly box: Box;
  readonly shown: Shown;
  readonly x: (at: number) => number;
  readonly y: Scale;
}

export function timeSeries(panel: Panel, answers: readonly Answer[], box: Box, shown: Shown): string {
  const lines = linesOf(panel, answers);
  const { custom = {}, unit } = defaultsOf(panel);
  const stacked =
    custom.stacking !== undefined ? stack(lines) : lines.map((line) => ({ line, floor: undefined }));
  const { inner, legend } = withLegend(panel, lines, box);
  const plot = plotOf(
    panel,
    stacked.map(({ line }) => line),
    plotBox(inner),
    shown,
  );
  const drawn = [...stacked]
    .reverse()
    .map(({ line, floor }) =>
      custom.drawStyle === 'bars' ? bars(line, floor, plot) : area(line, floor, plot) + stroke(line, plot),
    );
  return [
    valueAxis(plot.y, plot.box, unit),
    timeAxis(plot.box, shown),
    ...drawn,
    limit(panel, plot),
    legend,
  ].join('');
}

function plotOf(panel: Panel, lines: readonly Line[], box: Box, shown: Shown): Plot {
  const { custom, max, unit } = defaultsOf(panel);
  const values = lines.flatMap(({ points }) => points.map(([, value]) => value));
  const [from, to] = [box.y + box.height, box.y];
  const logarithmic = custom?.scaleDistribution?.type === 'log';
  const highest = max ?? values.reduce((top, value) => Math.max(top, value), 0);
  const y = logarithmic
    ? logScale(values, from, to)
    : linearScale(highest, from, to, unit === 'bytes' ? 1024 : 10);
  const x = (at: number) => box.x + ((at - shown.start) / (shown.end - shown.start)) * box.width;
  return { box, shown, x, y };
}

/** The points in runs without a gap. */
function pieces(line: Line, { shown }: Plot): (readonly [number, number])[][] {
  const found: (readonly [number, number])[][] = [];
  let last = Number.NEGATIVE_INFINITY;
  for (const point of line.points) {
    if (point[0] - last > GAP_STEPS * shown.step) found.push([]);
    found.at(-1)!.push(point);
    last = point[0];
  }
  return found;
}

function stroke(line: Line, plot: Plot): string {
  return pieces(line, plot)
    .map((points) => {
      if (points.length === 1) return dot(line, points[0]!, plot);
      const path = points
        .map(([at, value]) => `${round(plot.x(at))} ${round(plot.y.place(value))}`)
        .join('L');
      const dash = line.dashed ? '6 4' : undefined;
      return element('path', {
        d: `M${path}`,
        fill: 'none',
        stroke: line.colour,
        'stroke-width': 1.4,
        'stroke-dasharray': dash,
      });
    })
    .join('');
}

function dot(line: Line, [at, value]: readonly [number, number], plot: Plot): string {
  return element('circle', { cx: plot.x(at), cy: plot.y.place(value), r: 1.6, fill: line.colour });
}

function area(line: Line, floor: ReadonlyMap<number, number> | undefined, plot: Plot): string {
  if (line.fill === 0) return '';
  return pieces(line, plot)
    .map((points) => {
      const place = (at: number, value: number) => `${round(plot.x(at))} ${round(plot.y.place(value))}`;
      const top = points.map(([at, value]) => place(at, value));
      const bottom = [...points].reverse().map(([at]) => place(at, floor?.get(at) ?? 0));
      const d = `M${[...top, ...bottom].join('L')}Z`;
      return element('path', { d, fill: line.colour, 'fill-opacity': line.fill });
    })
    .join('');
}

function bars(line: Line, floor: ReadonlyMap<number, number> | undefined, plot: Plot): string {
  const width = Math.max(1, (plot.box.width * plot.shown.step) / (plot.shown.end - plot.shown.start) - 1);
  return line.points
    .filter(([at, value]) => value > (floor?.get(at) ?? 0))
    .map(([at, value]) => {
      const top = plot.y.place(value);
      const height = plot.y.place(floor?.get(at) ?? 0) - top;
      return element('rect', { x: plot.x(at) - width / 2, y: top, width, height, fill: line.colour });
    })
    .join('');
}

/** The threshold that is drawn as a line, where the scale reaches it. */
function limit(panel: Panel, { box, y }: Plot): string {
  const { thresholds, custom } = defaultsOf(panel);
  const steps = custom?.thresholdsStyle === undefined ? [] : (thresholds?.steps ?? []);
  return steps
    .filter(({ value }) => value !== null && value <= y.ticks.at(-1)!)
    .map((step) => {
      const at = y.place(step.value!);
      const ends = { x1: box.x, x2: box.x + box.width, y1: at, y2: at };
      return element('line', { ...ends, stroke: colour(step.color), 'stroke-dasharray': '3 3' });
    })
    .join('');
}
