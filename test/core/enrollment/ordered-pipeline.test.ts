import { afterAll, expect, test } from 'vitest'
import { plainCommand, type BatchItem, type Result } from '../../../core/enrollment/command.ts'
import { createOrderedPipeline } from '../../../core/enrollment/ordered-pipeline.ts'
import { defaultPolicy } from '../../../core/policy.ts'
import { createTestDatabase } from '../../support/database.ts'
import { after, failingAfter } from '../../support/failing.ts'
import { addCourse, addLearner, addLearners } from '../../support/seed.ts'
import { untilWaiting } from '../../support/waiting.ts'
import { addEnrollment } from '../../support/world.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database

const metadata = { actor: { kind: 'service', name: 'tests' }, via: 'caller', now: new Date() } as const

test('a batch is written while the one before it waits for others', async () => {
  const [courseId, [slow, quick]] = [await addCourse(db), await twoLearners()]
  const line = createOrderedPipeline()
  const running: Promise<Result[]>[] = []
  await whileBlocked(slow, courseId, async () => {
    running.push(line(db, [enroll(slow, courseId)], defaultPolicy))
    await untilWaiting(db)
    const second = await line(db, [enroll(quick, courseId)], defaultPolicy)
    expect(second).toMatchObject([{ ok: true, outcome: { kind: 'created' } }])
  })
  expect(await Promise.all(running)).toMatchObject([[{ outcome: { kind: 'modeChanged' } }]])
})

test('a batch that touches an enrollment of the one before it waits for that and sees it', async () => {
  const [courseId, [learner]] = [await addCourse(db), await twoLearners()]
  const line = createOrderedPipeline()
  const running: Promise<Result[]>[] = []
  await whileBlocked(learner, courseId, async () => {
    const items = [enroll(learner, courseId), enroll({ ...learner, username: learner.email }, courseId)]
    running.push(...items.map((one) => line(db, [one], defaultPolicy)))
    await untilWaiting(db)
  })
  const [first, second] = await Promise.all(running)
  expect(first).toMatchObject([{ outcome: { kind: 'modeChanged', before: { mode: 'audit' } } }])
  expect(second).toMatchObject([{ outcome: { kind: 'unchanged', enrollment: { version: 2 } } }])
})

test('the seats of a course run go to the earlier batch, even where the later one is read sooner', async () => {
  const courseId = await addCourse(db, { max_enrollments: 1 })
  const learners = await addLearners(db, 8)
  const line = createOrderedPipeline()
  const results = await Promise.all(learners.map((one) => line(db, [enroll(one, courseId)], defaultPolicy)))
  expect(results.map(([result]) => result?.ok)).toEqual(learners.map((_, index) => index === 0))
})

test.each([1, 2])('a batch that fails after %i statements holds up none of those behind it', async (statements) => {
  const [courseId, [one, other]] = [await addCourse(db), await twoLearners()]
  const failing = failingAfter(db, statements)
  const line = createOrderedPipeline()
  const failed = line(failing.db, [enroll(one, courseId)], defaultPolicy)
  const behind = [enroll(other, courseId), enroll(one, courseId)].map((items) => line(db, [items], defaultPolicy))
  await expect(failed).rejects.toThrow('failed on purpose')
  expect(await Promise.all(behind)).toMatchObject([[{ ok: true }], [{ ok: true }]])
})

test('a batch whose first read loses a tie holds up none of those behind it', async () => {
  const [courseId, [one, other]] = [await addCourse(db), await twoLearners()]
  const tied = after(db, 1, () => {
    throw Object.assign(new Error('tied on purpose'), { code: '40001' })
  })
  const line = createOrderedPipeline()
  const results = [one, other].map((learner) => line(tied.db, [enroll(learner, courseId)], defaultPolicy))
  expect(await Promise.all(results)).toMatchObject([[{ ok: true }], [{ ok: true }]])
})

type Named = Awaited<ReturnType<typeof addLearner>>

async function twoLearners(): Promise<[Named, Named]> {
  return [await addLearner(db), await addLearner(db)]
}

/** Made verified: who is enrolled in audit changes. A name with an at sign is an e-mail address. */
function enroll({ username }: Named, courseId: string): BatchItem {
  const learner = username.includes('@') ? { email: username } : { username }
  return {
    command: { ...plainCommand, learner, courseId, path: 'replace', mode: 'verified', isActive: true },
    metadata,
  }
}

/** Enrolls a learner in audit and holds the row as long as the work takes. */
async function whileBlocked({ id }: Named, courseId: string, work: () => Promise<void>): Promise<void> {
  await addEnrollment(db, id, courseId, { mode: 'audit' })
  await db.transaction().execute(async (trx) => {
    await trx.selectFrom('enrollments').select('id').where('learner_id', '=', id).forUpdate().execute()
    await work()
  })
}
