// Requests to a Kubernetes API server, as kubectl makes them: server-side apply, and no unknown field let through.

import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { type Fields, type KubernetesObject, listAt, textAt } from './objects.js';

export interface ApiOptions {
  /** `host:port`. */
  readonly address: string;
  readonly ca: string;
  readonly token: string;
}

export interface ApiAnswer {
  readonly status: number;
  /** The object, or the Status that says why not. */
  readonly body: Fields;
  /** What kubectl would show beside a success. */
  readonly warnings: string | undefined;
}

export class Api {
  readonly #options: ApiOptions;

  constructor(options: ApiOptions) {
    this.#options = options;
  }

  /** The same server, as somebody else. */
  as(token: string): Api {
    return new Api({ ...this.#options, token });
  }

  async ask(method: string, path: string, body?: object, type = 'application/json'): Promise<ApiAnswer> {
    const answer = await this.#send(method, path, body, type);
    const content = await text(answer);
    const isJson = answer.headers['content-type']?.startsWith('application/json');
    const warnings = answer.headers.warning;
    return {
      status: answer.statusCode!,
      body: isJson ? (JSON.parse(content) as Fields) : { content },
      warnings,
    };
  }

  /** As `kubectl apply --server-side` does. */
  async apply(object: KubernetesObject): Promise<ApiAnswer> {
    const query = 'fieldManager=kubectl&fieldValidation=Strict';
    return this.ask('PATCH', `${await this.pathOf(object)}?${query}`, object, 'application/apply-patch+yaml');
  }

  /** Where the object is, or would be. */
  async pathOf({ apiVersion, kind, metadata }: KubernetesObject): Promise<string> {
    const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const { body } = await this.ask('GET', group);
    const resource = listAt(body, 'resources').find(
      (each) => each.kind === kind && !textAt(each, 'name').includes('/'),
    );
    if (resource === undefined) throw new Error(`the server has no ${kind} of ${apiVersion}`);
    const namespace = resource.namespaced ? `/namespaces/${String(metadata.namespace)}` : '';
    return `${group}${namespace}/${textAt(resource, 'name')}/${String(metadata.name)}`;
  }

  #send(method: string, path: string, body: object | undefined, type: string): Promise<IncomingMessage> {
    const { address, ca, token } = this.#options;
    const headers = { Authorization: `Bearer ${token}`, Accept: 'application/json', 'Content-Type': type };
    return new Promise((resolve, reject) => {
      const sent = request(`https://${address}${path}`, { method, ca, headers, agent: false }, resolve);
      sent.on('error', reject);
      sent.end(body && JSON.stringify(body));
    });
  }
}
