#!/usr/bin/env node
// The command `oneslot`: subcommands and signals. Nothing else in the project ends the process.

import { Command, Option } from 'commander';
import { checkModels, checkText } from './check.js';
import { cleanVariables, commandOptions, configOf, defaultConfig, LOAD_OPTIONS } from './config.js';
import { newKey } from './http/api-keys.js';
import { createLog, type Logger } from './log.js';
import { expectLargeMemory, keepLittleFreeMemory } from './memory.js';
import { buildInfo } from './metrics/build-info.js';
import { addPlanCommand } from './plan/command.js';
import { immediateEnd } from './process-end.js';
import { type Service, startService } from './service.js';

const EXIT_CLEAN = 0;
const EXIT_FAILED = 1;
/** Ended as it was asked to, but somebody lost a prediction or an answer. */
const EXIT_CUT = 3;

const SERVE_NOTES = `
Each option is also a variable; a flag wins over it. Times are in seconds, or with a unit, as 250ms, 30s, 5m, 2h,
1d; sizes are in bytes, or with a unit, as 64KiB, 5MB, 1GiB (MB is a million bytes, MiB is 1,048,576).

Signals: SIGTERM and SIGHUP drain (readiness off, a delay, then only what was admitted); Ctrl-C does the same without
the delay. The exit code is 0, or 3 where a prediction or an answer was cut. A second signal ends at once, with 1.

Example: oneslot serve --models ./models --port 8080 --queue-limit 100 --max-wait 30`;

const CHECK_NOTES = `
Each model is loaded, warmed up and proved as serve does it, and tried once; nothing is served, and no port is taken.
The exit code is 0 where all that --require-models says have loaded, else 1. Run it in the image that serves: it finds
a missing library, a wrong model.json or a broken file before a roll-out does.

Examples:
  oneslot check --models ./models
  oneslot check --models ./models --provider cuda --require-gpu --json`;

const unknownVariables = cleanVariables(process.env);
const program = new Command('oneslot')
  .description('Serves ONNX models from one GPU, one run at a time.')
  .version(buildInfo().version)
  .showSuggestionAfterError()
  .addHelpText('after', '\nBegin with: oneslot serve --models ./models');

const serveCommand = program.command('serve').description('Serve the models of a folder over HTTP');
for (const option of commandOptions()) serveCommand.addOption(option);
serveCommand.addHelpText('after', SERVE_NOTES).action((parsed: Record<string, unknown>) => serve(parsed));

program
  .command('key')
  .description('Make an API key: prints it once, and the entry for the keys file, which holds only its hash')
  .argument('<name>', 'whose key it is; shown in logs and refusals')
  .action((name: string, _options: unknown, command: Command) => {
    const { key, entry } = keyFor(name, command);
    process.stdout.write(`key:   ${key}\nentry: ${JSON.stringify(entry)}\n`);
    process.stderr.write(
      'Keep the key; put the entry into {"keys": [ … ]} of the file that --api-keys names.\n',
    );
  });

const checkCommand = program
  .command('check')
  .description('Load the models of a folder as serve would, and say of each whether it loads')
  .addOption(new Option('--json', 'Print JSON instead of text').default(false));
for (const option of commandOptions(LOAD_OPTIONS)) checkCommand.addOption(option);
checkCommand
  .addHelpText('after', CHECK_NOTES)
  .action(({ json, ...parsed }: Record<string, unknown>) => check(parsed, json === true));

addPlanCommand(program);

await program.parseAsync();

function keyFor(name: string, command: Command): ReturnType<typeof newKey> {
  try {
    return newKey(name);
  } catch (error) {
    return command.error(`error: ${(error as Error).message}`);
  }
}

/** Its log is what it prints. */
async function check(parsed: Record<string, unknown>, asJson: boolean): Promise<void> {
  const { log } = createLog('silent');
  const report = await checkModels(defaultConfig(configOf(parsed)), log).catch((error: Error) => {
    process.stderr.write(`oneslot: ${error.message}\n`);
    process.exit(EXIT_FAILED);
  });
  process.stdout.write(asJson ? `${JSON.stringify(report, undefined, 2)}\n` : checkText(report));
  process.exitCode = report.ok ? EXIT_CLEAN : EXIT_FAILED;
}

async function serve(parsed: Record<string, unknown>): Promise<void> {
  const config = configOf(parsed);
  expectLargeMemory();
  keepLittleFreeMemory();
  const { log, flush, writeLine } = createLog(config.logLevel);
  let isStuck = false;
  process.on(
    'exit',
    immediateEnd(() => isStuck),
  );
  const exit = async (code: number): Promise<void> => {
    isStuck = !(await flush());
    process.exit(code);
  };
  const crash = (error: unknown): void => {
    if (isRefusedBySystem(error)) {
      log.error({ err: error }, 'the operating system refused something; the server goes on without it');
      return;
    }
    log.fatal({ err: error }, 'oneslot failed and ends; this is a bug');
    void exit(EXIT_FAILED);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
  if (unknownVariables.length > 0) log.warn({ variables: unknownVariables }, 'unknown variables are ignored');
  const complain = (error: Error): undefined => {
    process.stderr.write(`oneslot: ${error.message}\n`);
  };
  const service = await startService(config, { log, writeLine }).catch(complain);
  if (service === undefined) return await exit(EXIT_FAILED);
  handleSignals(service, log, exit);
  await service.ready().catch(async (error: Error) => {
    log.fatal({ reason: error.message }, 'oneslot ends: what it requires can not be loaded');
    complain(error);
    await service.stop();
    await exit(EXIT_FAILED);
  });
}

/**
 * Errors of system calls are handled where the calls are made. One that was forgotten there costs whoever needed it, and
 * not all others their places.
 */
function isRefusedBySystem(error: unknown): boolean {
  const { syscall, errno, code } = (error ?? {}) as NodeJS.ErrnoException;
  return (typeof syscall === 'string' && typeof errno === 'number') || code === 'ERR_WORKER_INIT_FAILED';
}

/** Whoever asks a second time has no patience left. */
const STOP_MS = 1000;

/** The first signal drains, the second ends at once, as whoever waits at a terminal expects. */
function handleSignals(service: Service, log: Logger, exit: (code: number) => Promise<void>): void {
  let signals = 0;
  const onSignal = async (signal: NodeJS.Signals): Promise<void> => {
    signals += 1;
    if (signals === 1) {
      sayHowToEnd(signal, log);
      // Ctrl-C comes from a terminal, where no balancer has to catch up.
      const isClean = await service.drain(signal, { delay: signal !== 'SIGINT' });
      if (signals === 1) await exit(isClean ? EXIT_CLEAN : EXIT_CUT);
    } else {
      log.warn({ signal }, 'second signal: ends now');
      setTimeout(() => void exit(EXIT_FAILED), STOP_MS);
      await service.stop();
      await exit(EXIT_FAILED);
    }
  };
  const onFailure = async (err: unknown): Promise<void> => {
    log.fatal({ err }, 'oneslot could not drain, and ends');
    await exit(EXIT_FAILED);
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
    process.on(signal, (name) => void onSignal(name).catch(onFailure));
}

/** A drain may take minutes, and whoever pressed Ctrl-C sees nothing happen. */
function sayHowToEnd(signal: NodeJS.Signals, log: Logger): void {
  log.info({ signal }, 'a second signal ends at once');
  // Not to a pipe, which may be full and would be waited for.
  if (signal !== 'SIGINT' || !process.stderr.isTTY) return;
  process.stderr.write('oneslot: finishing what was admitted; Ctrl-C again ends at once\n');
}
