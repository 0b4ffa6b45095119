// A panel of a histogram's buckets over time: the darker, the more.

import type { Answer } from '../answers.js';
import type { Panel } from '../dashboard.js';
import type { Shown } from '../variables.js';
import { label, plotBox, timeAxis } from './axes.js';
import { type Box, colour, element } from './svg.js';
import { show } from './units.js';

interface Bucket {
  readonly bound: number;
  /** Time → how many came into this bucket and no lower one. */
  readonly counts: ReadonlyMap<number, number>;
}

export function heatMap(_panel: Panel, [answer]: readonly Answer[], box: Box, shown: Shown): string {
  const buckets = filled(bucketsOf(answer!));
  const plot = plotBox(box);
  const height = plot.height / buckets.length;
  const width = (plot.width * shown.step) / (shown.end - shown.start);
  const most = Math.max(...buckets.flatMap(({ counts }) => [...counts.values()]));
  const cells = buckets.flatMap(({ counts }, row) =>
    [...counts]
      .filter(([, count]) => count > 0)
      .map(([at, count]) => {
        const x = plot.x + ((at - shown.start) / (shown.end - shown.start)) * plot.width - width;
        const y = plot.y + plot.height - (row + 1) * height;
        const size = { width: width - 0.5, height: height - 1 };
        return element('rect', {
          x,
          y,
          ...size,
          fill: colour('orange'),
          'fill-opacity': 0.12 + 0.88 * Math.sqrt(count / most),
        });
      }),
  );
  return [...bounds(buckets, plot, height), timeAxis(plot, shown), ...cells].join('');
}

/** Prometheus' buckets hold all that the lower ones hold, too. */
function bucketsOf({ series }: Answer): readonly Bucket[] {
  const sorted = series
    .map(({ labels, points }) => ({ bound: Number(labels.le === '+Inf' ? Infinity : labels.le), points }))
    .sort((a, b) => a.bound - b.bound);
  let lower: ReadonlyMap<number, number> = new Map();
  return sorted.map(({ bound, points }) => {
    const counts = new Map(points.map(([at, value]) => [at, Math.max(0, value - (lower.get(at) ?? 0))]));
    lower = new Map(points);
    return { bound, counts };
  });
}

/** From the lowest to the highest bucket that ever held something. */
function filled(buckets: readonly Bucket[]): readonly Bucket[] {
  const used = buckets.map(({ counts }) => [...counts.values()].some((count) => count > 0));
  return buckets.slice(used.indexOf(true), used.lastIndexOf(true) + 1);
}

function bounds(buckets: readonly Bucket[], plot: Box, height: number): readonly string[] {
  return buckets.map(({ bound }, row) => {
    const name = Number.isFinite(bound) ? show(bound, 's') : 'more';
    return label(plot.x - 6, plot.y + plot.height - (row + 0.5) * height + 4, name, 'end');
  });
}
