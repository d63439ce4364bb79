import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const FILES = 'test/**/*.test.ts'

/**
 * `npm run test:quick` runs all files but those that say in their first line that they are slow, and why: long series of random
 * cases, races of many calls, processes that are started and killed. A new file is in it until it says so. What takes more than
 * about two seconds on an idle machine should, so that the whole stays under a minute; `npm run test:quick` tells how long each
 * file takes.
 */
const SLOW = '// slow: '

/**
 * `npm run test:long` runs files that say so in their first line: rehearsals that kill processes, freeze them, move databases again
 * and again, or wait for a long time to pass. `npm test`, and with it CI, is without them, to stay well below 20 minutes.
 */
const LONG = '// long: '

const startsWith = (mark: string) => (file: string) => readFileSync(file, 'utf8').startsWith(mark)
const isSlow = startsWith(SLOW)
const takesMinutes = startsWith(`${SLOW}minutes`)
const isLong = startsWith(LONG)

function excluded(mode: string): string[] {
  const files = globSync(FILES)
  if (mode === 'long') return files.filter((file) => !isLong(file))
  return files.filter((file) => isLong(file) || (mode === 'quick' && isSlow(file)))
}

/** Slow files come first, those of minutes before all, so that none of them is left alone at the end. */
class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- it sorts no array, but is the order that is otherwise used
    const sorted = await super.sort(files)
    const rank = ({ moduleId }: TestSpecification) => Number(isSlow(moduleId)) + Number(takesMinutes(moduleId))
    return sorted.toSorted((a, b) => rank(b) - rank(a))
  }
}

export default defineConfig(({ mode }) => ({
  test: {
    include: [FILES],
    exclude: excluded(mode),
    sequence: { sequencer: SlowFirst },
    globalSetup: 'test/support/global-setup.ts',
    pool: 'forks',
    // The code keeps no state in modules, so test files can share a process: twice as fast on two cores.
    isolate: false,
    // Tests wait for PostgreSQL more than they compute; the default leaves one core of two idle.
    maxWorkers: '100%',
    // Processes that tests start find their code compiled.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, 'node_modules/.cache/compiled') },
    restoreMocks: true,
    unstubEnvs: true,
    unstubGlobals: true,
    // For a machine that does much else at the same time: no test waits for this long by itself.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
}))
