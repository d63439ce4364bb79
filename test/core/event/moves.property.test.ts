// long: starts a cluster and moves a database many times
import fc from 'fast-check'
import type { ControlledTransaction } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDatabase, type Database } from '../../../core/database/open.ts'
import type { DB } from '../../../core/database/schema.ts'
import { startEmbeddedDatabase } from '../../../embedded/start.ts'
import { createCaller } from '../../../routers/index.ts'
import { lmsTables } from '../../../lms/database/migrate.ts'
import { builtInExtensions } from '../../../server/extensions.ts'
import { migrateAll } from '../../../server/migrations.ts'
import { copyDatabase } from '../../support/copy-database.ts'
import { eventually } from '../../support/eventually.ts'
import { createTestDatabase } from '../../support/database.ts'
import { freshDirectory } from '../../support/embedded.ts'
import { addCourse, addLearner } from '../../support/seed.ts'
import { runStatement } from '../../support/statement.ts'
import { makeFeedAnew, newReader, readOn, useTransactionIds, type Reader } from './readers.ts'

const actor = { kind: 'service', name: 'tests' } as const
const WRITERS = 3
const READERS = 3

// Two clusters whose transaction ids differ; the service moves between them.
const undo = new AsyncDisposableStack()
afterAll(() => undo.disposeAsync())
const other = { connectionString: '', databases: 0 }

beforeAll(async () => {
  const server = undo.use(
    await startEmbeddedDatabase({ dataDir: await freshDirectory(), mode: 'owner', durable: false }),
  )
  other.connectionString = server.connectionString
  const db = openDatabase(server)
  await migrateAll(db, [...builtInExtensions, lmsTables])
  await useTransactionIds(db, 150_000)
  await db.destroy()
})

type Step =
  | { readonly do: 'write'; readonly writer: number; readonly learner: number }
  | { readonly do: 'commit' | 'rollback'; readonly writer: number }
  | { readonly do: 'read'; readonly reader: number; readonly limit: number }
  | { readonly do: 'dump' | 'move' }

const anyWriter = fc.nat(WRITERS - 1)
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('write' as const), writer: anyWriter, learner: fc.nat(2) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('commit' as const), writer: anyWriter }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('rollback' as const), writer: anyWriter }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      reader: fc.nat(READERS - 1),
      limit: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('dump' as const, 'move' as const) }) },
)

test('any reader of any history gets each event once, in the order of each enrollment', async () => {
  const seen = { moves: 0, events: 0 }
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 30, maxLength: 60 }), async (steps) => {
      await using world = await openWorld()
      for (const step of steps) await world.take(step)
      await world.take({ do: 'move' })
      for (let writer = 0; writer < WRITERS; writer += 1) await world.take({ do: 'write', writer, learner: 0 })
      for (let writer = 0; writer < WRITERS; writer += 1) await world.take({ do: 'commit', writer })
      const final = await world.finish()
      for (const { tags } of world.readers) {
        expect(new Set(tags).size).toBe(tags.length)
        expect(new Set(final).difference(new Set(tags))).toEqual(new Set())
        for (const learner of ['0', '1', '2']) {
          const steps = tags.filter((tag) => tag?.startsWith(learner)).map((tag) => Number(tag?.split('-')[1]))
          expect(steps).toEqual(steps.toSorted((a, b) => a - b))
        }
      }
      seen.moves += world.moves()
      seen.events += final.length
    }),
    { numRuns: 8, endOnFailure: true },
  )
  expect(seen.moves).toBeGreaterThan(0)
  expect(seen.events).toBeGreaterThan(0)
})

async function openWorld() {
  const opened = new AsyncDisposableStack()
  let place = await openPlace(opened, 0)
  const courseId = await addCourse(place.db)
  const usernames: string[] = []
  for (let n = 0; n < 3; n += 1) usernames.push((await addLearner(place.db)).username)
  const readers: Reader[] = Array.from({ length: READERS }, () => newReader())
  const open = new Map<number, ControlledTransaction<DB>>()
  const locks = new Map<number, number>()
  let dumped: Awaited<ReturnType<typeof openPlace>> | null = null
  let moves = 0
  let written = 0

  async function write(writer: number, learner: number) {
    const holder = locks.get(learner)
    // Nobody else writes to a row that an open transaction has written to.
    if (holder !== undefined && holder !== writer) return
    let trx = open.get(writer)
    if (trx === undefined) open.set(writer, (trx = await place.db.startTransaction().execute()))
    locks.set(learner, writer)
    written += 1
    const caller = createCaller({ db: trx, actor })
    const key = { username: usernames[learner] ?? '', courseId }
    const existing = await caller.enrollment.get(key)
    const isActive = existing?.isActive !== true
    await caller.enrollment.enroll({ ...key, isActive, whenEnrolled: 'update', reason: `${learner}-${written}` })
  }

  async function end(writer: number, how: 'commit' | 'rollback') {
    const trx = open.get(writer)
    open.delete(writer)
    for (const [learner, holder] of locks) if (holder === writer) locks.delete(learner)
    await trx?.[how]().execute()
  }

  async function dump() {
    const next = await openPlace(opened, moves + 1)
    await copyDatabase(place.url, next.url)
    dumped = next
  }

  async function move() {
    if (dumped === null) await dump()
    for (const writer of open.keys()) await end(writer, 'rollback')
    place = dumped ?? place
    dumped = null
    moves += 1
  }

  return {
    readers,
    moves: () => moves,
    async take(step: Step) {
      if (step.do === 'write') await write(step.writer, step.learner)
      else if (step.do === 'read') await readOn(readers[step.reader] ?? newReader(), place.db, step.limit)
      else if (step.do === 'commit' || step.do === 'rollback') await end(step.writer, step.do)
      else if (step.do === 'dump') await dump()
      else await move()
    },
    /** Lets every reader come to the end. */
    async finish(): Promise<(string | null)[]> {
      const all = await place.db.selectFrom('enrollment_events').select('reason').execute()
      const tags = all.map(({ reason }) => reason)
      await eventually(async () => {
        for (const reader of readers) {
          await readOn(reader, place.db)
          expect(new Set(tags).difference(new Set(reader.tags))).toEqual(new Set())
        }
      }, 5_000)
      return tags
    },
    async [Symbol.asyncDispose]() {
      for (const writer of open.keys()) await end(writer, 'rollback')
      await opened.disposeAsync()
    },
  }
}

/** A migrated, empty database: in turn in the cluster of all tests and in the other one. */
async function openPlace(opened: AsyncDisposableStack, turn: number): Promise<{ db: Database; url: string }> {
  if (turn % 2 === 0) {
    const { db, connectionString } = opened.use(await createTestDatabase())
    await makeFeedAnew(db)
    return { db, url: connectionString }
  }
  other.databases += 1
  const name = `moved_${other.databases}`
  const { pathname } = new URL(other.connectionString)
  const admin = new URL(other.connectionString)
  admin.pathname = 'postgres'
  await runStatement(admin.href, `create database ${name} template ${pathname.slice(1)}`)
  const url = new URL(other.connectionString)
  url.pathname = name
  const db = opened.use(openDatabase({ connectionString: url.href }))
  await makeFeedAnew(db)
  return { db, url: url.href }
}
