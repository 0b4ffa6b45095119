// Callers who do not wait: those whose patience ends, and those who leave.

import type { Generator } from './case.js';
import { anyGood, jsonRequest, withHeader } from './good.js';

/** Mostly too short: refused at once, or too late. */
const deadlines: Generator = (random, material) => {
  const request = anyGood(random, material);
  const seconds = random.pick(['0', '0.001', '0.003', '0.01', '0.05']);
  return { ...withHeader(request, 'prefer', `wait=${seconds}`), hasDeadline: true };
};

const timeouts: Generator = (random) => {
  const parameters = { timeout: 1 + random.below(20_000), priority: random.below(8) };
  const body = JSON.stringify({ inputs: { iterations: [random.below(800)] }, parameters });
  return { ...jsonRequest('small-burn', body), statuses: [200], hasDeadline: true };
};

/** Runs last from microseconds to some milliseconds, far less than a runner takes to be replaced. */
const leaving: Generator = (random, material) => {
  const leavesAfterMs = random.below(12);
  if (random.below(2) === 0) return { ...anyGood(random, material), leavesAfterMs };
  const body = JSON.stringify({ inputs: { iterations: [random.below(1200)] } });
  return { ...jsonRequest('small-burn', body), statuses: [200], leavesAfterMs };
};

/** Worker threads write the answer; its caller leaves before, meanwhile, or as it is sent. */
const leavingTheAnswer: Generator = (random) => {
  const body = JSON.stringify({ inputs: { count: [8 + random.below(12)] } });
  return { ...jsonRequest('big-output', body), statuses: [200], leavesAfterMs: random.below(60) };
};

/** The body never comes whole: its caller leaves before. No other request could use its connection. */
const leavingMidBody: Generator = (random, material) => {
  const request = anyGood(random, material);
  const { 'transfer-encoding': _, ...rest } = request.headers;
  const promised = request.body.length + 1 + random.below(1000);
  const headers = { ...rest, 'content-length': promised, connection: 'close' };
  return { ...request, headers, leavesAfterMs: random.below(12) };
};

/** Thirty bytes that ask for megabytes, or for more than there is memory. */
const largeAnswers: Generator = (random) => {
  const count = random.pick([300, 400, 1000, 10 ** 12]) + random.below(100);
  const outputs = random.below(2) === 0 ? { outputs: ['positions'] } : {};
  const request = jsonRequest('big-output', JSON.stringify({ inputs: { count: [count] }, ...outputs }));
  const accept = random.pick(['application/json', 'application/octet-stream', 'text/event-stream']);
  const statuses = [422, ...(count > 10 ** 9 ? [500] : []), ...(accept === 'text/event-stream' ? [200] : [])];
  return { ...withHeader(request, 'accept', accept), statuses };
};

export const CALLERS: Readonly<Record<string, Generator>> = {
  deadlines,
  timeouts,
  leaving,
  leavingMidBody,
  leavingTheAnswer,
  largeAnswers,
};
