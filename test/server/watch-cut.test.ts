// slow: starts processes and kills them
import { afterAll, expect, test } from 'vitest'
import { createLedger } from '../soak/watch/ledger.ts'
import { soakWatchers } from '../soak/watch/watch.ts'
import { createTestDatabase } from '../support/database.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())

test('watchers that are cut again and again, from two servers of which one is killed, see each event once, in order', async () => {
  const { db, connectionString } = database
  const report = await soakWatchers({ db, connectionString, watchers: 50, cuts: 3, events: 500 })
  expect(report).toMatchObject({ faults: [], cuts: 150 })
})

test.each([
  ['misses one', ['a', 'c'], /saw c where others saw b|saw 2 of 3/],
  ['sees one twice', ['a', 'b', 'b'], /saw b where others saw c/],
  ['sees them in another order', ['b', 'a', 'c'], /saw b where others saw a/],
])('a watcher that %s is found out', (_, seen, words) => {
  const ledger = createLedger(2)
  for (const id of ['a', 'b', 'c']) ledger.note(0, id)
  for (const id of seen) ledger.note(1, id)
  expect(ledger.faults(['a', 'b', 'c']).join()).toMatch(words)
})

test('what nobody saw is found out', () => {
  const ledger = createLedger(1)
  ledger.note(0, 'a')
  expect(ledger.faults(['a', 'b'])).toEqual(['watcher 0 saw 1 of 2', 'place 1 is undefined, not b'])
  expect(ledger.faults(['a'])).toEqual([])
})
