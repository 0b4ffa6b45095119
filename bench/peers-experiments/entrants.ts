// Who takes part: each way into each server that was chosen, and ours a second time, so that the noise is known.

import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { type BurnSize, checksumOf, KNOWN } from '../burns.js';
import type { Bench, Table } from '../experiment.js';
import { runLoad } from '../load/load.js';
import type { Answer, RequestForm } from '../load/plan.js';
import { addBurn, weighRepository } from '../models.js';
import type { Forms, Peer, PeerServer, StartOptions } from '../peers/peer.js';
import { PROJECT } from '../servers.js';
import { median } from '../statistics.js';
import { runMsOf } from './answered.js';
import type { Measured } from './comparison.js';

export interface PeerBench extends Bench {
  /** Those that were chosen and can be measured here. */
  readonly peers: readonly Peer[];
  /** A repository with the models digits, burn and weigh, for all of them. */
  readonly models: string;
}

/** One row of a table. */
export interface Entrant {
  readonly name: string;
  readonly peer: Peer;
  readonly forms: Forms;
  readonly isOurs: boolean;
  readonly isAgain: boolean;
}

/** The chosen ones, and the one that the others are held against once more at the end. */
export function entrantsOf({ peers }: PeerBench): readonly Entrant[] {
  const all = peers.flatMap((peer) =>
    peer.routes.map(({ name, forms }) => ({
      name: name === '' || peer.routes.length === 1 ? peer.title : `${peer.title}, ${name}`,
      peer,
      forms,
      isOurs: peer.name === 'oneslot',
      isAgain: false,
    })),
  );
  const ours = all.find(({ isOurs }) => isOurs) ?? all[0]!;
  const reference = { ...ours, isOurs: true };
  const rest = all.filter((entrant) => entrant !== ours);
  return [...rest, reference, { ...reference, name: `${ours.name}, again`, isAgain: true }];
}

/** The models of all servers: those that are shipped, and one that takes large tensors. */
export async function peerModels(bench: Bench): Promise<string> {
  const folder = await weighRepository(bench.processes);
  await cp(`${PROJECT}models/digits`, join(folder, 'digits'), { recursive: true });
  await addBurn(folder, bench);
  return folder;
}

/** An entrant whose server runs. */
export interface Contender extends Entrant {
  readonly server: PeerServer;
}

/** All servers up at once, so that they can take turns. */
export class LineUp implements AsyncDisposable {
  readonly contenders: readonly Contender[];
  /** Which servers did not start, and why. */
  readonly missing: readonly string[];
  readonly #servers: readonly PeerServer[];

  constructor(contenders: readonly Contender[], servers: readonly PeerServer[], missing: readonly string[]) {
    this.contenders = contenders;
    this.missing = missing;
    this.#servers = servers;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#servers.map((server) => server[Symbol.asyncDispose]()));
  }
}

export type Settings = Omit<StartOptions, 'models'>;

/** Starts each peer once; both measurements of ours go to the same server. */
export async function lineUp(bench: PeerBench, settings: Settings): Promise<LineUp> {
  const servers = new Map<Peer, PeerServer>();
  const missing: string[] = [];
  bench.progress.step(`starting ${bench.peers.length} servers`);
  const starting = bench.peers.map(async (peer) => {
    try {
      servers.set(peer, await peer.start(bench, { ...settings, models: bench.models }));
    } catch (error) {
      missing.push(`${peer.title} did not start: ${(error as Error).message}`);
    }
  });
  await Promise.all(starting);
  for (const text of missing) bench.progress.say(`  ${text}`);
  const contenders = entrantsOf(bench).flatMap((entrant) => {
    const server = servers.get(entrant.peer);
    return server === undefined ? [] : [{ ...entrant, server }];
  });
  if (contenders.length === 0) throw new Error(`no server started: ${missing.join('; ')}`);
  return new LineUp(contenders, [...servers.values()], missing);
}

/** Each entrant, in every pass with a server that was started for it alone. */
export async function measureFresh<Sample>(
  bench: PeerBench,
  { name, settings }: { name: string; settings: Settings },
  measure: (contender: Contender) => Promise<Sample>,
): Promise<{ measured: readonly Measured<Sample>[]; servers: ReadonlyMap<Peer, string> }> {
  const servers = new Map<Peer, string>();
  const measured = await interleaved(
    bench,
    { name, entrants: entrantsOf(bench), repeats: bench.quick ? 1 : 3 },
    async (entrant) => {
      await using server = await entrant.peer.start(bench, { ...settings, models: bench.models });
      servers.set(entrant.peer, server.commandLine);
      return await measure({ ...entrant, server });
    },
  );
  return { measured, servers };
}

/**
 * A B C … A B C …: what changes on the machine meanwhile hits all alike. One that fails is told and costs nobody else
 * anything.
 */
export async function interleaved<Of extends Entrant, Sample>(
  { progress }: Bench,
  { name, entrants, repeats }: { name: string; entrants: readonly Of[]; repeats: number },
  measure: (entrant: Of) => Promise<Sample>,
): Promise<readonly Measured<Sample>[]> {
  const samples = new Map<Of, Sample[]>(entrants.map((entrant) => [entrant, []]));
  const failures = new Map<Of, string>();
  for (let repeat = 1; repeat <= repeats; repeat += 1) {
    for (const [index, entrant] of entrants.entries()) {
      progress.step(`${name} ${repeat}/${repeats}, ${index + 1}/${entrants.length} ${entrant.name}`);
      try {
        samples.get(entrant)!.push(await measure(entrant));
      } catch (error) {
        const { message } = error as Error;
        failures.set(entrant, message);
        progress.say(`  ${name}, ${entrant.name} failed: ${message}`);
      }
    }
  }
  return entrants.map((entrant) => {
    const failure = failures.get(entrant);
    const { name: title, isOurs, isAgain } = entrant;
    const found = { name: title, isOurs, isAgain, samples: samples.get(entrant)! };
    return failure === undefined ? found : { ...found, failure };
  });
}

/** Versions, command lines and what was shimmed, for those who want to judge or repeat. */
export async function serversTable(servers: ReadonlyMap<Peer, string>): Promise<Table> {
  const rows = await Promise.all(
    [...servers].map(async ([peer, commandLine]) => [
      peer.title,
      await peer.versions(),
      `\`${commandLine}\``,
      peer.shimmed,
    ]),
  );
  return { caption: 'Servers', head: ['server', 'versions', 'command line', 'what was shimmed'], rows };
}

/** How long burn runs on a server, alone. */
export interface BurnTimes {
  /** Of a run without iterations: the matrices have to be made. */
  readonly fixedMs: number;
  readonly iterationsPerMs: number;
}

export async function burnTimes(bench: Bench, contender: Contender): Promise<BurnTimes> {
  const { few, many } = TRIALS[bench.burnSize];
  const pair = [few, many].map((iterations) => contender.forms.burn(iterations));
  const forms = Array<readonly RequestForm[]>(TRIAL_TIMES).fill(pair).flat();
  // The first pair finds everything cold.
  const runsMs = (await inTurn(bench, contender, forms)).slice(2).map(runMsOf);
  const every = (first: number): number => median(runsMs.filter((_, index) => index % 2 === first));
  const iterationsPerMs = (many - few) / (every(1) - every(0));
  return { fixedMs: Math.max(0, every(0) - few / iterationsPerMs), iterationsPerMs };
}

export async function iterationsPerMs(bench: Bench, contender: Contender): Promise<number> {
  return (await burnTimes(bench, contender)).iterationsPerMs;
}

const TRIAL_TIMES = 5;

/** Iterations: enough that what a call costs beside them does not count. */
const TRIALS: Readonly<Record<BurnSize, { readonly few: number; readonly many: number }>> = {
  64: { few: 10, many: 510 },
  256: { few: 10, many: 510 },
  1024: { few: 1, many: 13 },
  4096: { few: 10, many: 510 },
};

/** The one that the others are held against. */
export function oursAmong<Of extends Entrant>(entrants: readonly Of[]): Of {
  return entrants.find(({ isOurs }) => isOurs) ?? entrants[0]!;
}

/** Each form sent once, alone. @throws where one is not answered with 200 */
export async function inTurn(
  { processes }: Bench,
  { name, server }: Contender,
  forms: readonly RequestForm[],
): Promise<readonly Answer[]> {
  const schedule = { kind: 'in turn', connections: 1, calls: forms.length } as const;
  const answers = await runLoad({ url: server.url, forms, schedule, keepBodies: true }, { processes });
  const bad = answers.find(({ status }) => status !== 200);
  if (bad !== undefined) throw new Error(`${name} answered ${bad.status} ${bad.code}`);
  return answers;
}

/** All of these sent at once, or when each is due. */
export async function atOnce(
  { processes, progress }: Bench,
  { server }: Contender,
  {
    forms,
    dueMs,
    ...rest
  }: {
    forms: readonly RequestForm[];
    dueMs?: readonly number[];
    giveUpMs?: number;
    connectFirst?: number;
  },
): Promise<readonly Answer[]> {
  const schedule = {
    kind: 'when due',
    dueMs: dueMs ?? forms.map(() => 0),
    forms: forms.map((_, index) => index),
  } as const;
  const plan = {
    url: server.url,
    forms,
    schedule,
    keepBodies: true,
    ...rest,
  };
  return await runLoad(plan, { processes, progress });
}

/** The same work everywhere: checksums that were reckoned without ONNX Runtime. @throws where one is wrong */
export async function checkAnswers(bench: Bench, contenders: readonly Contender[]): Promise<void> {
  for (const contender of contenders) {
    const right = KNOWN[bench.burnSize];
    const forms = right.map(({ iterations, seed }) => contender.forms.burn(iterations, seed));
    const answers = await inTurn(bench, contender, forms);
    answers.forEach(({ body = '' }, index) => {
      const { iterations, seed, checksum } = right[index]!;
      if (checksumOf(body) === checksum) return;
      throw new Error(`${contender.name} answered burn(${iterations}, ${seed}) with ${body}`);
    });
  }
}

/** What each of the servers was started with. */
export function commandsOf(contenders: readonly Contender[]): Map<Peer, string> {
  return new Map(contenders.map(({ peer, server }) => [peer, server.commandLine]));
}
