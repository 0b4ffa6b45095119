// What the experiment `turns` found, held against its goals.

import type { Goal, Outcome, Table } from '../experiment.js';
import { median, percent, quantile, spread, time } from '../statistics.js';

const K_TOLERANCE = 0.08;
const RUN_TOLERANCE = 0.05;

export interface Round {
  readonly callers: number;
  /** Answer times and run times alone, just before and just after; ms. */
  readonly alone: readonly Alone[];
  /** Ascending, from the moment at which all were sent; ms. */
  readonly answeredMs: readonly number[];
  readonly runMs: readonly number[];
  /** Run time of the first k answers as a share of the time until the k-th, where it is highest. */
  readonly workShare: number;
  readonly mostRunning: number;
}

export interface Alone {
  readonly answerMs: number;
  readonly runMs: number;
}

interface Verdict {
  readonly round: Round;
  /** S: what one caller alone waits for its answer. */
  readonly aloneMs: number;
  /** How far the k-th answer was from k·S, as a share, at its worst. */
  readonly worstK: number;
  readonly medianK: number;
  /** A run's own time beside its time alone, less one. */
  readonly slower: number;
}

function verdictOf(round: Round): Verdict {
  const aloneMs = median(round.alone.map(({ answerMs }) => answerMs));
  const off = round.answeredMs.map((ms, index) => Math.abs(ms / ((index + 1) * aloneMs) - 1));
  return {
    round,
    aloneMs,
    worstK: Math.max(...off),
    medianK: median(off),
    slower: median(round.runMs) / median(round.alone.map(({ runMs }) => runMs)) - 1,
  };
}

export function outcomeOf(rounds: readonly Round[], commandLine: string): Outcome {
  const verdicts = rounds.map(verdictOf);
  const groups = [10, 100].map((callers) => verdicts.filter(({ round }) => round.callers === callers));
  return {
    goals: [...groups.flatMap(goalsOf), oneRun(verdicts)],
    tables: [roundsTable(verdicts), placesTable(groups.map((group) => group.at(-1)!))],
    notes: [
      'S is what one caller alone waits for its answer. The ideal for n equal jobs: the k-th answer at k·S.',
      'Noise: the column “alone, spread” is highest less lowest of the runs alone around the round, as a share of S.',
    ],
    commands: [commandLine],
    raw: rounds,
  };
}

function goalsOf(group: readonly Verdict[]): Goal[] {
  const { callers } = group[0]!.round;
  const worstK = median(group.map((each) => each.worstK));
  const slower = median(group.map((each) => each.slower));
  return [
    {
      what: `${callers} callers: the k-th answer is off k·S by, for the worst k`,
      limit: `≤ ${percent(K_TOLERANCE, 0)}`,
      measured: percent(worstK),
      met: worstK <= K_TOLERANCE,
    },
    {
      what: `${callers} callers: a run takes longer than alone by (median)`,
      limit: `≤ ${percent(RUN_TOLERANCE, 0)}`,
      measured: percent(slower),
      met: slower <= RUN_TOLERANCE,
    },
  ];
}

function oneRun(verdicts: readonly Verdict[]): Goal {
  const most = Math.max(...verdicts.map(({ round }) => round.mostRunning));
  const workShare = Math.max(...verdicts.map(({ round }) => round.workShare));
  return {
    what: 'runs at once, at most (and the run times of all answers so far as a share of the time, at most)',
    limit: '1 (≤ 100 %)',
    measured: `${most} (${percent(workShare)})`,
    met: most <= 1 && workShare <= 1,
  };
}

function roundsTable(verdicts: readonly Verdict[]): Table {
  return {
    caption: 'Rounds',
    head: [
      'callers',
      'S alone',
      'alone, spread',
      'first answer',
      'last answer',
      'n·S',
      'k-th off k·S: median',
      'worst',
      'run, median, beside alone',
      'slowest run beside alone',
    ],
    rows: verdicts.map(({ round, aloneMs, medianK, worstK, slower }) => [
      String(round.callers),
      time(aloneMs),
      percent(spread(round.alone.map(({ answerMs }) => answerMs))),
      time(round.answeredMs[0]!),
      time(round.answeredMs.at(-1)!),
      time(round.callers * aloneMs),
      percent(medianK),
      percent(worstK),
      `${(1 + slower).toFixed(3)}×`,
      `${(Math.max(...round.runMs) / median(round.alone.map(({ runMs }) => runMs))).toFixed(3)}×`,
    ]),
  };
}

function placesTable(verdicts: readonly Verdict[]): Table {
  const at = ({ round, aloneMs }: Verdict, share: number): string =>
    `${(quantile(round.answeredMs, share) / aloneMs).toFixed(2)} S`;
  return {
    caption: 'When answers came, in the last round',
    head: ['callers', 'first', 'a quarter', 'half', 'three quarters', 'last'],
    rows: verdicts.map((verdict) => [
      String(verdict.round.callers),
      ...[0, 0.25, 0.5, 0.75, 1].map((share) => at(verdict, share)),
    ]),
  };
}
