// Preloaded in the stand-in for the Node image: answers for the NuGet feed that onnxruntime-node's install script
// downloads the CUDA provider from, with a package of made-up libraries that lie beside this file.

const { EventEmitter } = require('node:events');
const { readFileSync } = require('node:fs');
const https = require('node:https');
const { createRequire } = require('node:module');
const { join } = require('node:path');
const { Readable } = require('node:stream');

const LIBRARIES = [
  'libonnxruntime_providers_cuda.so',
  'libonnxruntime_providers_shared.so',
  'libonnxruntime_providers_tensorrt.so',
];
const FEED = 'https://api.nuget.org/';
const PACKAGES = `${FEED}packages/`;

function answer(url) {
  if (url.endsWith('.nupkg')) return ['application/octet-stream', packed()];
  if (url === `${FEED}v3/index.json`)
    return json({ resources: [{ '@type': 'PackageBaseAddress/3.0.0', '@id': PACKAGES }] });
  return json({ versions: [installedVersion()] });
}

const json = (value) => ['application/json', Buffer.from(JSON.stringify(value))];

/** Resolves as the install script does, which is run in the project's folder. */
const fromProject = (name) => createRequire(join(process.cwd(), 'node_modules/onnxruntime-node/'))(name);

const installedVersion = () => fromProject('./package.json').version;

function packed() {
  const zip = new (fromProject('adm-zip'))();
  for (const library of LIBRARIES) {
    zip.addFile(`runtimes/linux-x64/native/${library}`, readFileSync(join(__dirname, library)));
  }
  return zip.toBuffer();
}

const { get } = https;
https.get = (...args) => {
  const url = String(args[0].href ?? args[0]);
  if (!url.startsWith(FEED)) return get(...args);
  const [type, body] = answer(url);
  const response = Object.assign(Readable.from([body]), {
    statusCode: 200,
    headers: { 'content-type': type },
  });
  setImmediate(args.at(-1), response);
  return new EventEmitter();
};
