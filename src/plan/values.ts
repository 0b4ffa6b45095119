// How values of `oneslot plan` are written, each with its bounds in words.

import { type Kind, kind, secondsIn, TIME_FORMS, within } from '../option-kinds.js';
import type { Burst } from './arrivals.js';
import type { HpaPolicy } from './hpa.js';

const RATE_UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, min: 60, h: 3600, d: 86_400 };
const MAX_RATE = 1_000_000;

/** Seconds. */
export const time = (min: string, max: string): Kind<number> =>
  kind(`a time from ${min} to ${max}, ${TIME_FORMS}`, (text) => {
    return within(secondsIn(text) ?? Number.NaN, secondsIn(min)!, secondsIn(max)!);
  });

/** Arrivals a second. */
export const rate: Kind<number> = kind(
  `arrivals from 0 to ${MAX_RATE}/s, as 2.5/s, 30/min or 1800/h (a second without a unit)`,
  rateIn,
);

function rateIn(text: string): number | undefined {
  const [, amount, unit = 's'] = /^(\d+(?:\.\d+)?|\.\d+)(?:\s*\/\s*([a-z]+))?$/i.exec(text) ?? [];
  return within(Number(amount) / (RATE_UNITS[unit.toLowerCase()] ?? Number.NaN), 0, MAX_RATE);
}

/** Seconds from the start: a time of day, or a time. */
export const moment: Kind<number> = kind('a time of day as 09:30, or a time from the start as 90m', momentIn);

function momentIn(text: string): number | undefined {
  const [, hours, minutes, seconds = '0'] = /^(\d{1,2}):(\d\d)(?::(\d\d))?$/.exec(text) ?? [];
  if (hours === undefined) return secondsIn(text);
  if (Number(hours) > 24 || Number(minutes) > 59 || Number(seconds) > 59) return undefined;
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
}

export const burst: Kind<Burst> = kind(
  'start+length=rate, as 09:30+10m=5/s or 2h+90s=300/min; the rate comes on top',
  (text) => {
    const [, start = '', length = '', amount = ''] = /^(.+)\+(.+)=(.+)$/.exec(text) ?? [];
    const from = momentIn(start.trim());
    const seconds = secondsIn(length.trim());
    const extra = rateIn(amount.trim());
    if (from === undefined || seconds === undefined || extra === undefined) return undefined;
    return seconds > 0 ? { from, seconds, rate: extra } : undefined;
  },
);

export const policy: Kind<HpaPolicy> = kind(
  'amount/period, as 100%/15s or 4/60s: at most so many replicas, or so much of them, in a period from 1s to 1800s',
  (text) => {
    const [, amount = '', percent, period = ''] = /^(\d+)(%?)\/(.+)$/.exec(text) ?? [];
    const periodSeconds = within(secondsIn(period.trim()) ?? Number.NaN, 1, 1800);
    if (periodSeconds === undefined || Number(amount) < 1) return undefined;
    return { type: percent === '%' ? 'Percent' : 'Pods', value: Number(amount), periodSeconds };
  },
);
