// The tests run as compiled: dist/ holds just what is shipped, so the runner's child process is the real one.
export default {
  testEnvironment: 'node',
  transform: {},
  testMatch: ['<rootDir>/dist/test/**/*.test.js'],
  testTimeout: 60_000,
  // Most of them wait for processes, and jest itself needs no core of its own.
  maxWorkers: '100%',
};
