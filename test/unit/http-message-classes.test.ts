import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import express from 'express';
import { messageClassesOf } from '../../src/http/message-classes.js';

const prototypesOf = (...objects: readonly object[]) =>
  objects.map((object) => Object.getPrototypeOf(object) as object);

test('Express finds requests and responses with its prototypes, and changes none', async () => {
  const app = express();
  app.response.ours = () => 'still there';
  let before: readonly object[] = [];
  let after: readonly object[] = [];
  app.get('/hello/:name', (request, response) => {
    after = prototypesOf(request, response);
    response.json({ name: request.params.name, host: request.get('host'), ours: response.ours!() });
  });
  const server = createServer(messageClassesOf(app), (request, response) => {
    before = prototypesOf(request, response);
    app(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const answer = await fetch(`http://${host}/hello/you`);
  expect(await answer.json()).toEqual({ name: 'you', host, ours: 'still there' });
  expect(after[0]).toBe(before[0]);
  expect(after[1]).toBe(before[1]);
  server.closeAllConnections();
  server.close();
});

declare global {
  namespace Express {
    interface Response {
      ours?: () => string;
    }
  }
}
