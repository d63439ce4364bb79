// slow: cuts connections again and again
import { sql } from 'kysely'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../../../core/database/open.ts'
import { createCaller, enrollmentErrorFrom, type Caller, type Outcome } from '../../../routers/index.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addCourse, addLearners } from '../../support/seed.ts'
import { untilWaiting } from '../../support/waiting.ts'
import { openWire } from '../../support/wire.ts'

/** A reason that one of the calls gives: it stands in what its round writes, and in nothing else. */
const MARK = 'the call that is waited for'
const attributes = [{ namespace: 'a', name: 'b', value: 'c' }]
const actor = { kind: 'service', name: 'tests' } as const

const database = await createTestDatabase()
const { db, connectionString } = database
afterAll(() => database[Symbol.asyncDispose]())

interface Item {
  username: string
  courseId: string
  reason?: string
}

interface Work {
  columns?: Parameters<typeof addCourse>[1]
  /** Whether the learners are enrolled before. */
  isEnrolled?: boolean
  call: (enrollment: Caller['enrollment'], item: Item) => Promise<Outcome>
  kind: string
}

const works: Record<string, Work> = {
  'enrolling in an open course run': {
    call: ({ enroll }, item) => enroll(item),
    kind: 'created',
  },
  'enrolling where seats are counted': {
    columns: { max_enrollments: 100 },
    call: ({ enroll }, item) => enroll(item),
    kind: 'created',
  },
  'enrolling with attributes': {
    call: ({ enroll }, item) => enroll({ ...item, attributes }),
    kind: 'created',
  },
  changing: {
    isEnrolled: true,
    call: ({ change }, item) => change({ ...item, mode: 'verified' }),
    kind: 'modeChanged',
  },
}

describe.each(Object.entries(works))('a connection that is cut in the middle of %s', (_, work) => {
  test.each(['request', 'answer', 'commit'] as const)(
    'at its %s: the round is kept as a whole or not at all, others go on, and repeating is safe',
    async (at) => {
      await using wire = await openWire(connectionString)
      await using pool = openDatabase({ connectionString: wire.connectionString, poolSize: 4 })
      const { enrollment } = createCaller({ db: pool, actor })
      const items = await itemsOf(40, work.columns)
      if (work.isEnrolled) await createCaller({ db, actor }).enrollment.enrollMany({ items })

      const caught = wire.ambush(MARK, at)
      const calls = items.map((item, index) =>
        codeOf(work.call(enrollment, index === 20 ? { ...item, reason: MARK } : item)),
      )
      const cut = await caught
      const others = await Promise.all((await itemsOf(10)).map((item) => codeOf(enrollment.enroll(item))))
      expect(others).toEqual(others.map(() => 'created'))
      cut()

      const codes = await Promise.all(calls)
      expect(codes[20]).toBe('unavailable')
      expect(codes.filter((code) => code === 'unavailable').length).toBeGreaterThan(1)
      const isKept = await Promise.all(items.map(async (item) => (await lastKind(item)) === work.kind))
      // An answer that was held up may have been that of one statement of a transaction, or of all there was to do.
      const isRoundKept = at === 'answer' ? isKept[20] : at === 'commit'
      expect(isKept).toEqual(codes.map((code) => code === work.kind || isRoundKept))

      const again = await Promise.all(items.map((item) => codeOf(work.call(enrollment, item))))
      expect(again).toEqual(isKept.map((kept) => (kept ? 'unchanged' : work.kind)))
      for (const item of items) {
        const events = await createCaller({ db, actor }).enrollment.history(item)
        expect(events.map(({ kind }) => kind)).toEqual(work.isEnrolled ? ['created', work.kind] : [work.kind])
      }
    },
  )
})

// Whoever is held for ever is not waited for.
test('a round whose backend is ended changes nothing, and rounds beside it go on', { timeout: 30_000 }, async () => {
  await using pool = openDatabase({ connectionString, poolSize: 4 })
  const { enrollment } = createCaller({ db: pool, actor })
  const [items, others] = [await itemsOf(30), await itemsOf(10)]
  await enrollment.enrollMany({ items })
  const holder = await db.startTransaction().execute()
  onTestFinished(() => (holder.isRolledBack ? undefined : holder.rollback().execute()))
  const held = await createCaller({ db: holder, actor }).enrollment.change({ ...itemAt(items, 15), mode: 'verified' })
  const calls = items.map((item) => codeOf(enrollment.change({ ...item, isActive: false })))
  await untilWaiting(db)
  expect(await Promise.all(others.map((item) => codeOf(enrollment.enroll(item))))).toEqual(others.map(() => 'created'))
  await sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`.execute(db)
  const codes = await Promise.all(calls)
  await holder.rollback().execute()
  expect(held.kind).toBe('modeChanged')
  expect(codes[15]).toBe('unavailable')
  const kinds = await Promise.all(items.map(lastKind))
  expect(kinds).toEqual(codes.map((code) => (code === 'unavailable' ? 'created' : 'deactivated')))
  expect(await Promise.all(items.map((item) => codeOf(enrollment.change({ ...item, isActive: false }))))).toEqual(
    codes.map((code) => (code === 'unavailable' ? 'deactivated' : 'unchanged')),
  )
})

async function itemsOf(count: number, columns: Parameters<typeof addCourse>[1] = {}): Promise<Item[]> {
  const courseId = await addCourse(db, columns)
  return (await addLearners(db, count)).map(({ username }) => ({ username, courseId }))
}

function itemAt(items: readonly Item[], index: number): Item {
  const item = items[index]
  if (item === undefined) throw new RangeError('There are that many')
  return item
}

/** The last thing that happened to an enrollment; absent where nothing did. */
async function lastKind({ username, courseId }: Item): Promise<string | undefined> {
  return (await createCaller({ db, actor }).enrollment.history({ username, courseId })).at(-1)?.kind
}

function codeOf(call: Promise<Outcome>): Promise<string> {
  return call.then(
    ({ kind }) => kind,
    (error: unknown) => enrollmentErrorFrom(error)?.code ?? String(error),
  )
}
