// All servers that are measured, in the order of the tables.

import { express } from './express.js';
import { haproxy } from './haproxy.js';
import { oneslot } from './oneslot.js';
import type { Peer } from './peer.js';
import { daphne, flask, gunicorn, hypercorn, litserve, uvicorn } from './python-peers.js';

export const PEERS: readonly Peer[] = [
  uvicorn,
  gunicorn,
  hypercorn,
  daphne,
  flask,
  express,
  litserve,
  haproxy,
  oneslot,
];
