// slow: long series of random cases
import fc from 'fast-check'
import type { Kysely } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import type { EnterpriseDB } from '../../../enterprise/database/schema.ts'
import type { RowOutcome } from '../../../enterprise/bulk/answer.ts'
import { enroll, type RowRequest } from '../calls.ts'
import { createEnterpriseDatabase } from '../seed.ts'
import { stored } from './stored.ts'
import { batches, buildWorld, worlds, type BuiltWorld, type Wish, type World } from './worlds.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database

/** A way to carry out rows; answers what each came to. */
type Way = (world: BuiltWorld, rows: RowRequest[]) => Promise<RowOutcome[]>

test.each<[string, number, Way, Way]>([
  ['a batch comes to the same as its rows one after another', 60, asBatch(db), oneByOne],
  ['so does a batch in a transaction', 20, inTransaction, oneByOne],
  ['so do its halves', 20, inHalves, oneByOne],
  ['so does a strict batch, and is nothing where a row is refused', 30, strict, oneByOneOrNothing],
])('%s: outcomes, and all that is kept', async (_, numRuns, way, reference) => {
  await fc.assert(
    fc.asyncProperty(worlds, batches, async (world, batch) => {
      expect(await outcome(world, batch, way)).toEqual(await outcome(world, batch, reference))
    }),
    { numRuns },
  )
})

test('rows in another order differ (so the comparison sees order)', async () => {
  const world: World = { seats: 1, enrolled: [], links: [], pending: [], intentions: [] }
  const batch = [0, 1].map((learner): Wish => ({
    person: { learner, named: 'userId' },
    course: 1,
    funding: 'L1',
    rest: {},
  }))
  const [one, other] = [await outcome(world, batch, oneByOne), await outcome(world, batch.toReversed(), oneByOne)]
  expect(one).not.toEqual(other)
})

/** All that a batch comes to in a world of its own, without ids. */
async function outcome(world: World, batch: readonly Wish[], way: Way) {
  const built = await buildWorld(db, world)
  const rows = await way(built, built.rows(batch))
  return { rows: inWords(rows, built), ...(await stored(db, built)) }
}

async function oneByOne({ customer }: BuiltWorld, rows: RowRequest[]): Promise<RowOutcome[]> {
  const outcomes: RowOutcome[] = []
  for (const row of rows) outcomes.push(...(await enroll(db, customer, [row], { notify: true })).rows)
  return outcomes
}

function asBatch(on: Kysely<EnterpriseDB>): Way {
  return async ({ customer }, rows) => {
    const answer = await enroll(on, customer, rows, { notify: true })
    expect(Object.values(answer.counts).reduce((sum, count) => sum + count, 0)).toBe(rows.length)
    expect(answer.rows.map(({ index }) => index)).toEqual(rows.map((_, index) => index))
    return answer.rows
  }
}

function inTransaction(world: BuiltWorld, rows: RowRequest[]): Promise<RowOutcome[]> {
  return db.transaction().execute((trx) => asBatch(trx)(world, rows))
}

async function inHalves(world: BuiltWorld, rows: RowRequest[]): Promise<RowOutcome[]> {
  const half = Math.ceil(rows.length / 2)
  const first = await asBatch(db)(world, rows.slice(0, half))
  return half === rows.length ? first : [...first, ...(await asBatch(db)(world, rows.slice(half)))]
}

async function strict({ customer }: BuiltWorld, rows: RowRequest[]): Promise<RowOutcome[]> {
  return (await enroll(db, customer, rows, { notify: true, failureMode: 'strict' })).rows
}

async function oneByOneOrNothing(world: BuiltWorld, rows: RowRequest[]): Promise<RowOutcome[]> {
  const options = { notify: true, dryRun: true, failureMode: 'strict' } as const
  const planned = await enroll(db, world.customer, rows, options)
  return planned.rows.every(({ ok }) => ok) ? oneByOne(world, rows) : planned.rows
}

/** Two worlds have other names for the same; fulfilments are told apart by the order in which they come up. */
function inWords(rows: readonly RowOutcome[], { learners, courses, addresses }: BuiltWorld): unknown[] {
  const fulfilments: (string | null)[] = [null]
  const plain = rows.map((row) => {
    if (!row.ok) return { ...row, index: null }
    if (!fulfilments.includes(row.fulfilmentId)) fulfilments.push(row.fulfilmentId)
    const fulfilmentId = fulfilments.indexOf(row.fulfilmentId)
    return { ...row, index: null, fulfilmentId, enrollmentId: row.enrollmentId !== null, events: row.events.length }
  })
  let text = JSON.stringify(plain)
  for (const [index, { id, username, email }] of learners.entries()) {
    text = text.replaceAll(new RegExp(email, 'gi'), `email ${index}`).replaceAll(`"${username}"`, `"learner ${index}"`)
    text = text.replaceAll(`"${id}"`, `"id ${index}"`).replaceAll(`'${id}'`, `'id ${index}'`)
  }
  for (const [index, key] of courses.entries()) text = text.replaceAll(key, `course ${index}`)
  for (const [index, email] of addresses.entries()) text = text.replaceAll(new RegExp(email, 'gi'), `address ${index}`)
  // A refusal may name a fulfilment.
  return JSON.parse(text.replaceAll(/"fulfilmentId":"[^"]+"/g, '"fulfilmentId":"F"'))
}
