// What Compose makes of deploy/compose.yaml, by compose-go, the loader that `docker compose` itself is built on.

import { join } from 'node:path';
import { run } from '../../support/programs/command.js';
import { BUILD } from '../../support/programs/packages.js';

export interface Port {
  /** Absent where it is every address of the machine. */
  readonly host_ip?: string;
  readonly published: string;
  readonly target: number;
}

export interface Mount {
  readonly type: 'bind' | 'volume';
  readonly source: string;
  readonly target: string;
  readonly read_only?: boolean;
}

export interface Device {
  readonly driver: string;
  readonly device_ids: readonly string[];
  readonly capabilities: readonly string[];
}

export interface Service {
  readonly image: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly pull_policy?: string;
  readonly command: readonly string[] | null;
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly Port[];
  readonly volumes?: readonly Mount[];
  readonly tmpfs?: readonly string[];
  readonly deploy?: {
    readonly resources: { readonly reservations: { readonly devices: readonly Device[] } };
  };
  readonly depends_on?: Readonly<Record<string, unknown>>;
  readonly stop_grace_period?: string;
  readonly restart?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly logging?: { readonly driver: string };
}

export interface Project {
  /** Those that its profiles start. */
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

export interface Choice {
  /** In deploy/. */
  readonly files: readonly string[];
  readonly profiles: readonly string[];
  /** As the shell or deploy/.env would have them. */
  readonly variables?: Readonly<Record<string, string>>;
}

export class Loader {
  readonly #project: string;
  readonly #program = join(BUILD, 'go', 'compose-loader');

  private constructor(project: string) {
    this.#project = project;
  }

  static async compile(project: string): Promise<Loader> {
    const loader = new Loader(project);
    const source = join(project, 'test/deploy/compose/loader');
    await run('go', ['build', '-C', source, '-o', loader.#program, '.']);
    return loader;
  }

  /** @throws Error with what the loader finds wrong */
  async load({ files, profiles, variables = {} }: Choice): Promise<Project> {
    const set = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
    const paths = files.map((file) => join(this.#project, 'deploy', file));
    const flags = ['-profiles', profiles.join(','), '-variables', set.join(',')];
    return JSON.parse(await run(this.#program, [...flags, ...paths])) as Project;
  }
}

export const replicasOf = ({ services }: Project): readonly string[] =>
  Object.keys(services).filter((name) => /^oneslot-\d+$/.test(name));

/** Where a container's path is on this machine. @throws Error where no folder of this machine is mounted there */
export function hostPath({ volumes = [] }: Service, path: string): string {
  const mount = volumes.find(({ type, target }) => type === 'bind' && isIn(target, path));
  if (mount === undefined) throw new Error(`nothing is mounted at ${path}`);
  return join(mount.source, path.slice(mount.target.length));
}

const isIn = (folder: string, path: string): boolean => path === folder || path.startsWith(`${folder}/`);

/** Of a duration as Compose writes it: `15m35s`. */
export function secondsIn(duration: string | undefined): number {
  const [, minutes = 0, seconds = 0] = /^(?:(\d+)m)?(?:(\d+)s)?$/.exec(duration ?? 'none') ?? [];
  const total = Number(minutes) * 60 + Number(seconds);
  if (total === 0) throw new Error(`not a duration in minutes and seconds: ${duration}`);
  return total;
}
