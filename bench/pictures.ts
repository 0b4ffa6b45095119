// Simple pictures of figures: bars, and lines over a common axis. Plain SVG, without anything that moves or loads.

const WIDTH = 960;
const LEFT = 350;
const RIGHT = 90;
const TOP = 50;
const ROW = 24;
const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #333 }
  .title { font-weight: 600 }
  .grid { stroke: #ddd }
  .bar { fill: #9ecae1 }
  .ours .bar { fill: #08519c }
  .mark { fill: #6baed6 }
  .ours .mark { fill: #08519c }
  .ours text { font-weight: 600 }`;

export interface BarRow {
  readonly name: string;
  readonly value: number;
  readonly isOurs: boolean;
}

export interface MarksRow {
  readonly name: string;
  readonly values: readonly number[];
  readonly isOurs: boolean;
}

export interface Frame {
  readonly title: string;
  readonly write: (value: number) => string;
}

/** One bar for each row. */
export function bars(rows: readonly BarRow[], { title, write }: Frame): string {
  const most = Math.max(...rows.map(({ value }) => value).filter(Number.isFinite), Number.MIN_VALUE);
  const drawn = rows.map(({ name, value, isOurs }, index) => {
    const width = Number.isFinite(value) ? at(value, most) - LEFT : 0;
    const y = TOP + index * ROW;
    return row({ name, isOurs, y }, [
      `<rect class="bar" x="${LEFT}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 6}"/>`,
      `<text x="${(LEFT + width + 6).toFixed(1)}" y="${y + 14}">${Number.isFinite(value) ? write(value) : '–'}</text>`,
    ]);
  });
  return svg(title, rows.length, drawn);
}

/** One dot for each value of a row, all rows on the same axis. */
export function marks(rows: readonly MarksRow[], { title, write }: Frame): string {
  const most = Math.max(...rows.flatMap(({ values }) => values), Number.MIN_VALUE);
  const drawn = rows.map(({ name, values, isOurs }, index) => {
    const y = TOP + index * ROW;
    const dots = values.map(
      (value) =>
        `<circle class="mark" cx="${at(value, most).toFixed(1)}" cy="${y + 9}" r="5" opacity="0.7"/>`,
    );
    return row({ name, isOurs, y }, dots);
  });
  const bottom = TOP + rows.length * ROW;
  const axis = [0, 0.25, 0.5, 0.75, 1].flatMap((share) => {
    const x = at(share * most, most).toFixed(1);
    return [
      `<line class="grid" x1="${x}" x2="${x}" y1="${TOP - 6}" y2="${bottom}"/>`,
      `<text x="${x}" y="${bottom + 18}" text-anchor="middle">${share === 0 ? '0' : write(share * most)}</text>`,
    ];
  });
  return svg(title, rows.length, [...axis, ...drawn]);
}

const at = (value: number, most: number): number => LEFT + ((WIDTH - LEFT - RIGHT) * value) / most;

function row(
  { name, isOurs, y }: { name: string; isOurs: boolean; y: number },
  parts: readonly string[],
): string {
  const label = `<text x="${LEFT - 10}" y="${y + 14}" text-anchor="end">${escaped(name)}</text>`;
  return `<g${isOurs ? ' class="ours"' : ''}>${[label, ...parts].join('\n')}</g>`;
}

const svg = (title: string, rows: number, parts: readonly string[]): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${TOP + rows * ROW + 34}" role="img">
<title>${escaped(title)}</title>
<style>${STYLE}
</style>
<rect width="100%" height="100%" fill="#fff"/>
<text class="title" x="20" y="28">${escaped(title)}</text>
${parts.join('\n')}
</svg>
`;

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
