import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/support/global-setup.ts',
    pool: 'forks',
    // The code keeps no state in modules, so test files can share a process: twice as fast on two cores.
    isolate: false,
    // Tests wait for PostgreSQL more than they compute; the default leaves one core of two idle.
    maxWorkers: '100%',
    restoreMocks: true,
    unstubEnvs: true,
    unstubGlobals: true,
    // For a machine that does much else at the same time: no test waits for this long by itself.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
