// Reads a page in Prometheus' text format 0.0.4 and tells what is wrong with it.

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly help: string | undefined;
  readonly type: string | undefined;
  readonly samples: readonly Sample[];
}

export interface MetricsPage {
  readonly families: readonly Family[];
  /** In words; empty where the page is valid. */
  readonly problems: readonly string[];
}

type Labels = Sample['labels'];
interface OpenFamily extends Family {
  help: string | undefined;
  type: string | undefined;
  readonly samples: Sample[];
}

const TYPES = ['counter', 'gauge', 'histogram', 'summary', 'untyped'];
const COMMENT = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)(?: (-?\d+))?$/;
/** One pair and the comma after it; in a value only \\, \" and \n are escapes. */
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/y;

/**
 * Checks: every line is a HELP, a TYPE or a sample; both precede the samples of their family, once; a family stands
 * in one piece; no series stands twice; counters are not negative and end in _total; a histogram's buckets ascend,
 * never fall, end in +Inf and agree with its count.
 */
export function readMetricsPage(text: string): MetricsPage {
  const reader = new PageReader();
  if (!text.endsWith('\n')) reader.problems.push('the last line does not end');
  for (const line of text.split('\n')) reader.read(line);
  const families = [...reader.families.values()];
  return { families, problems: [...reader.problems, ...families.flatMap(familyProblems)] };
}

/** The value of exactly this series; undefined where the page has none. */
export function sampleValue(page: MetricsPage, name: string, labels: Labels = {}): number | undefined {
  return samplesOf(page, name).find((sample) => seriesKey(sample) === seriesKey({ name, labels }))?.value;
}

/** The sum over all series of this name that carry these labels. */
export function sumOf(page: MetricsPage, name: string, labels: Labels = {}): number {
  const wanted = Object.entries(labels);
  const matching = samplesOf(page, name).filter((sample) =>
    wanted.every(([label, value]) => sample.labels[label] === value),
  );
  return matching.reduce((sum, { value }) => sum + value, 0);
}

export function samplesOf(page: MetricsPage, name: string): readonly Sample[] {
  return page.families.flatMap(({ samples }) => samples).filter((sample) => sample.name === name);
}

class PageReader {
  readonly families = new Map<string, OpenFamily>();
  readonly problems: string[] = [];
  readonly #series = new Set<string>();
  #present: OpenFamily | undefined;

  read(line: string): void {
    if (line === '' || /^#(?! (HELP|TYPE) )/.test(line)) return;
    const comment = COMMENT.exec(line);
    const sample = SAMPLE.exec(line);
    if (comment !== null) this.#readComment(comment);
    else if (sample !== null) this.#readSample(sample, line);
    else this.problems.push(`not a line of the format: ${line}`);
  }

  #readComment([, keyword, name, text]: RegExpExecArray): void {
    const family = this.#enter(name!);
    const field = keyword === 'HELP' ? 'help' : 'type';
    if (family[field] !== undefined) this.problems.push(`${name}: a second ${keyword}`);
    if (family.samples.length > 0) this.problems.push(`${name}: ${keyword} after its samples`);
    family[field] = text!;
  }

  #readSample([, name, labelText, valueText]: RegExpExecArray, line: string): void {
    const labels = parseLabels(labelText ?? '');
    const value = parseValue(valueText!);
    if (labels === undefined) this.problems.push(`wrong labels: ${line}`);
    if (value === undefined) this.problems.push(`wrong value: ${line}`);
    const sample = { name: name!, labels: labels ?? {}, value: value ?? Number.NaN };
    if (this.#series.has(seriesKey(sample))) this.problems.push(`a second time: ${line}`);
    this.#series.add(seriesKey(sample));
    this.#enter(this.#familyOf(name!)).samples.push(sample);
  }

  /** The samples of a histogram carry its name and a suffix. */
  #familyOf(sampleName: string): string {
    const base = sampleName.replace(/_(bucket|sum|count)$/, '');
    const type = this.families.get(base)?.type;
    return type === 'histogram' || type === 'summary' ? base : sampleName;
  }

  #enter(name: string): OpenFamily {
    if (this.#present?.name === name) return this.#present;
    if (this.families.has(name)) this.problems.push(`${name}: stands in two pieces`);
    this.#present = this.families.get(name) ?? { name, help: undefined, type: undefined, samples: [] };
    this.families.set(name, this.#present);
    return this.#present;
  }
}

function parseLabels(text: string): Labels | undefined {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  for (let at = 0; at < text.length; at = LABEL.lastIndex) {
    const [, label, value] = LABEL.exec(text) ?? [];
    if (label === undefined || label in labels) return undefined;
    labels[label] = value!.replace(/\\(.)/g, (_escape, character) => (character === 'n' ? '\n' : character));
  }
  return labels;
}

function parseValue(text: string): number | undefined {
  if (/^nan$/i.test(text)) return Number.NaN;
  if (/^[+-]?inf$/i.test(text))
    return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined;
}

function seriesKey({ name, labels }: Omit<Sample, 'value'>): string {
  return JSON.stringify([name, Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))]);
}

function familyProblems(family: Family): readonly string[] {
  const problems: string[] = [];
  if (!family.help) problems.push(`${family.name}: no HELP`);
  if (!TYPES.includes(family.type ?? '')) problems.push(`${family.name}: TYPE is ${family.type}`);
  if (family.type === 'counter') problems.push(...counterProblems(family));
  if (family.type === 'histogram') problems.push(...histogramProblems(family));
  return problems;
}

function counterProblems({ name, samples }: Family): readonly string[] {
  const problems = name.endsWith('_total') ? [] : [`${name}: a counter whose name does not end in _total`];
  if (samples.some(({ value }) => value < 0)) problems.push(`${name}: a counter below zero`);
  return problems;
}

interface HistogramSeries {
  readonly buckets: { readonly bound: number; readonly count: number }[];
  sum?: number;
  count?: number;
}

function histogramProblems({ name, samples }: Family): readonly string[] {
  const seriesByLabels = new Map<string, HistogramSeries>();
  for (const sample of samples) {
    const { le, ...labels } = sample.labels;
    const key = seriesKey({ name, labels });
    const series = seriesByLabels.get(key) ?? { buckets: [] };
    seriesByLabels.set(key, series);
    if (sample.name === `${name}_bucket`)
      series.buckets.push({ bound: parseValue(le ?? '')!, count: sample.value });
    else if (sample.name === `${name}_sum`) series.sum = sample.value;
    else if (sample.name === `${name}_count`) series.count = sample.value;
  }
  return [...seriesByLabels].flatMap(([key, series]) =>
    histogramSeriesProblems(series).map((text) => `${key}: ${text}`),
  );
}

function histogramSeriesProblems({ buckets, sum, count }: HistogramSeries): readonly string[] {
  const problems: string[] = [];
  const pairs = buckets.slice(1).map((bucket, index) => [buckets[index]!, bucket] as const);
  if (!pairs.every(([before, after]) => before.bound < after.bound)) problems.push('bounds do not ascend');
  if (!pairs.every(([before, after]) => before.count <= after.count)) problems.push('bucket counts fall');
  const last = buckets.at(-1);
  if (last?.bound !== Number.POSITIVE_INFINITY) problems.push('no bucket +Inf at the end');
  if (last?.count !== count) problems.push(`bucket +Inf holds ${last?.count}, _count says ${count}`);
  if (sum === undefined) problems.push('no _sum');
  return problems;
}
