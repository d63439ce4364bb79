import { afterAll, expect, test } from 'vitest'
import { openDatabase } from '../../../core/database/open.ts'
import { callerOf, refusalOf } from '../../routers/calls.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addCourse, addLearner } from '../../support/seed.ts'
import { untilWaiting } from '../../support/waiting.ts'
import { attributesInWords } from '../../support/world.ts'

const database = await createTestDatabase()
const { db, connectionString } = database
afterAll(() => database[Symbol.asyncDispose]())

test('whoever loses the race for an enrollment leaves its attributes alone', async () => {
  await using pool = openDatabase({ connectionString })
  const learner = await addLearner(db)
  const input = { username: learner.username, courseId: await addCourse(db) }
  await callerOf(pool).enrollment.enroll({ ...input, attributes: named('first') })
  const faster = await db.startTransaction().execute()
  await callerOf(faster).enrollment.change({ ...input, mode: 'verified', attributes: named('faster') })
  const slower = callerOf(pool).enrollment.change({ ...input, attributes: named('slower'), expectedVersion: 1 })
  const refusal = refusalOf(slower)
  // It has read the first version, and waits for its row.
  await untilWaiting(db)
  await faster.commit().execute()
  expect(await refusal).toMatchObject({ code: 'versionConflict', details: { expected: 1, actual: 2 } })
  expect(await attributesInWords(db, learner.id, input.courseId)).toEqual(['test/faster/1'])
})

test('whoever wins it replaces them all', async () => {
  const learner = await addLearner(db)
  const input = { username: learner.username, courseId: await addCourse(db, { max_enrollments: 5 }) }
  const { enroll, change } = callerOf(db).enrollment
  await enroll({ ...input, attributes: [...named('one'), ...named('two'), ...named('three')] })
  await change({ ...input, attributes: named('four') })
  expect(await attributesInWords(db, learner.id, input.courseId)).toEqual(['test/four/1'])
  await change({ ...input, attributes: [] })
  expect(await attributesInWords(db, learner.id, input.courseId)).toEqual([])
})

function named(name: string) {
  return [{ namespace: 'test', name, value: '1' }]
}
