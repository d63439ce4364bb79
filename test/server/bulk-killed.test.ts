// slow: starts and kills processes
import { afterAll, expect, test } from 'vitest'
import { rehearseBulk } from '../soak/bulk/rehearse.ts'
import { createTestDatabase } from '../support/database.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())

// `npm run soak:bulk` is the long form: a million lines, rosters and undoings, five kills each.
test('a job whose server is killed ends as one that nobody disturbed: each line once, each change with one event', async () => {
  const { db, connectionString } = database
  const { kills, faults, outcome } = await rehearseBulk({ db, connectionString, kind: 'file', lines: 8_000, kills: 1 })
  expect(faults).toEqual([])
  expect(kills, 'it was killed in the middle').toBe(1)
  expect(outcome.counts).toEqual({ created: 7_998, duplicateLine: 1, learnerNotFound: 1 })
}, 300_000)
