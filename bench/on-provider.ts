// An experiment on one of the providers: each has a section of its own in the report.

import { BENCH_PROVIDERS, type Bench, type BenchProvider, type Experiment } from './experiment.js';

export function onProvider<Of extends Bench>(
  experiment: Experiment<Of>,
  provider: BenchProvider,
): Experiment<Of> {
  const { name, title, method, standIn = '', run } = experiment;
  if (provider === 'cpu') return { ...experiment, method: `${method} ${standIn}`.trim() };
  const named = (text: string): string => `${text}-${provider}`;
  return {
    name: named(name),
    title: `${title}: ${provider}`,
    method: `${method} The models run on the GPU, by the provider ${provider}.`,
    run: async (bench) => {
      const outcome = await run(bench);
      const pictures = outcome.pictures?.map((picture) => ({ ...picture, name: named(picture.name) }));
      return { ...outcome, ...(pictures !== undefined && { pictures }) };
    },
  };
}

/** Those of one provider after those of another. */
export function onEveryProvider<Of extends Bench>(
  experiments: readonly Experiment<Of>[],
): readonly Experiment<Of>[] {
  return BENCH_PROVIDERS.flatMap((provider) =>
    experiments.map((experiment) => onProvider(experiment, provider)),
  );
}
