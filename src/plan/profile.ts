// A day's profile from a CSV file: a time and a rate a line.

import type { Segment } from './arrivals.js';
import { moment, rate } from './values.js';

interface Row {
  readonly from: number;
  readonly rate: number;
}

/**
 * Each rate holds from its time until the next line's; the last one until `duration`.
 * @param duration in seconds; left out, 24 h, or a step as long as the one before where the file goes further
 * @throws Error that names the line
 */
export function readProfile(text: string, duration?: number): readonly Segment[] {
  const rows = rowsOf(text);
  const end = duration ?? endOf(rows);
  const used = rows.filter(({ from }) => from < end);
  return used.map(({ from, rate }, index) => ({ from, to: used[index + 1]?.from ?? end, rate }));
}

function rowsOf(text: string): readonly Row[] {
  const rows: Row[] = [];
  for (const [index, line] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    const content = line.replace(/#.*/, '').trim();
    const isHeading = rows.length === 0 && /^["a-z]/i.test(content);
    if (content === '' || isHeading) continue;
    rows.push(rowOf(content, rows.at(-1), index + 1));
  }
  if (rows.length === 0) throw new Error('it has no line with a time and a rate, as 09:00,2.5/s');
  if (rows[0]!.from !== 0) throw new Error(`it has to begin at 00:00, not at ${rows[0]!.from} s`);
  return rows;
}

function rowOf(content: string, before: Row | undefined, line: number): Row {
  const cells = content.split(/[,;\t]/).map((cell) => cell.trim());
  if (cells.length !== 2)
    throw new Error(`line ${line}: ${cells.length} cells, and it takes a time and a rate`);
  const row = { from: parse(moment, cells[0]!, line), rate: parse(rate, cells[1]!, line) };
  if (before !== undefined && row.from <= before.from) {
    throw new Error(`line ${line}: ${cells[0]} is not after the time of the line before`);
  }
  return row;
}

function parse(kind: typeof moment, cell: string, line: number): number {
  try {
    return kind.parse(cell);
  } catch {
    throw new Error(`line ${line}: '${cell}' is invalid. It takes ${kind.takes}.`);
  }
}

function endOf(rows: readonly Row[]): number {
  const day = 86_400;
  const last = rows.at(-1)!.from;
  return last < day ? day : 2 * last - (rows.at(-2)?.from ?? 0);
}
