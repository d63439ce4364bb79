// slow: long series of random cases
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { openDatabase } from '../../../core/database/open.ts'
import { outlookOf } from '../../../core/enrollment/outlook.ts'
import { createTestDatabase } from '../../support/database.ts'
import { openWire } from '../../support/wire.ts'
import { buildBurstWorld, runBursts } from './burst-world.ts'
import { anyBursts } from './bursts.ts'
import { expectSomeSequence } from './sequence.ts'
import { expectStored, isUnavailable, withWhatWasKept } from './stored.ts'

const database = await createTestDatabase()
const { db, connectionString } = database
const wire = await openWire(connectionString)
// Without a deadline: a call that is given up may be kept after it was looked for.
const pool = openDatabase({ connectionString: wire.connectionString, poolSize: 6, requestDeadlineMs: 0 })
afterAll(async () => {
  await pool.destroy()
  await wire[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

test('bursts while connections are cut come to what some sequence of the calls that were kept comes to', async () => {
  void cutAgainAndAgain()
  let [lost, kept] = [0, 0]
  await fc.assert(
    fc.asyncProperty(fc.nat(4), anyBursts, fc.boolean(), async (seats, bursts, areTakenForNew) => {
      const world = await buildBurstWorld(db, seats)
      outlookOf(pool).newInSuccession = areTakenForNew ? 10_000 : 0
      // What was kept of a batch whose end nobody was told could not be told apart.
      const single = bursts.map((burst) => ({ ...burst, isBatch: false }))
      const told = await runBursts([pool], world, single)
      const found = await withWhatWasKept(db, world, told)
      for (const [number, course] of world.courses.entries()) {
        const own = found.filter(({ ask }) => ask.course === number)
        const state = expectSomeSequence(own, course)
        await expectStored(db, { world, course, told: own, state })
      }
      const unavailable = told.filter(isUnavailable).length
      lost += told.length - found.length
      kept += unavailable - (told.length - found.length)
    }),
    { numRuns: 30, endOnFailure: true },
  )
  // Calls of both sorts were cut.
  expect(lost).toBeGreaterThan(0)
  expect(kept).toBeGreaterThan(0)
})

/** Each cut waits for a round with a call of one actor, whose name stands in what is written. */
async function cutAgainAndAgain(): Promise<never> {
  for (let count = 0; ; count += 1) {
    const actor = Math.floor(Math.random() * 3)
    const at = (['request', 'commit', 'answer'] as const)[count % 3] ?? 'answer'
    const cut = await wire.ambush(`actor ${actor}`, at)
    cut()
    await sleep(Math.random() * 20)
  }
}
