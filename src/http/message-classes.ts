// Requests and responses that are Express's own from the start.
//
// Express gives each request and response its prototype by Object.setPrototypeOf. An object that was changed so outlives
// V8's quick collections of what is young, and everything that it leads to with it: the slow collections come several
// times a second, and a server of tiny requests does a quarter of what it could. Where the prototype is the right one
// already, Express changes nothing.

import { IncomingMessage, type ServerOptions, ServerResponse } from 'node:http';
import type { Express } from 'express';

/** For `http.createServer`; one app can have one server only. */
export function messageClassesOf(app: Express): Pick<ServerOptions, 'IncomingMessage' | 'ServerResponse'> {
  class AppRequest extends IncomingMessage {}
  class AppResponse extends ServerResponse {}
  app.request = Object.setPrototypeOf(AppRequest.prototype, app.request);
  app.response = Object.setPrototypeOf(AppResponse.prototype, app.response);
  return { IncomingMessage: AppRequest, ServerResponse: AppResponse } as ServerOptions;
}
