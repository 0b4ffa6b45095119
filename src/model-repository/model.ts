// What oneslot knows of a model: where it lies, what its model.json adds, and what the runner found on loading it.

import type { ElementType, Signature } from '../tensor.js';
import type { Workload } from '../workload.js';

export type Provider = 'cpu' | 'cuda' | 'webgpu';
export type ProviderChoice = Provider | 'auto';

/** How a picture becomes an input tensor. */
export interface ImageMapping {
  readonly input: string;
  /** `HWC`, `CHW`, with a leading `N` of size 1 where the model has a batch axis. */
  readonly layout: 'HWC' | 'CHW' | 'NHWC' | 'NCHW' | 'HW' | 'NHW';
  /** Fixed size that the picture is resized to; the picture's own size where left out. */
  readonly width?: number;
  readonly height?: number;
  /** How the resize treats another aspect ratio. */
  readonly fit: 'fill' | 'contain' | 'cover';
  readonly channels: 'RGB' | 'BGR' | 'gray';
  /** value = (pixel * scale - mean[c]) / std[c], pixel 0…255; one entry or one a channel. */
  readonly scale: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Dark strokes on light ground become ink: pixel = 255 - pixel, before the scale. */
  readonly invert: boolean;
}

/** Along which axis samples are stacked, for each input and output. */
export interface BatchSettings {
  readonly max: number;
  readonly axis: number;
  readonly inputs: Readonly<Record<string, number>>;
  readonly outputs: Readonly<Record<string, number>>;
  /** Share of an answer's scale by which floats may differ in company; by their type where left out. */
  readonly tolerance?: number;
}

/** What was run to prove that samples get the same answers together as alone. */
export interface BatchProved {
  /** Samples that were run alone and together. */
  readonly samples: number;
  /** Runs of several samples. */
  readonly batches: number;
  /** Samples in the largest of them. */
  readonly largest: number;
  readonly warnings: readonly string[];
}

/** Sizes that a free dimension may have, both ends included. */
export interface Bounds {
  readonly min: number;
  readonly max?: number;
}

/** Values of an input in JSON, as a request would give it, or just its shape (then zeros, or empty strings). */
export type WarmupInput = { readonly shape: readonly number[] } | { readonly value: unknown };

/** model.json, parsed; every field has its default. */
export interface ModelSettings {
  readonly description?: string;
  readonly provider?: ProviderChoice;
  readonly sessionOptions: Readonly<Record<string, unknown>>;
  readonly warmup?: Readonly<Record<string, WarmupInput>>;
  readonly image?: ImageMapping;
  /** Names for the values of an int64 output: output → names. */
  readonly labels: Readonly<Record<string, readonly string[]>>;
  /** Values for inputs that a request leaves out, as JSON. */
  readonly defaults: Readonly<Record<string, unknown>>;
  /** What the model's file does not say of its free dimensions: name → sizes that the model can take. */
  readonly dimensions: Readonly<Record<string, Bounds>>;
  /** Inputs whose free dimensions may have the size 0. */
  readonly emptyInputs: readonly string[];
  readonly batch?: BatchSettings;
  /** The input whose value the run time is proportional to. */
  readonly cost?: string;
  readonly runTimeoutMs?: number;
}

/** A model as found on disk. */
export interface ModelFiles {
  readonly name: string;
  readonly version: string;
  /** Absolute path of model.onnx. */
  readonly path: string;
  readonly settings: ModelSettings;
}

/** Where a model lies, and the version to serve; without one, the highest. */
export interface ModelPlace {
  readonly name: string;
  /** Absolute path of the folder that holds the versions and model.json. */
  readonly folder: string;
  readonly version?: string;
}

/** A model as found on disk at one moment. */
export interface FoundModel extends ModelFiles {
  readonly folder: string;
  /** Stands for the content of all its files; see `stampOf`. */
  readonly stamp: string;
  /** When the youngest of them changed, on the wall clock. */
  readonly changedAtMs?: number;
  /**
   * Whether to run it only on inputs that model.json gives. A runner has ended as it loaded the model, or has hung, and
   * the inputs that were made up for it may be why: zeros divide by zero, and loop for ever.
   */
  readonly onlyGivenInputs?: boolean;
}

/** Why a model can't be served. */
export interface LoadFailure {
  /** For operators: may name paths. */
  readonly reason: string;
  /** For callers: without paths. */
  readonly told: string;
  /** Whether no further try can mend it, as long as its files stay as they are. */
  readonly isPermanent: boolean;
}

/** A model that was likely meant to be served, and can't be as it lies there. */
export interface BadModel extends ModelPlace {
  readonly failure: LoadFailure;
  /** Of its files, where they can be read. */
  readonly stamp?: string;
}

/** What the runner found on loading a model. */
export interface LoadReport {
  readonly name: string;
  readonly version: string;
  /** Of the files that were loaded. */
  readonly stamp: string;
  readonly signature: Signature;
  readonly provider: Provider;
  readonly nodes: Readonly<Record<string, number>>;
  readonly loadMs: number;
  /** Of the inputs with which the warm-up run worked; missing where none did. */
  readonly warmupShapes?: Readonly<Record<string, readonly number[]>>;
  /** The estimator's first samples, the very first run left out; missing where no warm-up run was possible. */
  readonly warmup?: { readonly runMs: readonly number[]; readonly workload: Workload };
  /** Where model.json declares `batch`. */
  readonly batch?: BatchProved;
  /** What a reader of the log should know, e.g. that no warm-up run was possible and why. */
  readonly warnings: readonly string[];
}

/** A model as the runner has loaded it. */
export interface Model extends ModelFiles {
  readonly signature: Signature;
  readonly provider: Provider;
  /** Nodes run per execution provider, from a profiled warm-up run; empty where no warm-up could be made. */
  readonly nodes: Readonly<Record<string, number>>;
  readonly loadMs: number;
  /** Of the inputs with which a run is known to work. */
  readonly warmupShapes?: LoadReport['warmupShapes'];
}

export type { ElementType };
