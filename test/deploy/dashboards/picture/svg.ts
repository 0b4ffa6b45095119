// Pieces of an SVG as text.

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export const INK = '#24292f';
export const FAINT = '#6e7781';
export const GRID = '#e6e8eb';

/** Grafana's names, in shades that can be read on white. */
const NAMED: Readonly<Record<string, string>> = {
  green: '#3f9b4b',
  yellow: '#d9a800',
  orange: '#e8801a',
  red: '#d63649',
  blue: '#3274d9',
  purple: '#9257c2',
  text: INK,
};

/** For series that have no colour of their own. */
const SERIES = [
  '#3f9b4b',
  '#3274d9',
  '#e8801a',
  '#9257c2',
  '#d63649',
  '#12939a',
  '#d9a800',
  '#8e5a3c',
  '#8e8e8e',
];

export function colour(name: string | undefined, index = 0): string {
  if (name === undefined) return SERIES[index % SERIES.length]!;
  return NAMED[name] ?? name;
}

type Attributes = Readonly<Record<string, string | number | undefined>>;

export function element(name: string, attributes: Attributes, content = ''): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(
      ([key, value]) => ` ${key}="${escapeText(String(typeof value === 'number' ? round(value) : value))}"`,
    );
  return `<${name}${written.join('')}${content === '' ? '/>' : `>${content}</${name}>`}`;
}

export function text(x: number, y: number, content: string, attributes: Attributes = {}): string {
  return element('text', { x, y, fill: INK, 'font-size': 12, ...attributes }, escapeText(content));
}

export const round = (value: number): number => Math.round(value * 10) / 10;

/** About as wide as the text is in a sans-serif. */
export const widthOf = (content: string, size: number): number => content.length * size * 0.56;

/** What fits into a width, with an ellipsis where something is cut off. */
export function shorten(content: string, width: number, size: number): string {
  if (widthOf(content, size) <= width) return content;
  return `${content.slice(0, Math.max(1, Math.floor(width / (size * 0.56)) - 1))}…`;
}

function escapeText(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
