// What the services are allowed, what they reach, and whether their files are where they look for them.

import { strict as assert } from 'node:assert';
import { access, readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { finish, run } from '../../support/programs/command.js';
import type { Report } from '../../support/programs/report.js';
import { type Json, listAt, textAt, valueAt } from '../kubernetes/objects.js';
import { readYaml } from '../kubernetes/sources.js';
import { hostPath, type Mount, type Port, type Project, replicasOf, type Service } from './project.js';

export async function checkServices(report: Report, project: Project): Promise<void> {
  await report.check('no service has a capability, a writable root, or an image that changes', async () =>
    Object.entries(project.services).forEach(checkRights),
  );
  await report.check('no two services want the same port, and only predictions leave the machine', async () =>
    checkPorts(project),
  );
  await report.check('each mounted file and folder is there, and none can be written', () =>
    checkMounts(project),
  );
  await report.check('Prometheus finds its configuration and rules, and knows its flags', () =>
    checkPrometheus(project),
  );
  await report.check('Grafana finds its data source and its dashboards', () => checkGrafana(project));
  await report.check('HAProxy finds its configuration', async () => {
    await access(hostPath(haproxyOf(project), '/usr/local/etc/haproxy/haproxy.cfg'));
  });
  await report.check('HAProxy and Prometheus know every replica by name, and no other', () =>
    checkNames(project),
  );
}

const haproxyOf = ({ services }: Project): Service => services.haproxy ?? assert.fail('no haproxy');

function checkRights([name, service]: [string, Service]): void {
  const { read_only, cap_drop, security_opt, restart, logging, image, build, pull_policy } = service;
  assert.deepEqual(
    { read_only, cap_drop, security_opt, restart, log: logging?.driver },
    {
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      restart: 'unless-stopped',
      log: 'local',
    },
    name,
  );
  if (name.startsWith('oneslot-')) assert.deepEqual([image, pull_policy], ['oneslot', 'never'], name);
  else assert.match(image, /^docker\.io\/.+:v?\d+\.\d+\.\d+$/, name);
  assert.equal(build !== undefined, name === 'oneslot-1', `${name}: only the first builds the image`);
}

function checkPorts({ services }: Project): void {
  const ports = Object.values(services).flatMap(({ ports = [] }) => ports);
  const published = ports.map((port) => port.published);
  assert.equal(new Set(published).size, published.length, `twice the same: ${published}`);
  const isOpen = ({ host_ip = '0.0.0.0' }: Port) => host_ip !== '127.0.0.1';
  const open = Object.entries(services).filter(([, each]) => each.ports?.some(isOpen));
  assert.deepEqual(open.map(([name]) => name).sort(), ['haproxy', 'oneslot-1']);
  assert.deepEqual(
    ports.filter(isOpen).map(({ target }) => target),
    [8080, 8080],
  );
}

async function checkMounts({ services, volumes }: Project): Promise<string> {
  const mounts = Object.values(services).flatMap((service) => service.volumes ?? []);
  for (const { type, source, target, read_only } of mounts) {
    if (type === 'volume') assert.ok(source in volumes, source);
    else assert.equal(read_only, true, `${source} at ${target}`);
  }
  const binds = mounts.filter(({ type }) => type === 'bind');
  await Promise.all(binds.map(isFolder));
  return `${binds.length} of the checkout's`;
}

async function isFolder({ source }: Mount): Promise<void> {
  assert.ok((await stat(source)).isDirectory(), source);
}

async function checkPrometheus({ services }: Project): Promise<void> {
  const { command, volumes = [] } = services.prometheus!;
  const flags = new Map((command ?? []).map((flag) => flag.split('=') as [string, string]));
  const { output } = await finish('prometheus', ['--help']);
  const known = new Set(output.match(/--[a-z][a-z.-]+/g));
  assert.deepEqual(
    [...flags.keys()].filter((flag) => !known.has(flag)),
    [],
  );
  const config = hostPath(services.prometheus!, flags.get('--config.file')!);
  await run('promtool', ['check', 'config', '--lint-fatal', config]);
  const data = volumes.find(({ target }) => target === flags.get('--storage.tsdb.path'));
  assert.equal(data?.type, 'volume', 'its data outlives its container');
}

async function checkGrafana({ services }: Project): Promise<void> {
  const grafana = services.grafana!;
  const provisioning = hostPath(grafana, '/etc/grafana/provisioning');
  const read = async (file: string): Promise<Json> => (await readYaml([join(provisioning, file)]))[0]!;
  const [source, ...more] = listAt(await read('datasources/prometheus.yaml'), 'datasources');
  assert.equal(more.length, 0);
  const { hostname, port } = new URL(textAt(source!, 'url'));
  assert.ok(
    services[hostname]?.ports?.some(({ target }) => target === Number(port)),
    `${hostname}:${port}`,
  );

  const [provider] = listAt(await read('dashboards/oneslot.yaml'), 'providers');
  const shown = textAt(provider!, 'options.path');
  const dashboards = await readdir(hostPath(grafana, shown));
  assert.ok(dashboards.length > 0 && dashboards.every((file) => file.endsWith('.json')), String(dashboards));
  const home = grafana.environment?.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH ?? assert.fail('no home');
  assert.equal(dirname(home), shown);
  await access(hostPath(grafana, home));
}

async function checkNames(project: Project): Promise<void> {
  const replicas = [...replicasOf(project)].sort();
  const balanced = await readFile(hostPath(haproxyOf(project), '/usr/local/etc/haproxy/haproxy.cfg'), 'utf8');
  const servers = [...balanced.matchAll(/^ +server \S+ (\S+):8080\b/gm)].map(([, host]) => host!);
  assert.deepEqual(servers, [...replicas, ...replicas], 'in both backends');

  const config = hostPath(project.services.prometheus!, '/etc/prometheus/oneslot/prometheus-compose.yml');
  const jobs = listAt((await readYaml([config]))[0]!, 'scrape_configs');
  const lookups = jobs.map((job) => {
    const names = valueAt(job, 'dns_sd_configs.0.names') as readonly string[];
    return [textAt(job, 'job_name'), names.map((name) => name.replace(/\.$/, ''))];
  });
  assert.deepEqual(lookups, [
    ['oneslot', replicas],
    ['oneslot-haproxy', ['haproxy']],
  ]);
}
