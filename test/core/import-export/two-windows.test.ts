import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readHistory } from '../../../core/event/read.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { addCourse, addManyLearners } from '../../support/seed.ts'
import { importAll } from '../../support/transfer.ts'

// A window has 2000 lines. The first one of each file is held up by a lock on an enrollment that it changes, so that the
// second one could overtake it.
const WINDOW = 2_000

let database: TestDatabase
let courseId: string
let usernames: readonly string[]

beforeAll(async () => {
  database = await createTestDatabase()
  courseId = await addCourse(database.db)
  usernames = await addManyLearners(database.db, 2 * WINDOW)
  await importAll(database.db, [line(0, { id: 1 })])
})
afterAll(() => database[Symbol.asyncDispose]())

const line = (learner: number, more: object = {}) => ({
  type: 'enrollment',
  username: usernames[learner],
  courseId,
  mode: 'audit',
  ...more,
})
const lines = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => line(from + index))

/** Imports two windows while somebody holds the enrollment of the first learner for a moment. */
async function importHeld(file: readonly object[]) {
  const { db } = database
  return db.transaction().execute(async (holder) => {
    await sql`select from enrollments e join learners l on l.id = e.learner_id
      where l.username = ${usernames[0]} for update of e`.execute(holder)
    const importing = importAll(db, file)
    await waitsForLock()
    await sleep(400)
    return { importing }
  })
}

/** The first window has come to the enrollment that is held; the second one may wait as well. */
function waitsForLock(): Promise<void> {
  return eventually(async () => {
    const { rows } = await sql`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(database.db)
    expect(rows).not.toEqual([])
  })
}

test('a line of the second window about an enrollment of the first comes after it', async () => {
  const twice = line(1, { mode: 'verified' })
  const file = [line(0, { mode: 'honor' }), ...lines(1, WINDOW), ...lines(WINDOW, WINDOW + 9), twice]
  const { importing } = await importHeld(file)
  expect(await importing).toMatchObject({ failed: 0, kept: file.length })
  const history = await readHistory(database.db, { username: usernames[1] ?? '' }, courseId)
  expect(history.map(({ after }) => after.mode)).toEqual(['audit', 'verified'])
})

test('an id of the LMS that the first window takes away may be given in the second', async () => {
  const file = [
    line(0, { id: 2, mode: 'verified' }),
    ...lines(1, WINDOW),
    ...lines(WINDOW + 10, WINDOW + 19),
    line(WINDOW + 20, { id: 1 }),
  ]
  const { importing } = await importHeld(file)
  expect(await importing).toMatchObject({ failures: [], kept: file.length })
})
