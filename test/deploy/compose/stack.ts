// The services as processes of this machine: real replicas, and Prometheus and HAProxy as shipped, behind a DNS that
// is told of containers that come and go. Grafana is not among them.
//
// Put in the place of what an engine gives: loopback addresses for containers', `Names` for its DNS, the CPU for GPUs,
// and free ports for 8080 and 8404, which many containers may have but one machine has once. Prometheus scrapes and
// looks names up each second, in place of each ten.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type Oneslot, startOneslot } from '../../support/oneslot.js';
import { track } from '../../support/programs/command.js';
import { type Prometheus, startPrometheus } from '../../support/programs/prometheus.js';
import { type Balancer, startHaproxy } from '../balancing/balancers.js';
import type { Context } from '../part.js';
import { Names } from './names.js';
import { hostPath, type Project, type Service } from './project.js';

/** The first of those that replicas get, each its own; no other part has these. */
const FIRST_ADDRESS = 41;

export class Stack {
  readonly replicas = new Map<string, Oneslot>();
  #containers = 0;

  private constructor(
    readonly context: Context,
    readonly project: Project,
    readonly names: Names,
    readonly port: number,
  ) {}

  static async start(context: Context, project: Project): Promise<Stack> {
    const names = await Names.start(context.folder, context.cleanup);
    const port = await freePort(`127.0.0.${FIRST_ADDRESS}`);
    return new Stack(context, project, names, port);
  }

  service(name: string): Service {
    const service = this.project.services[name];
    if (service === undefined) throw new Error(`there is no service ${name}`);
    return service;
  }

  /** A new container of a replica: it has the service's environment and models, and an address that none had before. */
  async startReplica(name: string): Promise<Oneslot> {
    const address = `127.0.0.${FIRST_ADDRESS + this.#containers++}`;
    const service = this.service(name);
    const replica = await startOneslot({
      models: hostPath(service, '/app/models'),
      args: ['--host', address, '--port', String(this.port)],
      env: { ...service.environment, ONESLOT_PROVIDER: 'cpu' },
    });
    track(replica.child);
    this.context.cleanup.add(() => replica[Symbol.asyncDispose]());
    this.replicas.set(name, replica);
    this.names.addresses.set(name, address);
    return replica;
  }

  /** One that dies with its container: its name is gone too. */
  async removeReplica(name: string): Promise<void> {
    this.names.addresses.delete(name);
    await this.replicas.get(name)!.signal('SIGKILL');
  }

  async startHaproxy(): Promise<Balancer> {
    const { environment = {} } = this.service('haproxy');
    const replicas = [1, 2, 3].map((number) => `oneslot-${number}:${this.port}`);
    const surroundings = { env: environment, through: this.names.through };
    const balancer = await startHaproxy(this.context, replicas, surroundings);
    this.names.addresses.set('haproxy', new URL(balancer.url).hostname);
    return balancer;
  }

  async startPrometheus({ operatorsUrl }: Balancer): Promise<Prometheus> {
    const shipped = hostPath(this.service('prometheus'), '/etc/prometheus/oneslot');
    const read = (name: string) => readFile(join(shipped, name), 'utf8');
    const config = (await read('prometheus-compose.yml'))
      .replaceAll(/: (5|10)s$/gm, ': 1s')
      .replace('port: 8080', `port: ${this.port}`)
      .replace('port: 8404', `port: ${new URL(operatorsUrl).port}`);
    return await startPrometheus({
      folder: join(this.context.folder, 'prometheus'),
      config,
      files: {
        'oneslot.rules.yml': await read('oneslot.rules.yml'),
        'oneslot.alerts.yml': await read('oneslot.alerts.yml'),
      },
      cleanup: this.context.cleanup,
      through: this.names.through,
    });
  }
}

async function freePort(address: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, address, resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
