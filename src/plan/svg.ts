// The day as a picture: replicas and the load above, waits and their target below, on one axis of time.

import { clockTime, duration, figure, quantileName, roundUp } from './numbers.js';
import type { Report } from './report.js';

const WIDTH = 960;
const LEFT = 70;
const RIGHT = 20;
const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #333 }
  .title { font-weight: 600 }
  .grid { stroke: #ddd }
  .replicas { fill: #9ecae1 }
  .load { fill: none; stroke: #08519c; stroke-width: 2 }
  .wait { fill: none; stroke: #b35806; stroke-width: 2 }
  .target { stroke: #b2182b; stroke-dasharray: 6 4 }`;

interface Panel {
  readonly top: number;
  readonly height: number;
  readonly most: number;
  readonly label: (value: number) => string;
}

export function svgOf(report: Report): string {
  const { timeline, load, target } = report;
  const loads = timeline.map(({ rate }) => rate * load.runMean);
  const replicas = timeline.map((moment) => moment.replicas);
  const waits = timeline.map(({ wait }) => wait);
  const upper = panel(50, 260, Math.max(...replicas, ...loads), figure);
  const lower = panel(360, 130, Math.max(...waits, target.wait), duration);
  const parts = [
    `<text class="title" x="${LEFT}" y="30">Replicas (filled), and how many the arrivals keep busy (line)</text>`,
    ...grid(upper),
    `<path class="replicas" d="${steps(replicas, upper)} V${bottom(upper)} H${LEFT} Z"/>`,
    `<path class="load" d="${steps(loads, upper)}"/>`,
    `<text class="title" x="${LEFT}" y="345">${quantileName(target.quantile)} wait, and its target (dashed)</text>`,
    ...grid(lower),
    `<path class="wait" d="${steps(waits, lower)}"/>`,
    rule('target', yOf(target.wait, lower)),
    ...hours(load.seconds, bottom(lower) + 22),
  ];
  return svg(530, parts);
}

const svg = (height: number, parts: readonly string[]): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img">
<title>Replicas and waits over the time</title>
<style>${STYLE}
</style>
<rect width="100%" height="100%" fill="#fff"/>
${parts.join('\n')}
</svg>
`;

const panel = (top: number, height: number, most: number, label: Panel['label']): Panel => ({
  top,
  height,
  most: roundUp(most),
  label,
});

const bottom = ({ top, height }: Panel): number => top + height;

const yOf = (value: number, { top, height, most }: Panel): number =>
  Number((top + height - (height * value) / most).toFixed(1));

const rule = (kind: string, y: number): string =>
  `<line class="${kind}" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y}" y2="${y}"/>`;

function grid(panel: Panel): readonly string[] {
  return [0, 0.25, 0.5, 0.75, 1].flatMap((share) => {
    const y = yOf(share * panel.most, panel);
    const text = `<text x="${LEFT - 8}" y="${y + 4}" text-anchor="end">${panel.label(share * panel.most)}</text>`;
    return [rule('grid', y), text];
  });
}

/** Each value holds for its part of the width. */
function steps(values: readonly number[], panel: Panel): string {
  const width = (WIDTH - LEFT - RIGHT) / values.length;
  const at = (index: number): number => Number((LEFT + index * width).toFixed(1));
  const pieces = values.map((value, index) => `V${yOf(value, panel)} H${at(index + 1)}`);
  return `M${LEFT} ${yOf(values[0]!, panel)} ${pieces.join(' ')}`;
}

function hours(seconds: number, y: number): readonly string[] {
  return Array.from({ length: 9 }, (_, index) => {
    const x = LEFT + ((WIDTH - LEFT - RIGHT) * index) / 8;
    return `<text x="${x}" y="${y}" text-anchor="middle">${clockTime((seconds * index) / 8)}</text>`;
  });
}
