// oneslot itself, as the command that users start.

import { readFile } from 'node:fs/promises';
import { PROJECT, startOneslot } from '../servers.js';
import { burnBody, post } from './forms.js';
import { type Forms, type Peer, PeerServer } from './peer.js';

const FORMS: Forms = {
  wait: undefined,
  burn: (iterations, seed = 1, headers) => post('/predict/burn', burnBody(iterations, seed), headers),
  digits: (body) => post('/predict/digits', body),
  weigh: (input) => ({
    method: 'POST',
    path: '/predict/weigh',
    headers: { 'content-type': 'application/octet-stream', accept: 'application/octet-stream' },
    body: input,
  }),
};

export const oneslot: Peer = {
  name: 'oneslot',
  title: 'oneslot',
  routes: [{ name: '', forms: FORMS }],
  hasMetrics: true,
  shimmed: 'nothing; it only runs models, so where others wait for a second it runs burn for as long',
  versions: async () => {
    const text = await readFile(`${PROJECT}package.json`, 'utf8');
    return `oneslot ${(JSON.parse(text) as { version: string }).version}, Node ${process.versions.node}`;
  },
  prepare: async () => {},
  start: async (bench, { models, threads, queueLimit }) => {
    const limit = queueLimit === undefined ? [] : ['--queue-limit', String(queueLimit)];
    const args = ['--intra-op-threads', String(threads), ...limit, '--log-level', 'warn'];
    const server = await startOneslot(bench, { models, args });
    return new PeerServer(oneslot, [server], bench.processes);
  },
};
