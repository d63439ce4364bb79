import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { certificateReceiver } from '../../../enterprise/event-bus/certificates.ts'
import { inTransaction } from '../../../routers/extension.ts'
import { addLearner } from '../../support/seed.ts'
import { createEnterpriseDatabase } from '../seed.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
beforeEach(() => db.deleteFrom('enterprise_completions').execute())

const COURSE = 'course-v1:edX+DemoX+2026'
const AT = '2026-05-06T07:08:09.01Z'

describe('what the platform says of certificates', () => {
  test.each([
    ['downloadable', true],
    ['generating', true],
    ['notpassing', false],
    ['unavailable', false],
    ['deleted', false],
  ])('with the status %s: the learner has passed is %s', async (status, hasPassed) => {
    const learner = await addLearner(db, { is_id_of_lms: true })
    await tell(certificate(learner, { status: 'downloadable' }))
    await tell(certificate(learner, { status }))
    expect(await passed()).toEqual(hasPassed ? [[learner.id, COURSE, '2026-05-06T07:08:09.010000Z']] : [])
  })

  test('keeps when they passed, however often it is told', async () => {
    const learner = await addLearner(db, { is_id_of_lms: true })
    await tell(certificate(learner, {}))
    await tell(certificate(learner, { at: '2026-07-01T00:00:00Z', status: 'generating' }))
    expect(await passed()).toEqual([[learner.id, COURSE, '2026-05-06T07:08:09.010000Z']])
  })

  test('counts in its order, also within one transaction', async () => {
    const [kept, lost] = [await addLearner(db, { is_id_of_lms: true }), await addLearner(db, { is_id_of_lms: true })]
    await tell(
      certificate(kept, { status: 'notpassing' }),
      certificate(lost, {}),
      certificate(kept, {}),
      certificate(lost, { status: 'unavailable' }),
    )
    expect(await passed()).toEqual([[kept.id, COURSE, '2026-05-06T07:08:09.010000Z']])
  })

  test('is about whoever has the id of the LMS, and about the username only where that account has none', async () => {
    const [byId, byName] = [await addLearner(db, { is_id_of_lms: true }), await addLearner(db)]
    await tell(certificate({ ...byId, username: byName.username }, {}))
    expect(await passed()).toEqual([[byId.id, COURSE, expect.any(String)]])
    await tell(certificate({ userId: 2_000_000_000, username: byName.username }, {}))
    expect((await passed()).map(([id]) => id)).toEqual([byId.id, byName.id])
    await tell(certificate({ userId: 2_000_000_001, username: byId.username }, { status: 'notpassing' }))
    expect(await passed()).toHaveLength(2)
  })

  test('is about nobody whom this service does not know, nor whoever asked to be forgotten', async () => {
    const learner = await addLearner(db, { is_id_of_lms: true })
    await db
      .insertInto('retirements')
      .values({ learner_id: learner.id, original_username: learner.username, state: 'PENDING' })
      .execute()
    await tell(certificate(learner, {}), certificate({ userId: 1_999_999_999, username: 'stranger' }, {}))
    expect(await passed()).toEqual([])
  })

  test.each<[string, { courseKey?: string; userId?: number; username?: string }]>([
    ['no course key', { courseKey: 'here' }],
    ['a key that is too long', { courseKey: `course-v1:edX+DemoX+${'x'.repeat(300)}` }],
    ['no id', { userId: 0 }],
    ['an id beyond those of accounts', { userId: 2 ** 40 }],
    ['a username that cannot be stored', { username: 'a\0b' }],
  ])('is left out where it has %s, and the others count', async (_, wrong) => {
    const learner = await addLearner(db, { is_id_of_lms: true })
    const { courseKey, ...who } = wrong
    await tell(certificate({ ...learner, ...who }, { courseKey }), { at: AT, data: null }, certificate(learner, {}))
    expect(await passed()).toHaveLength(1)
  })

  test('keeps a key without its branch, as everything here does', async () => {
    const learner = await addLearner(db, { is_id_of_lms: true })
    await tell(certificate(learner, { courseKey: `${COURSE}+branch@draft` }))
    expect(await passed()).toEqual([[learner.id, COURSE, expect.any(String)]])
  })
})

interface Told {
  at: string
  data: unknown
}

function tell(...events: Told[]): Promise<void> {
  return inTransaction(db, (trx) => certificateReceiver.apply(trx, events))
}

function certificate(
  { userId, username }: { userId: number; username: string },
  {
    at = AT,
    status = 'downloadable',
    courseKey = COURSE,
  }: { at?: string; status?: string; courseKey?: string | undefined },
): Told {
  const user = { id: userId, is_active: true, pii: { username, email: 'x@x.io', name: '' } }
  const course = { course_key: courseKey, display_name: '', start: null, end: null }
  return { at, data: { certificate: { user, course, mode: 'verified', grade: '0.9', current_status: status } } }
}

async function passed(): Promise<[number, string, string][]> {
  const rows = await db
    .selectFrom('enterprise_completions')
    .select(['learner_id', 'course_key', 'passed_at'])
    .orderBy('learner_id')
    .execute()
  return rows.map((row) => [row.learner_id, row.course_key, row.passed_at])
}
