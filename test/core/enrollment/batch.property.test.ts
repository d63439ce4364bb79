// slow: long series of random cases
import fc from 'fast-check'
import type { Kysely } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import type { DB } from '../../../core/database/schema.ts'
import { attemptBatch } from '../../../core/enrollment/batch.ts'
import type { CallMetadata } from '../../../core/enrollment/command.ts'
import { enrollMany } from '../../../core/enrollment/enroll.ts'
import { enrollCommand } from '../../../core/enrollment/item-command.ts'
import { outlookOf } from '../../../core/enrollment/outlook.ts'
import { AssumedWrongly, prepareBatch, writePrepared } from '../../../core/enrollment/prepare.ts'
import { failure } from '../../../core/errors.ts'
import { defaultPolicy } from '../../../core/policy.ts'
import { enrollmentErrorFrom, enrollStream, type Outcome } from '../../../routers/index.ts'
import { createTestDatabase } from '../../support/database.ts'
import {
  batches,
  buildWorld,
  callerAt,
  NOW,
  worlds,
  type BuiltWorld,
  type Item,
  type Wish,
  type World,
} from './worlds.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database

/** A way to carry out items; answers what each came to. */
type Way = (world: BuiltWorld, items: Item[]) => Promise<unknown[]>

test.each<[string, number, Way, Way]>([
  ['a batch equals its items one after another', 70, (world, items) => asBatch(db, world, items), oneByOne],
  ['so does a batch in a transaction', 30, inTransaction, oneByOne],
  ['so do its halves one after the other', 20, inHalves, oneByOne],
  ['so does a strict batch, and is nothing where an item fails', 40, strict, oneByOneOrNothing],
])('%s: results, rows, attributes, allowances, events', async (_, numRuns, way, reference) => {
  await fc.assert(
    fc.asyncProperty(worlds, batches, fc.boolean(), async (world, batch, isTakenForNew) => {
      expect(await outcome(world, batch, way, isTakenForNew)).toEqual(await outcome(world, batch, reference))
    }),
    { numRuns },
  )
})

test('so does a stream, but for the order between events of different enrollments', async () => {
  await fc.assert(
    fc.asyncProperty(worlds, batches, fc.integer({ min: 1, max: 5 }), async (world, batch, chunkSize) => {
      const streamed = await outcome(world, batch, (built, items) => asStream(built, items, chunkSize))
      expect(byEnrollment(streamed)).toEqual(byEnrollment(await outcome(world, batch, oneByOne)))
    }),
    { numRuns: 70 },
  )
})

test('so does a batch that was prepared before its transaction, but for that order', async () => {
  let assumed = 0
  const prepared: Way = async (world, items) => {
    const batch = items.map((item) => ({
      command: enrollCommand({ ...item, attributes: undefined }),
      metadata: METADATA,
    }))
    const ahead = await prepareBatch(db, batch, defaultPolicy, { isLikelyNew: true })
    if (ahead.kind === 'foreseen') assumed += 1
    const carryOut = (first: typeof attemptBatch) =>
      db.transaction().execute((trx) => enrollMany(trx, batch, defaultPolicy, first))
    const results = await carryOut((...[trx, all, policy]) => writePrepared(trx, all, policy, ahead)).catch(
      (error: unknown) => {
        if (error instanceof AssumedWrongly) return carryOut(attemptBatch)
        throw error
      },
    )
    return results.map((result) => inWords(result, world))
  }
  await fc.assert(
    fc.asyncProperty(worlds, mostlyOpen, fc.boolean(), async (world, batch, isTakenForNew) => {
      const told = await outcome(world, batch, prepared, isTakenForNew)
      expect(byEnrollment(told)).toEqual(byEnrollment(await outcome(world, batch, oneByOne)))
    }),
    { numRuns: 100 },
  )
  // A quarter, mostly.
  expect(assumed).toBeGreaterThan(5)
})

/** Without attributes, mostly of learners of their own for the course run that is open to all. */
const mostlyOpen = batches.map((batch) =>
  batch.map((wish, index): Wish => {
    const rest = { ...wish.rest, attributes: undefined }
    return index < 5 ? { ...wish, learner: index, course: 0, rest } : { ...wish, rest }
  }),
)

const METADATA: CallMetadata = { actor: { kind: 'service', name: 'tests' }, via: 'caller', now: NOW }

test('items in another order differ (so the comparison sees order)', async () => {
  const seats: World = { enrolled: [], allowances: [], staff: [], seats: 1 }
  const batch: Wish[] = [0, 1].map((learner) => ({ learner, named: 'username', course: 1, rest: {} }))
  const [one, other] = [await outcome(seats, batch, oneByOne), await outcome(seats, batch.toReversed(), oneByOne)]
  expect(one).not.toEqual(other)
})

/** All that a batch comes to in a world of its own, without ids. */
async function outcome(world: World, batch: readonly Wish[], way: Way, isTakenForNew = false) {
  const built = await buildWorld(db, world)
  outlookOf(db).newInSuccession = isTakenForNew ? 1_000 : 0
  const results = await way(built, built.items(batch))
  return { results, ...(await stored(built)) }
}

async function oneByOne(world: BuiltWorld, items: readonly Item[]): Promise<unknown[]> {
  const results: unknown[] = []
  for (const item of items) {
    const result = await callerAt(db)
      .enrollment.enroll(item)
      .then(
        (outcome) => ({ ok: true as const, outcome }),
        (error: unknown) => ({ ok: false as const, error: enrollmentErrorFrom(error)?.failure ?? String(error) }),
      )
    results.push(inWords(result, world))
  }
  return results
}

async function asBatch(on: Kysely<DB>, world: BuiltWorld, items: Item[]): Promise<unknown[]> {
  const { results, counts } = await callerAt(on).enrollment.enrollMany({ items })
  expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(items.length)
  return results.map((result) => inWords(result, world))
}

async function asStream(world: BuiltWorld, items: Item[], chunkSize: number): Promise<unknown[]> {
  const results = await Array.fromAsync(enrollStream(callerAt(db), items, { chunkSize }))
  return results.map((result) => inWords(result, world))
}

function byEnrollment(told: Awaited<ReturnType<typeof outcome>>) {
  return { ...told, events: Object.groupBy(told.events, ({ enrollment_id: pair }) => String(pair)) }
}

function inTransaction(world: BuiltWorld, items: Item[]): Promise<unknown[]> {
  return db.transaction().execute((trx) => asBatch(trx, world, items))
}

async function inHalves(world: BuiltWorld, items: Item[]): Promise<unknown[]> {
  const half = Math.ceil(items.length / 2)
  const first = await asBatch(db, world, items.slice(0, half))
  return half === items.length ? first : [...first, ...(await asBatch(db, world, items.slice(half)))]
}

async function strict(world: BuiltWorld, items: Item[]): Promise<unknown[]> {
  const { results } = await callerAt(db).enrollment.enrollMany({ items, failureMode: 'strict' })
  return results.map((result) => inWords(result, world))
}

async function oneByOneOrNothing(world: BuiltWorld, items: Item[]): Promise<unknown[]> {
  const { results } = await callerAt(db).enrollment.enrollMany({ items, dryRun: true })
  if (results.every(({ ok }) => ok)) return oneByOne(world, items)
  const notAttempted = failure('notAttempted', {})
  return results.map((result) => (result.ok ? notAttempted : inWords(result, world)))
}

type Told = { ok: true; outcome: Outcome } | { ok: false; error: unknown }

function inWords(result: Told, world: BuiltWorld): unknown {
  const told: unknown = result.ok ? essence(result.outcome) : result.error
  return JSON.parse(withoutNames(JSON.stringify(told), world))
}

function essence({ kind, enrollment, before, eventId }: Outcome) {
  return { kind, before, hasEvent: eventId !== null, enrollment: { ...enrollment, id: 'id' } }
}

/** Two worlds have different names for the same people and course runs. */
function withoutNames(text: string, { learners, courses }: BuiltWorld): string {
  let plain = text
  for (const [index, { id, username, email }] of learners.entries()) {
    plain = plain.replaceAll(email, `email ${index}`).replaceAll(`"${username}"`, `"learner ${index}"`)
    plain = plain.replaceAll(`'${username}'`, `'learner ${index}'`)
    plain = plain.replaceAll(`"${id}"`, `"id ${index}"`).replaceAll(`'${id}'`, `'id ${index}'`)
  }
  for (const [index, key] of courses.entries()) plain = plain.replaceAll(key, `course ${index}`)
  return plain
}

/** What a world holds, in the order in which it happened. */
async function stored(world: BuiltWorld) {
  const { learners, courses } = world
  const numberOf = (id: number | null) => learners.findIndex((learner) => learner.id === id)
  const rows = await db
    .selectFrom('enrollments as e')
    .innerJoin('courses as c', 'c.id', 'e.course_id')
    .select(['e.id', 'e.learner_id', 'c.course_key', 'e.version', 'e.mode', 'e.is_active', 'e.created', 'e.updated'])
    .where('c.course_key', 'in', courses)
    .orderBy('e.learner_id')
    .orderBy('e.course_id')
    .execute()
  const pairs = new Map(
    rows.map((row) => [row.id, `${numberOf(row.learner_id)} in ${courses.indexOf(row.course_key)}`]),
  )
  const ids = ['0', ...pairs.keys()]
  const attributes = await db
    .selectFrom('enrollment_attributes')
    .select(['enrollment_id', 'position', 'namespace', 'name', 'value'])
    .where('enrollment_id', 'in', ids)
    .orderBy('position')
    .execute()
  const claims = await db
    .selectFrom('enrollment_allowances')
    .select(['course_key', 'claimed_by'])
    .where('course_key', 'in', courses)
    .orderBy('id')
    .execute()
  const events = await db
    .selectFrom('enrollment_events')
    .selectAll()
    .where('enrollment_id', 'in', ids)
    .orderBy('id')
    .execute()
  const pairOf = (id: string) => pairs.get(id)
  const attributesOf = (id: string) => attributes.filter((attribute) => attribute.enrollment_id === id)
  return {
    rows: rows.map((row) => ({ ...row, ...NO_IDS, pair: pairOf(row.id) })),
    attributes: rows.map(({ id }) => attributesOf(id).map((row) => [row.position, row.namespace, row.name, row.value])),
    claims: claims.map((row) => [courses.indexOf(row.course_key), numberOf(row.claimed_by)]),
    events: events.map((event) => ({ ...event, ...NO_IDS, enrollment_id: pairOf(event.enrollment_id) })),
  }
}

const NO_IDS = { id: null, learner_id: null, course_key: null, transaction_id: null, batch_id: null }
