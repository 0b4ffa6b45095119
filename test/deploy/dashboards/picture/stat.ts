// A panel of one large number.

import type { Answer } from '../answers.js';
import type { Field, Panel } from '../dashboard.js';
import { defaultsOf, lastOf, linesOf } from './series.js';
import { type Box, colour, element, INK, round, text } from './svg.js';
import { show } from './units.js';

export function stat(panel: Panel, answers: readonly Answer[], box: Box): string {
  const field = defaultsOf(panel);
  const [line] = linesOf(panel, answers);
  const value = line && lastOf(line);
  const shown = value === undefined ? (field.noValue ?? 'no data') : show(value, field.unit, field.decimals);
  const fill = value === undefined ? INK : thresholdColour(field, value);
  const middle = { x: box.x + box.width / 2, y: box.y + box.height / 2 + 8 };
  const number = text(middle.x, middle.y, shown, {
    'font-size': 30,
    'text-anchor': 'middle',
    fill,
    'font-weight': 600,
  });
  return (line === undefined ? '' : sparkline(line.points, box, fill)) + number;
}

export function thresholdColour({ thresholds }: Field, value: number): string {
  const reached = (thresholds?.steps ?? []).filter((step) => step.value === null || step.value <= value);
  return colour(reached.at(-1)?.color ?? 'text');
}

/** The number's way here, in the lowest third of the panel. */
function sparkline(points: readonly (readonly [number, number])[], box: Box, fill: string): string {
  if (points.length < 2) return '';
  const [start, end] = [points[0]![0], points.at(-1)![0]];
  const top = points.reduce((highest, [, value]) => Math.max(highest, value), 0) || 1;
  const floor = box.y + box.height;
  const path = points.map(([at, value]) => {
    const x = box.x + ((at - start) / (end - start)) * box.width;
    return `${round(x)} ${round(floor - (value / top) * (box.height / 3))}`;
  });
  const d = `M${box.x} ${round(floor)}L${path.join('L')}L${round(box.x + box.width)} ${round(floor)}Z`;
  return element('path', { d, fill, 'fill-opacity': 0.15 });
}
