// Plain Express with onnxruntime-node in the same process.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { freePort, PROJECT, Server } from '../servers.js';
import { formsUnder } from './forms.js';
import { type Peer, PeerServer } from './peer.js';

const PROGRAM = fileURLToPath(new URL('./express/server.js', import.meta.url));

export const express: Peer = {
  name: 'express',
  title: 'Express, onnxruntime-node in its process',
  routes: [{ name: '', forms: formsUnder('') }],
  hasMetrics: false,
  shimmed: 'an endpoint for each kind of work; /healthz',
  versions: async () =>
    `express ${await versionOf('express')}, onnxruntime-node ${await versionOf('onnxruntime-node')}, Node ${process.versions.node}`,
  prepare: async () => {},
  start: async ({ processes, provider }, { models, threads }) => {
    const port = await freePort();
    const child = processes.spawnGroup(process.execPath, [PROGRAM], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        ...process.env,
        MODELS: models,
        THREADS: String(threads),
        PORT: String(port),
        PROVIDER: provider,
      },
    });
    const server = new Server({ name: express.title, child, commandLine: 'node server.js' });
    server.url = `http://127.0.0.1:${port}`;
    await server.answers('/healthz');
    return new PeerServer(express, [server], processes);
  },
};

async function versionOf(name: string): Promise<string> {
  const text = await readFile(`${PROJECT}node_modules/${name}/package.json`, 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
