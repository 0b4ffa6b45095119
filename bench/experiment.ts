// What an experiment gets and what it hands back; main.ts runs them, report.ts shows them.

import type { BurnSize } from './burns.js';
import type { Processes } from './processes.js';
import type { Progress } from './progress.js';

export interface Bench {
  /** Shorter and fewer runs: shows that all works, and roughly what comes out. */
  readonly quick: boolean;
  /** What runs the models. */
  readonly provider: BenchProvider;
  /** Rows and columns of burn's matrices. */
  readonly burnSize: BurnSize;
  readonly processes: Processes;
  readonly progress: Progress;
}

export const BENCH_PROVIDERS = ['cpu', 'cuda', 'webgpu'] as const;
export type BenchProvider = (typeof BENCH_PROVIDERS)[number];

/** A figure that the project promises, held against what was measured. */
export interface Goal {
  readonly what: string;
  readonly limit: string;
  readonly measured: string;
  readonly met: boolean;
}

export interface Table {
  readonly caption: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Stands beside the report as docs/pictures/NAME.svg. */
export interface Picture {
  readonly name: string;
  /** What it shows, for those who don't see it. */
  readonly alt: string;
  readonly svg: string;
}

export interface Outcome {
  readonly goals: readonly Goal[];
  readonly tables: readonly Table[];
  readonly pictures?: readonly Picture[];
  /** What a reader must know to judge the figures. */
  readonly notes: readonly string[];
  /** Command lines of the servers, as started. */
  readonly commands: readonly string[];
  /** Everything measured, for those who want to reckon themselves. */
  readonly raw: unknown;
}

export interface Experiment<Of extends Bench = Bench> {
  readonly name: string;
  readonly title: string;
  /** What is done and how it is measured, in a few sentences. */
  readonly method: string;
  /** What stands in for the GPU where the CPU runs the models: a sentence. */
  readonly standIn?: string;
  /** Says nothing where the CPU runs the models. */
  readonly needsGpu?: boolean;
  run(bench: Of): Promise<Outcome>;
}

/** All of it but how it is run: what a report needs. */
export type Described = Omit<Experiment, 'run'>;
