import { globSync, readFileSync } from 'node:fs'
import { defineConfig } from 'vitest/config'

const FILES = 'test/**/*.test.ts'

/**
 * `npm run test:quick` runs all files but those that say in their first line that they are slow, and why: long series of random
 * cases, races of many calls, processes that are started and killed. A new file is in it until it says so. What takes more than
 * about two seconds on an idle machine should, so that the whole stays under a minute; `npm run test:quick` tells how long each
 * file takes.
 */
const SLOW = '// slow: '

const slowFiles = () => globSync(FILES).filter((file) => readFileSync(file, 'utf8').startsWith(SLOW))

export default defineConfig(({ mode }) => ({
  test: {
    include: [FILES],
    exclude: mode === 'quick' ? slowFiles() : [],
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
}))
