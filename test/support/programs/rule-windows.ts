// The shipped recording rules over shorter windows, so that a test need not wait for those of five minutes.

/** Of a replica, in seconds. */
const AGE = /(?<=> )330\b/g;

/**
 * Every window, offset and age of the rules `factor` times as long; at least a millisecond.
 * @throws Error where there is none: the shipped file has become another, and the test would test nothing
 */
export function withWindows(rules: string, factor: number): string {
  const scaled = rules
    .split('\n')
    .map((line) => (line.trimStart().startsWith('#') ? line : scaleLine(line, factor)))
    .join('\n');
  if (scaled === rules) throw new Error('the shipped rules have no windows any more');
  return scaled;
}

function scaleLine(line: string, factor: number): string {
  const ofWindows = line.replaceAll(/\[[\dhms]+\](?: offset [\dhms]+)?/g, (text) =>
    text.replaceAll(/[\dhms]*\d[hms]\b/g, (duration) => scaleDuration(duration, factor)),
  );
  return ofWindows.replaceAll(AGE, (seconds) => String(Number(seconds) * factor));
}

function scaleDuration(text: string, factor: number): string {
  const [, hours = '0', minutes = '0', seconds = '0'] = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text)!;
  const ms = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000 * factor;
  return `${Math.max(1, Math.round(ms))}ms`;
}
