// Loading a model in the runner: a session on the provider asked for, proved by a profiled warm-up run.

import type * as Ort from 'onnxruntime-node';
import { monotonicMs } from '../clock.js';
import { batchAxis } from '../model-repository/batch-axis.js';
import { checkSettings } from '../model-repository/check-settings.js';
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
import type { Signature } from '../tensor.js';
import { workloadOf } from '../workload.js';
import { proveBatch } from './batch-proof.js';
import { outputProblem } from './fit-model.js';
import type { BatchAxes, LoadedModel } from './loaded-model.js';
import { openSession } from './open-session.js';
import { ortMessage } from './ort-error.js';
import { Profile } from './profile.js';
import type { RunnerSettings } from './protocol.js';
import { proveProvider } from './provider-proof.js';
import { runTensors } from './run.js';
import { faultOf } from './run-failure.js';
import { sampleShapes } from './sample-shapes.js';
import { type SessionSettings, sessionOptions } from './session-options.js';
import { batchAxesOf, signatureOf } from './session-signature.js';
import { type Run, shapesOf, timeRuns, warming, warmUp } from './warm-up.js';

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
