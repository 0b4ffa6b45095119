// Every option, once: flag, variable, unit, default, bounds and reason. `oneslot serve --help` prints this table, and
// docs/options.md is held against it.

import { Option } from 'commander';
import type { ProviderChoice } from './model-repository/model.js';
import type { Requirement } from './model-repository/models.js';
import {
  boolean,
  bytes,
  integer,
  KIB,
  type Kind,
  kind,
  number,
  oneOf,
  seconds,
  text,
} from './option-kinds.js';

const PROVIDERS = ['cpu', 'cuda', 'webgpu', 'auto'] as const satisfies readonly ProviderChoice[];
/** `auto`: where the platform is found. */
const SIGNAL_CHOICES = ['auto', 'on', 'off'] as const;
const URGENCY_CHOICES = ['trust', 'keys', 'ignore'] as const;
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

interface OptionSpec<Value> {
  /** `--name <argument>`, or `--name [boolean]`, which alone means true. */
  readonly flag: string;
  /** As a user would write it; left out where the option has none. */
  readonly fallback?: string;
  readonly kind: Kind<Value>;
  readonly help: string;
}

const DAY_S = 24 * 3600;

/** CloudWatch's own rule; names of AWS' services are theirs. */
const namespace = kind('a name of letters, digits and . _ - / # : that does not begin with AWS/', (value) =>
  /^(?!AWS\/|:)[\w.\-/#:]{1,255}$/.test(value) ? value : undefined,
);

const requirement = kind('all, any, or names with commas between', (value): Requirement | undefined => {
  if (value === 'all' || value === 'any') return value;
  const names = value.split(',').map((name) => name.trim());
  return names.includes('') ? undefined : names;
});

/** Options by the name of what they set. Times are seconds on the command line and milliseconds within. */
const OPTIONS = {
  modelsDir: {
    flag: '--models <folder>',
    fallback: './models',
    kind: text,
    help: 'Model repository: <folder>/<name>/<version>/model.onnx',
  },
  defaultModel: {
    flag: '--default-model <name>',
    kind: text,
    help: 'The model that POST /predict means where there are several',
  },
  requireModels: {
    flag: '--require-models <which>',
    fallback: 'all',
    kind: requirement,
    help: 'Which models must load for the server to start; those that do not are refused, and the others served',
  },
  host: {
    flag: '--host <address>',
    kind: text,
    help: 'Address to listen on; all by default, of IPv6 and IPv4 where both exist',
  },
  port: {
    flag: '--port <port>',
    fallback: '8080',
    kind: integer(0, 65535),
    help: 'Port for predictions; 0 takes a free one',
  },
  adminPort: {
    flag: '--admin-port <port>',
    kind: integer(0, 65535),
    help: 'Moves everything but predictions (health, metrics, scaling, models) to this port',
  },
  provider: {
    flag: '--provider <name>',
    fallback: 'cpu',
    kind: oneOf(PROVIDERS),
    help: 'Execution provider; auto is the first of cuda, webgpu and cpu that works',
  },
  deviceId: {
    flag: '--device-id <n>',
    fallback: '0',
    kind: integer(0, 255),
    help: 'Which GPU, for the provider cuda',
  },
  requireGpu: {
    flag: '--require-gpu [boolean]',
    fallback: 'false',
    kind: boolean,
    help: 'Not ready unless a GPU does the main work of every model but those whose model.json says cpu',
  },
  intraOpThreads: {
    flag: '--intra-op-threads <n>',
    fallback: '0',
    kind: integer(0, 1024),
    help: "ONNX Runtime's threads for one run on the CPU; 0: as many as the CPU quota and affinity allow, else its choice",
  },
  queueLimit: {
    flag: '--queue-limit <n>',
    fallback: '64',
    kind: integer(1, 1_000_000),
    help: 'Predictions that may wait at once; one more is refused',
  },
  queueBytes: {
    flag: '--queue-bytes <size>',
    fallback: '1GiB',
    kind: bytes(KIB, 1024 * KIB ** 3),
    help: 'Bytes that predictions may hold together; more is refused',
  },
  sharedMemoryBytes: {
    flag: '--shared-memory <size>',
    fallback: '64MiB',
    kind: bytes(0, 2 * KIB ** 3),
    help: 'Memory shared with the runner, so that large inputs need not be sent to it; what does not fit is sent; 0: all is',
  },
  maxBodyBytes: {
    flag: '--max-body <size>',
    fallback: '64MiB',
    kind: bytes(1, 2 * KIB ** 3),
    help: 'Largest body, as sent and once decompressed',
  },
  maxAnswerBytes: {
    flag: '--max-answer <size>',
    fallback: '256MiB',
    kind: bytes(1, 2 * KIB ** 3),
    help: 'Largest answer: bytes of the outputs that were asked for together, and of their text where it is JSON',
  },
  answerBytes: {
    flag: '--answer-bytes <size>',
    fallback: '1GiB',
    kind: bytes(1, 1024 * KIB ** 3),
    help: 'Bytes that answers may hold together until their callers have taken them; no run begins whose answer might not fit',
  },
  uploadTimeoutMs: {
    flag: '--upload-timeout <seconds>',
    fallback: '60',
    kind: seconds(0.001, DAY_S),
    help: 'Time that a body has to arrive',
  },
  uploadLimit: {
    flag: '--upload-limit <n>',
    fallback: '256',
    kind: integer(1, 1_000_000),
    help: 'Bodies that may arrive at once; of more, the slowest are refused, then the newest',
  },
  minUploadRate: {
    flag: '--min-upload-rate <size>',
    fallback: '4KiB',
    kind: bytes(0, KIB ** 3),
    help: 'Bytes a second at which a body has to come, on average; 0: any',
  },
  uploadGraceMs: {
    flag: '--upload-grace <seconds>',
    fallback: '5',
    kind: seconds(0.001, DAY_S),
    help: 'How far a body may be behind that rate; then it is ended',
  },
  maxWaitMs: {
    flag: '--max-wait <seconds>',
    kind: seconds(0.001, 7 * DAY_S),
    help: 'Patience of callers who state none with Prefer: wait; none by default: they wait for ever',
  },
  margin: {
    flag: '--margin <factor>',
    fallback: '1.2',
    kind: number(1, 10),
    help: 'Admit when (predicted wait + run) × margin fits the patience; more refuses more, and breaks fewer promises',
  },
  runTimeoutMs: {
    flag: '--run-timeout <seconds>',
    fallback: '900',
    kind: seconds(0.001, 7 * DAY_S),
    help: 'Hard limit of a run; the runner is then replaced',
  },
  loadTimeoutMs: {
    flag: '--load-timeout <seconds>',
    fallback: '900',
    kind: seconds(0.001, 7 * DAY_S),
    help: 'Hard limit of loading one model; the runner is then replaced, and that model tried again later',
  },
  ageMs: {
    flag: '--age-seconds <seconds>',
    fallback: '30',
    kind: seconds(0.001, 7 * DAY_S),
    help: 'A waiting prediction gains one level of urgency each such span, so that none starves',
  },
  urgency: {
    flag: '--urgency <whose>',
    fallback: 'keys',
    kind: oneOf(URGENCY_CHOICES),
    help: "Whose urgency counts: keys: that of API keys which allow it, and without keys of callers that are no browsers; trust: everybody's; ignore: nobody's",
  },
  balancerQueue: {
    flag: '--balancer-queue <belief>',
    fallback: 'ignore',
    kind: oneOf(['trust', 'ignore'] as const),
    help: 'Whether readiness checks may say what waits in the balancer; trust it where only the balancer reaches /readyz',
  },
  drainDelayMs: {
    flag: '--drain-delay <seconds>',
    fallback: '5',
    kind: seconds(0, 3600),
    help: 'After SIGTERM, time in which all goes on but readiness, so that balancers catch up',
  },
  drainTimeoutMs: {
    flag: '--drain-timeout <seconds>',
    fallback: '900',
    kind: seconds(0, 7 * DAY_S),
    help: 'Then, time to serve what was admitted; what can not be served in it is refused at once',
  },
  maxConnections: {
    flag: '--max-connections <n>',
    fallback: '10000',
    kind: integer(1, 1_000_000),
    help: 'Connections that may be open, fewer where the limit of open files leaves less; for one more the longest idle is closed',
  },
  sendTimeoutMs: {
    flag: '--send-timeout <seconds>',
    fallback: '60',
    kind: seconds(0.001, DAY_S),
    help: 'An answer of which its caller takes nothing for so long ends the connection',
  },
  keepAliveTimeoutMs: {
    flag: '--keep-alive-timeout <seconds>',
    fallback: '905',
    kind: seconds(1, DAY_S),
    help: 'How long an idle connection is kept; must outlast the idle time of the balancer in front',
  },
  apiKeysFile: {
    flag: '--api-keys <file>',
    kind: text,
    help: 'Keys file: predictions then need a key (see: oneslot key --help)',
  },
  cloudwatchMetrics: {
    flag: '--cloudwatch-metrics <when>',
    fallback: 'auto',
    kind: oneOf(SIGNAL_CHOICES),
    help: 'Writes metrics for CloudWatch to stdout, a line a period; auto: in ECS tasks',
  },
  cloudwatchNamespace: {
    flag: '--cloudwatch-namespace <name>',
    fallback: 'oneslot',
    kind: namespace,
    help: 'Namespace of these metrics',
  },
  cloudwatchPeriodMs: {
    flag: '--cloudwatch-period <seconds>',
    fallback: '60',
    kind: seconds(1, 3600),
    help: 'Time between two such lines; scaling on a sum needs 60',
  },
  taskProtection: {
    flag: '--task-protection <when>',
    fallback: 'auto',
    kind: oneOf(SIGNAL_CHOICES),
    help: 'Keeps ECS from scaling this task in while it has work; auto: in ECS tasks',
  },
  podDeletionCost: {
    flag: '--pod-deletion-cost <when>',
    fallback: 'auto',
    kind: oneOf(SIGNAL_CHOICES),
    help: 'Tells Kubernetes what deleting this pod would lose; auto: in pods with a service account token',
  },
  spotNotices: {
    flag: '--spot-notices <when>',
    fallback: 'auto',
    kind: oneOf(SIGNAL_CHOICES),
    help: 'Drains when EC2 says that it takes this Spot instance away; auto: in ECS tasks on EC2',
  },
  quarantineMs: {
    flag: '--quarantine <seconds>',
    fallback: '600',
    kind: seconds(0, DAY_S),
    help: 'How long an input that ended two runners is refused; 0: never',
  },
  orcaReport: {
    flag: '--orca-report [boolean]',
    fallback: 'false',
    kind: boolean,
    help: 'Adds an ORCA load report to every answer, for balancers that weigh replicas by it',
  },
  targetBacklogMs: {
    flag: '--target-backlog <seconds>',
    fallback: '30',
    kind: seconds(0.001, DAY_S),
    help: 'The backlog at which that report says that this replica is fully used',
  },
  logLevel: {
    flag: '--log-level <level>',
    fallback: 'info',
    kind: oneOf(LOG_LEVELS),
    help: 'How much to log; info logs a line for each prediction',
  },
} as const satisfies Record<string, OptionSpec<unknown>>;

type Specs = typeof OPTIONS;
type Name = keyof Specs;
type Value<N extends Name> = ReturnType<Specs[N]['kind']['parse']>;
type HasValue<N extends Name> = Specs[N] extends { readonly fallback: string } ? N : never;

/** What the options say; frozen. Those without a default may be missing. */
export type Config = Readonly<
  { [N in Name as HasValue<N>]: Value<N> } & { [N in Name as Exclude<N, HasValue<N>>]?: Value<N> }
>;

/** One option as documents show it. */
export interface OptionRow {
  readonly flag: string;
  readonly variable: string;
  readonly fallback: string | undefined;
  readonly takes: string;
  readonly help: string;
}

const names = Object.keys(OPTIONS) as Name[];
const specs: Readonly<Record<Name, OptionSpec<unknown>>> = OPTIONS;

export function optionRows(): readonly OptionRow[] {
  return names.map((name) => {
    const { flag, fallback, kind, help } = specs[name];
    return { flag, variable: variableOf(flag), fallback, takes: kind.takes, help };
  });
}

/** The options for commander, which reads flags before variables and prints the help. */
export function commandOptions(wanted: readonly Name[] = names): readonly Option[] {
  return wanted.map((name) => {
    const { flag, fallback, kind, help } = specs[name];
    const text = kind === OPTIONS.modelsDir.kind ? help : `${help}; takes ${kind.takes}`;
    const option = new Option(flag, text).env(variableOf(flag)).argParser(kind.parse).preset('true');
    return fallback === undefined ? option : option.default(kind.parse(fallback), fallback);
  });
}

/** Options that say which models are loaded, and how: those of `oneslot check`. */
export const LOAD_OPTIONS = [
  'modelsDir',
  'requireModels',
  'provider',
  'deviceId',
  'requireGpu',
  'intraOpThreads',
  'loadTimeoutMs',
] as const satisfies readonly Name[];

/** @param parsed commander's values, keyed by its own camel-cased flag names */
export function configOf(parsed: Readonly<Record<string, unknown>>): Config {
  const values = names.map((name) => [name, parsed[new Option(specs[name].flag).attributeName()]] as const);
  const given = values.filter(([, value]) => value !== undefined);
  return Object.freeze(Object.fromEntries(given)) as Config;
}

/** A configuration of defaults, but for what is given: for tests and programs that embed oneslot. */
export function defaultConfig(changes: Partial<Config> = {}): Config {
  const defaults = names.filter((name) => specs[name].fallback !== undefined);
  const values = defaults.map((name) => [name, specs[name].kind.parse(specs[name].fallback!)]);
  return Object.freeze({ ...Object.fromEntries(values), ...changes }) as Config;
}

/** Kubernetes gives every pod `<SERVICE>_PORT=tcp://…` and more for each Service, and one may be called oneslot. */
const SERVICE_LINK = /^ONESLOT_(SERVICE_|PORT_\d)|^tcp:\/\//;

/**
 * Takes out what would be read by mistake: variables set to nothing, as compose files do, and Kubernetes' own.
 *
 * @returns variables that begin like ours and are none of them
 */
export function cleanVariables(env: NodeJS.ProcessEnv): readonly string[] {
  const ours = new Set(optionRows().map(({ variable }) => variable));
  const unknown: string[] = [];
  for (const [name, value = ''] of Object.entries(env)) {
    if (!name.startsWith('ONESLOT_')) continue;
    if (value === '' || SERVICE_LINK.test(name) || SERVICE_LINK.test(value)) delete env[name];
    else if (!ours.has(name)) unknown.push(name);
  }
  return unknown;
}

function variableOf(flag: string): string {
  return `ONESLOT_${flag.slice(2).split(' ', 1)[0]!.toUpperCase().replaceAll('-', '_')}`;
}
