// Loading a model in the runner: a session on the provider asked for, proved by a profiled warm-up run.

import type * as Ort from 'onnxruntime-node';
import { monotonicMs } from '../clock.js';
import { batchAxis } from '../model-repository/batch-axis.js';
import { checkSettings } from '../model-repository/check-settings.js';
import { isUnknownSize } from '../model-repository/dimension-names.js';
import { isPassing, loadFailure } from '../model-repository/load-failure.js';
import type {
  BatchProved,
  FoundModel,
  LoadFailure,
  LoadReport,
  ModelFiles,
  ModelSettings,
  Provider,
  ProviderChoice,
} from '../model-repository/model.js';
import { stampOf } from '../model-repository/stamp.js';
import { ELEMENT_TYPES, type ElementType, type Signature, type TensorSpec, type Tensors } from '../tensor.js';
import { workloadOf } from '../workload.js';
import { proveBatch } from './batch-proof.js';
import { outputProblem } from './fit-model.js';
import type { BatchAxes, LoadedModel } from './loaded-model.js';
import { unrankedNames } from './model-file.js';
import { type OpenedSession, openSession } from './open-session.js';
import { ortMessage } from './ort-error.js';
import { checkOutputNames } from './output-names.js';
import { Profile } from './profile.js';
import type { RunnerSettings } from './protocol.js';
import { proveProvider } from './provider-proof.js';
import { runTensors } from './run.js';
import { faultOf } from './run-failure.js';
import { sampleShapes } from './sample-shapes.js';
import { type SessionSettings, sessionOptions } from './session-options.js';
import { isGiven, ranksToTry, warmupInputs } from './warmup.js';

/** The first run pays for allocation and compilation; these tell what a run takes. */
const TIMED_WARMUP_RUNS = 2;

const GPU_PROVIDERS: readonly Provider[] = ['cuda', 'webgpu'];

export interface LoadOptions extends RunnerSettings {
  /** What earlier runners of this server told of their models. */
  readonly known: readonly LoadReport[];
  /** Whether there is a pool of threads for all sessions. */
  readonly sharesThreads: boolean;
}

interface FailedLoad {
  readonly failure: LoadFailure;
  /** The device has failed: nothing more can be loaded in this process. */
  readonly isBroken: boolean;
}

/** Never rejects: what is wrong is told of this model alone. */
export async function loadModel(
  ort: typeof Ort,
  files: FoundModel,
  settings: LoadOptions,
): Promise<LoadedModel | FailedLoad> {
  try {
    const model = await loadOnChoice(ort, files, settings);
    if ((await stampOf(files.folder, files.version)) === files.stamp) return model;
    await model.session.release();
    return { failure: loadFailure(CHANGED, files.folder, false), isBroken: false };
  } catch (error) {
    const reason = ortMessage(error);
    const hasChanged = await stampOf(files.folder, files.version).then(
      (stamp) => stamp !== files.stamp,
      () => false,
    );
    const isFinal = error instanceof NoProvider ? error.isPermanent : !isPassing(reason);
    // What was not tried for fear of the runner's end may yet be what it takes, such as samples for a proof.
    const isPermanent = isFinal && !hasChanged && files.onlyGivenInputs !== true;
    const failure = loadFailure(hasChanged ? `${CHANGED}: ${reason}` : reason, files.folder, isPermanent);
    return {
      failure,
      isBroken: !isPermanent && isDeviceFault(reason, files.settings.provider ?? settings.provider),
    };
  }
}

/** `auto` may have tried a GPU. */
const isDeviceFault = (reason: string, choice: ProviderChoice): boolean =>
  faultOf(reason, choice === 'auto' ? 'cuda' : choice) === 'device';

const CHANGED = 'its files changed while it was loaded';

/** `auto` has passed over all of them. */
class NoProvider extends Error {
  /** The CPU is the last to be tried, and takes every model: where it failed for good, so has the model. */
  constructor(
    reasons: readonly string[],
    readonly isPermanent: boolean,
  ) {
    super(reasons.join('; '));
  }
}

/** `auto` takes the first provider that loads, runs and does part of the work. */
async function loadOnChoice(ort: typeof Ort, files: FoundModel, settings: LoadOptions): Promise<LoadedModel> {
  const choice: ProviderChoice = files.settings.provider ?? settings.provider;
  if (choice !== 'auto') {
    const chosen = { ...settings, provider: choice };
    return (await loadAgain(ort, files, chosen)) ?? (await loadOn(ort, files, chosen));
  }
  const reasons: string[] = [];
  for (const provider of autoProviders(settings)) {
    try {
      const model = await loadOn(ort, files, { ...settings, provider });
      return { ...model, report: { ...model.report, warnings: [...reasons, ...model.report.warnings] } };
    } catch (error) {
      reasons.push(`provider ${provider} was passed over: ${ortMessage(error)}`);
    }
  }
  const decisive = settings.requireGpu ? reasons : reasons.slice(-1);
  throw new NoProvider(reasons, !decisive.some(isPassing));
}

const autoProviders = ({ requireGpu }: RunnerSettings): readonly Provider[] =>
  requireGpu ? GPU_PROVIDERS : [...GPU_PROVIDERS, 'cpu'];

type LoadSettings = LoadOptions & SessionSettings;

const knownOf = ({ name }: ModelFiles, { known }: LoadOptions): LoadReport | undefined =>
  known.find((report) => report.name === name);

/**
 * On the CPU nothing has changed since an earlier runner proved the model, unless its file has, and callers wait: the
 * report of then holds still. A GPU may be lost or shared by now. Undefined where the model must be proved.
 */
async function loadAgain(
  ort: typeof Ort,
  files: FoundModel,
  settings: LoadSettings,
): Promise<LoadedModel | undefined> {
  const known = knownOf(files, settings);
  if (settings.provider !== 'cpu' || known?.stamp !== files.stamp) return undefined;
  const startedMs = monotonicMs();
  const { session } = await openSession(ort, files.path, sessionOptions(files, settings));
  const { warmup: _, ...report } = known;
  return {
    path: files.path,
    session,
    openWithoutArena: withoutArena(ort, files, settings),
    batchAxes: batchAxesOf(files, known.signature),
    report: { ...report, loadMs: monotonicMs() - startedMs },
  };
}

/** Gives none where the file is not the one any more that was loaded. */
function withoutArena(
  ort: typeof Ort,
  files: FoundModel,
  settings: LoadSettings,
): LoadedModel['openWithoutArena'] {
  const options = sessionOptions(files, settings);
  if (settings.provider !== 'cpu' || options.enableCpuMemArena === false) return undefined;
  return async () => {
    if ((await stampOf(files.folder, files.version)) !== files.stamp) return undefined;
    return (await openSession(ort, files.path, { ...options, enableCpuMemArena: false })).session;
  };
}

async function loadOn(ort: typeof Ort, files: FoundModel, settings: LoadSettings): Promise<LoadedModel> {
  const { provider, requireGpu } = settings;
  if (requireGpu && provider === 'cpu' && !choosesCpu(files))
    throw new Error('a GPU is required, but its provider is cpu');
  checkBackend(ort, provider);
  const startedMs = monotonicMs();
  await using profile = await Profile.create();
  const options = { ...sessionOptions(files, settings), ...profile.sessionOptions };
  const opened = await openSession(ort, files.path, options);
  const { session } = opened;
  await using owned = new ReleasedUnlessKept(session);
  const signature = signatureOf(opened, files);
  checkSettings(files.settings, signature, `${files.name}/model.json`);
  const batchAxes = batchAxesOf(files, signature);
  const run: Run = (request) => runTensors(warming(ort), { session }, request);
  const onlyGiven = provider === 'cpu' && files.onlyGivenInputs === true;
  const warm = await warmUp({ files, provider, signature, run, onlyGiven });
  session.endProfiling();
  const work = await profile.read();
  if (warm.inputs !== undefined) proveProvider(provider, work, { requireGpu, proved: profile.writable });
  else if (provider !== 'cpu') throw new Error(`provider ${provider} can't be proved: ${warm.warning}`);
  // Timed without the profiler, which would slow down a run of many small nodes manyfold.
  const isKnown = knownOf(files, settings)?.stamp === files.stamp;
  const runMs = warm.inputs === undefined || isKnown ? [] : await timeRuns(warm.inputs, { signature, run });
  const batch = await batchProof({ files, settings, signature, axes: batchAxes, run, onlyGiven });
  return {
    path: files.path,
    session: owned.kept(),
    openWithoutArena: withoutArena(ort, files, settings),
    batchAxes,
    report: {
      name: files.name,
      version: files.version,
      stamp: files.stamp,
      signature,
      provider,
      nodes: work.nodes,
      loadMs: monotonicMs() - startedMs,
      ...(warm.inputs !== undefined && {
        warmup: { runMs, workload: workloadOf(warm.inputs, files.settings.cost) },
        warmupShapes: shapesOf(warm.inputs),
      }),
      ...(batch !== undefined && { batch }),
      warnings: [
        ...cpuWarnings(files, settings),
        ...opened.leftOut.map((output) => `${outputProblem(output)}; the other outputs are served`),
        ...(warm.warning === undefined ? [] : [warm.warning]),
        ...(batch?.warnings ?? []),
      ],
    },
  };
}

interface BatchProofOptions {
  readonly files: FoundModel;
  readonly settings: LoadSettings;
  readonly signature: Signature;
  readonly axes: BatchAxes | undefined;
  readonly run: Run;
  readonly onlyGiven: boolean;
}

/** What an earlier runner proved of the same file on the same provider holds, and callers wait. */
async function batchProof(options: BatchProofOptions): Promise<BatchProved | undefined> {
  const { files, settings, signature, axes, run, onlyGiven } = options;
  const { batch } = files.settings;
  if (axes === undefined || batch === undefined) return undefined;
  const known = knownOf(files, settings);
  if (known?.batch !== undefined && known.stamp === files.stamp && known.provider === settings.provider)
    return known.batch;
  return await proveBatch({
    axes,
    max: batch.max,
    tolerance: batch.tolerance,
    outputs: signature.outputs.map(({ name }) => name),
    shapes: sampleShapes(signature, files.settings, settings.provider),
    rows: leastRows(files.settings, signature),
    onlyGiven,
    isFatal: (reason) => faultOf(reason, settings.provider) === 'device',
    run,
  });
}

/** In each prediction, as model.json bounds the batch axis. */
function leastRows({ batch, dimensions }: ModelSettings, { inputs }: Signature): number {
  const leasts = inputs.map(({ name, shape }) => {
    const size = shape?.[batchAxis(batch!.inputs, name, batch!.axis)];
    return typeof size === 'string' && Object.hasOwn(dimensions, size) ? dimensions[size]!.min : 1;
  });
  return Math.max(1, ...leasts);
}

/** A session that is found wanting gives back its memory at once: others are loaded beside it. */
class ReleasedUnlessKept implements AsyncDisposable {
  readonly #session: Ort.InferenceSession;
  #isKept = false;

  constructor(session: Ort.InferenceSession) {
    this.#session = session;
  }

  kept(): Ort.InferenceSession {
    this.#isKept = true;
    return this.#session;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isKept) await this.#session.release();
  }
}

/** No fallback, but what the model's operator wants of it, whatever the others use. */
const choosesCpu = ({ settings }: ModelFiles): boolean => settings.provider === 'cpu';

function cpuWarnings(files: ModelFiles, { requireGpu }: LoadSettings): string[] {
  if (!requireGpu || !choosesCpu(files)) return [];
  return ['a GPU is required, but not of this model: its model.json chooses the CPU'];
}

/** Where the build lacks a provider, ONNX Runtime would only warn and take the CPU. */
function checkBackend(ort: typeof Ort, provider: Provider): void {
  const names = ort.listSupportedBackends().map(({ name }) => name);
  if (!names.includes(provider)) {
    throw new Error(`provider ${provider} is not in this build of ONNX Runtime; it has ${names.join(', ')}`);
  }
}

function signatureOf(
  { session, mapKeys, leftOut }: OpenedSession,
  { path, settings }: ModelFiles,
): Signature {
  const { inputMetadata, outputMetadata } = session;
  // Only the file tells a scalar from what may be of any rank.
  const isInDoubt = [...inputMetadata, ...outputMetadata].some(
    (value) => value.isTensor && value.shape.length === 0,
  );
  const unranked = new Set([...(isInDoubt ? unrankedNames(path) : []), ...mapKeys.keys()]);
  const spec = (value: Ort.InferenceSession.ValueMetadata): TensorSpec => specOf(value, settings, unranked);
  const outputs = outputMetadata.map(spec).map((output) => {
    const keys = mapKeys.get(output.name);
    if (keys === undefined) return output;
    // Where ONNX Runtime does not know it: a map for each row.
    return { ...output, shape: output.shape ?? [null, keys.length], mapKeys: keys };
  });
  checkOutputNames(outputs);
  return { inputs: inputMetadata.map(spec), outputs, ...(leftOut.length > 0 && { leftOut }) };
}

function specOf(
  metadata: Ort.InferenceSession.ValueMetadata,
  { dimensions }: ModelSettings,
  unranked: ReadonlySet<string>,
): TensorSpec {
  const { name, type, shape } = metadata as Ort.InferenceSession.TensorValueMetadata;
  if (!isElementType(type)) throw new Error(`${name} is no tensor that can be served: this is a bug`);
  if (shape.length === 0 && unranked.has(name)) return { name, type, shape: null };
  // Unnamed ones come as ''. A name that says nothing is kept where model.json bounds it.
  const isNamed = (size: number | string): boolean =>
    typeof size === 'number' || Object.hasOwn(dimensions, size) || !isUnknownSize(size);
  return { name, type, shape: shape.map((size) => (isNamed(size) ? size : null)) };
}

const isElementType = (type: string | undefined): type is ElementType =>
  (ELEMENT_TYPES as readonly (string | undefined)[]).includes(type);

function batchAxesOf({ settings }: ModelFiles, signature: Signature): BatchAxes | undefined {
  const { batch } = settings;
  if (batch === undefined) return undefined;
  const axes = (specs: readonly TensorSpec[], own: Readonly<Record<string, number>>) =>
    Object.fromEntries(specs.map(({ name }) => [name, batchAxis(own, name, batch.axis)]));
  return { inputs: axes(signature.inputs, batch.inputs), outputs: axes(signature.outputs, batch.outputs) };
}

interface Warmup {
  /** Missing where no input could be made that the model runs on. */
  readonly inputs?: Tensors;
  readonly warning?: string;
}

type Run = (request: { readonly inputs: Tensors; readonly outputs: readonly string[] }) => Promise<Tensors>;

interface WarmupOptions {
  readonly files: ModelFiles;
  readonly provider: Provider;
  readonly signature: Signature;
  readonly run: Run;
  /** Whether it is run on no inputs but those that model.json gives; see `FoundModel`. */
  readonly onlyGiven: boolean;
}

/** What warming up gives is sent to nobody. */
const warming = (ort: typeof Ort) => ({ ort, maxAnswerBytes: Number.POSITIVE_INFINITY });

/** A warm-up that model.json describes must succeed; one made of zeros may fail, as not every model takes zeros. */
async function warmUp({ files, provider, signature, run, onlyGiven }: WarmupOptions): Promise<Warmup> {
  if (onlyGiven && !signature.inputs.every(({ name }) => isGiven(name, files.settings))) {
    return {
      warning:
        'no warm-up run: the runner ended, or hung, as it loaded this model, and zeros may be why; "warmup" in model.json names inputs that it runs on',
    };
  }
  const outputs = signature.outputs.map(({ name }) => name);
  let failure: unknown;
  for (const rank of ranksToTry(signature, files.settings)) {
    const inputs = warmupInputs(signature, files.settings, { rank });
    try {
      await run({ inputs, outputs });
      return { inputs };
    } catch (error) {
      failure ??= error;
    }
  }
  const reason = ortMessage(failure);
  if (files.settings.warmup !== undefined)
    throw new Error(`the warm-up run on provider ${provider} failed: ${reason}`, { cause: failure });
  return {
    warning: `no warm-up run: the model does not run on zeros (${reason}); "warmup" in model.json names inputs that it runs on`,
  };
}

async function timeRuns(
  inputs: Tensors,
  { signature, run }: Pick<WarmupOptions, 'signature' | 'run'>,
): Promise<number[]> {
  const outputs = signature.outputs.map(({ name }) => name);
  const runMs: number[] = [];
  for (let count = 0; count < TIMED_WARMUP_RUNS; count++) {
    const startedMs = monotonicMs();
    await run({ inputs, outputs });
    runMs.push(monotonicMs() - startedMs);
  }
  return runMs;
}

function shapesOf(inputs: Tensors): Readonly<Record<string, readonly number[]>> {
  // Not by assignment: a name may be __proto__.
  return Object.fromEntries(Object.entries(inputs).map(([name, { dims }]) => [name, dims]));
}
