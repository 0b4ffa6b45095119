// What is often written in place of JSON, mostly by Python's and JavaScript's own printers, and how JSON has it.

const HINTS: readonly (readonly [RegExp, string])[] = [
  [/^[-+]?nan\b/i, 'JSON has no NaN: an input of floats takes it as "NaN", in quotes'],
  [
    /^[-+]?inf(?:inity)?\b/i,
    'JSON has no infinity: an input of floats takes it as "Infinity" or "-Infinity", in quotes',
  ],
  [/^(?:True|False)\b/, 'JSON has true and false in lower case'],
  [/^(?:None|undefined)\b/, 'JSON has null, and no input takes it: leave out what has no value'],
  [/^'/, 'JSON has strings in double quotes'],
  [/^\+/, 'JSON has numbers without a plus'],
  [/^\.\d/, 'JSON has a digit before the point'],
];

/** @param text what stands where something else was expected */
export function hintFor(text: string): string | undefined {
  return HINTS.find(([pattern]) => pattern.test(text))?.[1];
}
