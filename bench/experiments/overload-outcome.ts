// What the experiment `overload` found, held against its goals.

import type { Goal, Outcome, Table } from '../experiment.js';
import { answerTimeOf, howAnswered, latencyOf, TIMES_HEAD, timesRow } from '../load/answers.js';
import type { Answer } from '../load/plan.js';
import { count, median, percent, percentiles, sum, time } from '../statistics.js';
import { KINDS, type Measured, type Memory, PATIENCE_MS, runMsAt } from './overload-spec.js';

const SHARE_LIMIT = 0.93;
const REFUSAL_LIMIT_MS = 20;
/** Of the last fifth of the time beside the second fifth. */
const GROWTH_LIMIT = 0.1;

interface Found {
  readonly seconds: number;
  readonly during: readonly Answer[];
  readonly served: readonly Answer[];
  readonly inTime: readonly Answer[];
  readonly refused: readonly Answer[];
  /** Share of the time that the slot spent on answers in time. */
  readonly share: number;
  readonly busy: number;
  readonly server: Resident;
  readonly runner: Resident;
}

export function outcomeOf(measured: Measured, commandLine: string): Outcome {
  const found = foundIn(measured);
  const { during, share, busy, refused } = found;
  return {
    goals: goalsOf(found),
    tables: [callsTable(found), timesTable(found), memoryTable(found), servedTable(found)],
    notes: [
      'Admission refuses whoever would come too late by its prediction; the rest of the slot’s time goes to runs that ' +
        'ended after their caller’s deadline and to gaps.',
    ],
    commands: [commandLine],
    raw: {
      share,
      busy,
      refusals: percentiles(refused.map(latencyOf)),
      memory: measured.memory,
      answered: howAnswered(during),
    },
  };
}

function foundIn({ answers, memory, startMs, endMs, busy }: Measured): Found {
  const during = answers.filter((answer) => answer.endMs >= startMs && answer.endMs < endMs);
  const served = during.filter(({ status }) => status === 200);
  const inTime = served.filter(isInTime);
  return {
    seconds: (endMs - startMs) / 1000,
    during,
    served,
    inTime,
    refused: during.filter(({ status }) => status === 503),
    share: sum(inTime.map(({ timing }) => timing.run!)) / (endMs - startMs),
    busy,
    server: residentOf(memory, ({ serverBytes }) => serverBytes),
    runner: residentOf(memory, ({ runnerBytes }) => runnerBytes),
  };
}

const isInTime = (answer: Answer): boolean => answer.status === 200 && answerTimeOf(answer) <= PATIENCE_MS;

function goalsOf({ share, refused, server, runner, seconds }: Found): Goal[] {
  const { p99 } = percentiles(refused.map(latencyOf));
  return [
    {
      what: 'share of the slot’s time that went to answers in time',
      limit: `≥ ${percent(SHARE_LIMIT, 0)}`,
      measured: percent(share),
      met: share >= SHARE_LIMIT,
    },
    {
      what: 'refusals: p99 from due to answered',
      limit: `≤ ${REFUSAL_LIMIT_MS} ms`,
      measured: time(p99),
      met: p99 <= REFUSAL_LIMIT_MS,
    },
    {
      what: `resident memory over ${(seconds / 60).toFixed(1)} min, last fifth beside second fifth`,
      limit: `≤ +${percent(GROWTH_LIMIT, 0)}`,
      measured: `server ${signed(server.growth)}, runner ${signed(runner.growth)}`,
      met: Math.max(server.growth, runner.growth) <= GROWTH_LIMIT,
    },
  ];
}

function callsTable({ during, served, inTime, seconds, busy, share }: Found): Table {
  return {
    caption: 'What became of the calls',
    head: [
      'calls',
      'a second',
      'in time',
      'too late',
      'slot busy',
      'busy for answers in time',
      'how answered',
    ],
    rows: [
      [
        count(during.length),
        (during.length / seconds).toFixed(0),
        count(inTime.length),
        count(served.length - inTime.length),
        percent(busy),
        percent(share),
        howAnswered(during),
      ],
    ],
  };
}

function timesTable({ during, inTime, refused }: Found): Table {
  return {
    caption: 'Times',
    head: TIMES_HEAD,
    rows: [
      timesRow('refused, from due', refused.map(latencyOf)),
      timesRow('answered in time, from sent', inTime.map(answerTimeOf)),
      timesRow(
        'sent later than due by',
        during.map(({ dueMs, sentMs }) => sentMs - dueMs),
      ),
    ],
  };
}

function memoryTable({ server, runner }: Found): Table {
  const row = (name: string, { first, secondFifth, lastFifth, most }: Resident): string[] => [
    name,
    ...[first, secondFifth, lastFifth, most].map((bytes) => `${(bytes / 1e6).toFixed(0)} MB`),
  ];
  return {
    caption: 'Resident memory',
    head: ['process', 'at the start', 'second fifth', 'last fifth', 'most'],
    rows: [row('server', server), row('runner', runner)],
  };
}

/** Who is served: run time is what differs between the callers. */
function servedTable({ during }: Found): Table {
  const quarter = ({ form }: Answer): number => Math.floor((form / KINDS) * 4);
  return {
    caption: 'Served, by run time',
    head: ['run', 'calls', 'answered in time', 'share'],
    rows: [0, 1, 2, 3].map((index) => {
      const calls = during.filter((answer) => quarter(answer) === index);
      const inTime = calls.filter(isInTime).length;
      const range = `${runMsAt(index / 4).toFixed(0)}–${runMsAt((index + 1) / 4).toFixed(0)} ms`;
      return [range, count(calls.length), count(inTime), percent(inTime / calls.length)];
    }),
  };
}

interface Resident {
  readonly first: number;
  readonly secondFifth: number;
  readonly lastFifth: number;
  readonly most: number;
  readonly growth: number;
}

function residentOf(memory: readonly Memory[], pick: (sample: Memory) => number): Resident {
  const all = memory.map(pick);
  const fifth = (index: number): number =>
    median(all.slice((all.length * index) / 5, (all.length * (index + 1)) / 5));
  const [secondFifth, lastFifth] = [fifth(1), fifth(4)];
  return {
    first: all[0]!,
    secondFifth,
    lastFifth,
    most: Math.max(...all),
    growth: lastFifth / secondFifth - 1,
  };
}

const signed = (share: number): string => `${share < 0 ? '−' : '+'}${percent(Math.abs(share))}`;
