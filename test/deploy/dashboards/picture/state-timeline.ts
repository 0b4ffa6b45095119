// A panel of bands, one a series, whose colour says the state.

import type { Answer } from '../answers.js';
import type { Mapping, Panel } from '../dashboard.js';
import type { Shown } from '../variables.js';
import { label, timeAxis } from './axes.js';
import { defaultsOf, type Line, linesOf } from './series.js';
import { type Box, colour, element, shorten } from './svg.js';
import { mapping } from './table.js';

const NAMES_WIDTH = 130;

export function stateTimeline(panel: Panel, answers: readonly Answer[], box: Box, shown: Shown): string {
  const lines = linesOf(panel, answers);
  const mappings = defaultsOf(panel).mappings ?? [];
  const plot = {
    x: box.x + NAMES_WIDTH,
    y: box.y + 6,
    width: box.width - NAMES_WIDTH - 12,
    height: box.height - 46,
  };
  const height = plot.height / lines.length;
  const bands = lines.map((line, row) =>
    band(line, mappings, { ...plot, y: plot.y + row * height, height }, shown),
  );
  const names = lines.map(({ name }, row) =>
    label(plot.x - 8, plot.y + (row + 0.5) * height + 4, shorten(name, NAMES_WIDTH - 12, 10.5), 'end'),
  );
  return [...bands, ...names, timeAxis(plot, shown), states(mappings, box)].join('');
}

function band(line: Line, mappings: readonly Mapping[], box: Box, shown: Shown): string {
  const perSecond = box.width / (shown.end - shown.start);
  return spans(line, shown)
    .map(({ from, to, value }) => {
      const x = box.x + (from - shown.start) * perSecond;
      const fill = colour(mapping(mappings, value)?.color ?? 'text');
      const size = { width: (to - from) * perSecond, height: box.height - 6 };
      return element('rect', { x, y: box.y + 3, ...size, fill, 'fill-opacity': 0.8 });
    })
    .join('');
}

interface Span {
  readonly from: number;
  readonly value: number;
  to: number;
}

/** Points of one state that follow each other, as one. */
function spans({ points }: Line, { step, end }: Shown): readonly Span[] {
  const found: Span[] = [];
  for (const [at, value] of points) {
    const last = found.at(-1);
    const to = Math.min(at + step, end);
    if (last?.value === value && last.to >= at) last.to = to;
    else found.push({ from: at, to, value });
  }
  return found;
}

function states(mappings: readonly Mapping[], box: Box): string {
  const named = mappings.flatMap(({ type, options }) => (type === 'value' ? Object.values(options) : []));
  const y = box.y + box.height - 8;
  return named
    .map((state, index) => {
      const x = box.x + 12 + index * 120;
      return (
        element('rect', { x, y: y - 9, width: 10, height: 10, fill: colour(state.color) }) +
        label(x + 16, y, state.text, 'start')
      );
    })
    .join('');
}
