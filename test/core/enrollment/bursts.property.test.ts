// slow: long series of random cases
import fc from 'fast-check'
import type { Kysely } from 'kysely'
import { afterAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../../../core/database/open.ts'
import type { DB } from '../../../core/database/schema.ts'
import { outlookOf } from '../../../core/enrollment/outlook.ts'
import { counting } from '../../support/counting.ts'
import { createTestDatabase } from '../../support/database.ts'
import { openWire } from '../../support/wire.ts'
import { buildBurstWorld, runBursts } from './burst-world.ts'
import { anyBursts } from './bursts.ts'
import { expectSomeSequence } from './sequence.ts'
import { expectStored } from './stored.ts'

const database = await createTestDatabase()
const { db, connectionString } = database
const wire = await openWire(connectionString, { delayMs: () => Math.random() * 3 })
// With the patience that a slow machine takes: nobody is told what becomes of a call that is given up.
const patience = { lockTimeoutMs: 60_000, requestDeadlineMs: 0 }
const [one, other] = [openDatabase({ connectionString, ...patience }), openDatabase({ connectionString, ...patience })]
const slow = openDatabase({ connectionString: wire.connectionString, ...patience })
afterAll(async () => {
  for (const pool of [one, other, slow]) await pool.destroy()
  await wire[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

describe.each<[string, Kysely<DB>[], number]>([
  ['on one pool', [one], 40],
  ['on two pools', [one, other], 30],
  ['on a pool whose database is slow', [slow], 15],
  ['on two pools, one of which is slow', [one, slow], 15],
])('bursts of calls and batches of several actors: %s', (_, pools, numRuns) => {
  test('come to what some sequence of them comes to, one change one event', async () => {
    const counted = pools.map(counting)
    const on = counted.map((pool) => pool.db)
    const sizes: number[] = []
    let calls = 0
    await fc.assert(
      fc.asyncProperty(fc.nat(4), anyBursts, fc.boolean(), async (seats, bursts, areTakenForNew) => {
        const world = await buildBurstWorld(db, seats)
        for (const pool of on) outlookOf(pool).newInSuccession = areTakenForNew ? 10_000 : 0
        const told = await runBursts(on, world, bursts)
        calls += told.length
        expect(told).toHaveLength(bursts.flatMap(({ asks }) => asks).length)
        for (const [number, course] of world.courses.entries()) {
          const own = told.filter(({ ask }) => ask.course === number)
          const state = expectSomeSequence(own, course)
          sizes.push(...(await expectStored(db, { world, course, told: own, state })))
        }
      }),
      // The same calls are not the same race again.
      { numRuns, endOnFailure: true },
    )
    // There were rounds of one call and of several.
    expect(Math.min(...sizes)).toBe(1)
    expect(Math.max(...sizes)).toBeGreaterThan(1)
    expect(counted.reduce((sum, { statements }) => sum + statements(), 0)).toBeLessThan(calls)
  })
})
