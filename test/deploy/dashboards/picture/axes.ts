// Axes and legends of panels over time.

import type { Panel } from '../dashboard.js';
import type { Shown } from '../variables.js';
import { type Scale, timeTicks } from './scale.js';
import { defaultsOf, type Line, lastOf } from './series.js';
import { type Box, element, FAINT, GRID, shorten, text, widthOf } from './svg.js';
import { show } from './units.js';

const SIZE = 10.5;
const LINE_HEIGHT = 15;
const RIGHT_SHARE = 0.34;

/** Where the lines are, within the room that the axes leave. */
export function plotBox({ x, y, width, height }: Box): Box {
  return { x: x + 74, y: y + 8, width: width - 84, height: height - 28 };
}

export function valueAxis({ place, ticks }: Scale, box: Box, unit?: string): string {
  return ticks
    .map((tick) => {
      const y = place(tick);
      const line = element('line', { x1: box.x, x2: box.x + box.width, y1: y, y2: y, stroke: GRID });
      return line + label(box.x - 6, y + 4, show(tick, unit), 'end');
    })
    .join('');
}

/** In time since the start of what is shown. */
export function timeAxis(box: Box, { start, end }: Shown): string {
  return timeTicks(end - start)
    .map((seconds) => {
      const x = box.x + (seconds / (end - start)) * box.width;
      const clock = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
      return label(x, box.y + box.height + 15, clock, 'middle');
    })
    .join('');
}

export function label(x: number, y: number, content: string, anchor: 'start' | 'middle' | 'end'): string {
  return text(x, y, content, { 'font-size': SIZE, fill: FAINT, 'text-anchor': anchor });
}

/** The legend, beneath or at the right as the panel wants it, and the room that it leaves. */
export function withLegend(panel: Panel, lines: readonly Line[], box: Box): { inner: Box; legend: string } {
  return panel.options?.legend?.placement === 'right' ? atRight(panel, lines, box) : beneath(lines, box);
}

function atRight(panel: Panel, lines: readonly Line[], box: Box): { inner: Box; legend: string } {
  const width = box.width * RIGHT_SHARE;
  const x = box.x + box.width - width + 8;
  const { unit } = defaultsOf(panel);
  const entries = lines.map((line, index) => {
    const y = box.y + 14 + index * LINE_HEIGHT;
    const last = lastOf(line);
    const value = last === undefined ? '' : show(last, unit);
    const name = shorten(line.name, width - 40 - widthOf(value, SIZE), SIZE);
    return mark(line, x, y) + label(x + 16, y, name, 'start') + label(box.x + box.width - 8, y, value, 'end');
  });
  return { inner: { ...box, width: box.width - width }, legend: entries.join('') };
}

function beneath(lines: readonly Line[], box: Box): { inner: Box; legend: string } {
  let x = box.x + 12;
  let row = 0;
  const placed = lines.map((line) => {
    const width = widthOf(line.name, SIZE) + 30;
    if (x + width > box.x + box.width) {
      x = box.x + 12;
      row += 1;
    }
    x += width;
    return { line, x: x - width, row };
  });
  const height = (row + 1) * LINE_HEIGHT + 4;
  const top = box.y + box.height - height + 11;
  const entries = placed.map(({ line, x, row }) => {
    const y = top + row * LINE_HEIGHT;
    return mark(line, x, y) + label(x + 16, y, line.name, 'start');
  });
  return { inner: { ...box, height: box.height - height }, legend: entries.join('') };
}

function mark({ colour, dashed }: Pick<Line, 'colour' | 'dashed'>, x: number, y: number): string {
  const ends = { x1: x, x2: x + 11, y1: y - 4, y2: y - 4 };
  return element('line', {
    ...ends,
    stroke: colour,
    'stroke-width': 3,
    'stroke-dasharray': dashed ? '4 3' : undefined,
  });
}
