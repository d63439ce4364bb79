import { sql } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import { openDatabase } from '../../../core/database/open.ts'
import { createCaller, enrollmentErrorFrom } from '../../../routers/index.ts'
import { createTestDatabase } from '../../support/database.ts'
import { runStatement } from '../../support/statement.ts'
import { addCourse, addLearners } from '../../support/seed.ts'
import { eventually } from '../../support/eventually.ts'

const actor = { kind: 'service', name: 'tests' } as const
const attributes = [{ namespace: 'a', name: 'b', value: 'c' }]

const database = await createTestDatabase()
const { connectionString } = database
// A circle of locks is broken after this time.
const name = new URL(connectionString).pathname.slice(1)
await runStatement(connectionString, `alter database "${name}" set deadlock_timeout = '20ms'`)
const db = openDatabase({ connectionString })
const { enrollment } = createCaller({ db, actor })
afterAll(async () => {
  await db.destroy()
  await database[Symbol.asyncDispose]()
})

test('a batch that creates what exists by then never waits in a circle for one that changes it', async () => {
  const [first, second, third, fourth] = await learnersOfOneRun()
  await enrollment.enroll(first)
  const release = await hold(first)
  const creating = await db.startTransaction().execute()
  await createCaller({ db: creating, actor }).enrollment.enroll(second)
  // Waits to change the first. It has read that there is no third and no fourth, and will create them.
  const one = inTransaction([update(first), third, fourth])
  await waiting(1)
  await enrollment.enroll(fourth)
  // Changes the fourth, and waits to create the second and the third.
  const two = inTransaction([update(fourth), second, third])
  await waiting(2)
  await release()
  // It does not wait for the other, which waits still.
  expect(await one).toEqual({ modeChanged: 1, created: 1, unchanged: 1 })
  await creating.rollback().execute()
  expect(await two).toEqual({ modeChanged: 1, created: 1, unchanged: 1 })
})

test('a batch that only writes attributes never waits in a circle for one that changes enrollments', async () => {
  const [first, second] = await learnersOfOneRun()
  await enrollment.enroll(first)
  await enrollment.enroll({ ...second, isActive: false })
  const release = await hold(first)
  // Waits for the first, and will then change the second.
  const one = inTransaction([update(first), update(second)])
  await waiting(1)
  // Writes attributes of the second, and waits to change the first.
  const two = inTransaction([{ ...second, isActive: false, attributes }, update(first, 'honor')])
  await waiting(2)
  await release()
  expect(await one).toEqual({ modeChanged: 1, reactivated: 1 })
  expect(await two).toMatchObject({ modeChanged: 1 })
})

/** What a batch in a transaction of its own came to: there a circle that the database breaks is an error that is seen. */
async function inTransaction(items: Parameters<typeof enrollment.enrollMany>[0]['items']) {
  const batch = db.transaction().execute((trx) => createCaller({ db: trx, actor }).enrollment.enrollMany({ items }))
  return batch.then(
    ({ counts }) => counts,
    (error: unknown) => String(enrollmentErrorFrom(error)?.cause),
  )
}

function update<T>(pair: T, mode = 'verified') {
  return { ...pair, mode, whenEnrolled: 'update' as const }
}

interface Pair {
  username: string
  courseId: string
}

/** Learners of one course run, in the order of their locks. */
async function learnersOfOneRun(): Promise<[Pair, Pair, Pair, Pair]> {
  const courseId = await addCourse(db, { modes: ['audit', 'honor', 'verified'] })
  const learners = (await addLearners(db, 4)).toSorted((a, b) => a.id - b.id)
  return learners.map(({ username }) => ({ username, courseId })) as [Pair, Pair, Pair, Pair]
}

/** Holds an enrollment, so that who changes it waits. */
async function hold({ username, courseId }: Pair): Promise<() => Promise<void>> {
  const { id } = (await enrollment.get({ username, courseId })) ?? { id: '0' }
  const trx = await db.startTransaction().execute()
  await trx.selectFrom('enrollments').select('id').where('id', '=', id).forNoKeyUpdate().execute()
  return () => trx.rollback().execute()
}

/** Until so many calls wait for a lock. */
async function waiting(count: number): Promise<void> {
  await eventually(async () => {
    const { rows } = await sql`
      select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(db)
    expect(rows).toHaveLength(count)
  })
}
