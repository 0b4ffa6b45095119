// A server on a system that koffi has no build for.

const WITHOUT_KOFFI = `
  import { Module } from 'node:module';
  const resolve = Module._resolveFilename;
  Module._resolveFilename = function (name, ...rest) {
    if (name === 'koffi') throw new Error('koffi is not there');
    return resolve.call(this, name, ...rest);
  };
`;

/** Environment of such a server. */
export const withoutKoffi = {
  NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(WITHOUT_KOFFI)}`,
};
