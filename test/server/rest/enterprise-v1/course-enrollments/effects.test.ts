import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { enrollmentInWords } from '../../../../support/world.ts'
import { importLines } from '../../../../enterprise/import-export/world.ts'
import { fulfil } from '../../../../enterprise/pending/steps.ts'
import { everythingIn, linkInWords, pendingOf, recordOf } from '../../../../enterprise/state.ts'
import { openEnterpriseApi } from '../api.ts'
import { ACME, ask, buildWorld, run, stateOf, type Who } from '../routes-world.ts'

// What items do (enterprise-routes.md §2.6), in the world of enterprise-routes.md §6.

const api = await openEnterpriseApi()
afterAll(() => api[Symbol.asyncDispose]())
const { db } = api
beforeEach(() => buildWorld(api))

const SUCCESS = { detail: 'success' }
const [C1, V1] = [run('C1'), run('V1')]
const HAL = 8
const item = (more: object) => ({ course_run_id: C1, course_mode: 'audit', ...more })
const ofHal = (more: object = {}) => item({ lms_user_id: HAL, ...more })
const ce = (who: Who, ...items: object[]) =>
  ask(api, who, 'POST', `enterprise-customer/${ACME}/course_enrollments/`, items)
const acme = async () =>
  db.selectFrom('enterprise_customers').selectAll().where('uuid', '=', ACME).executeTakeFirstOrThrow()
const recorded = async (learnerId: number, courseId = C1) => recordOf(db, await acme(), learnerId, courseId)
const waiting = async (email: string) => pendingOf(db, await acme(), email, C1)

/** Sends items as staff, all of which are answered with 200. */
async function answersTo(...items: object[]): Promise<unknown[]> {
  const { status, json } = await ce('S', ...items)
  expect(status).toBe(200)
  return json
}

describe('an active item', () => {
  test('50: enrolls a learner of the customer, and makes a record that says that it came by the API', async () => {
    const { status, text } = await ce('S', ofHal(), {})
    const required = ['This field is required.']
    const body = [SUCCESS, { course_run_id: required, course_mode: required }]
    expect([status, text]).toEqual([200, JSON.stringify(body)])
    expect(await enrollmentInWords(db, HAL, C1)).toBe('active audit')
    expect(await recorded(HAL)).toMatchObject({ source: 'api', unenrolled: false, fulfilments: [] })
    const event = await db
      .selectFrom('enrollment_events')
      .select(['kind', 'enterprise_uuid', 'actor_name'])
      .orderBy('id', 'desc')
      .executeTakeFirst()
    expect(event).toEqual({ kind: 'created', enterprise_uuid: ACME, actor_name: 'S' })
  })

  test('does nothing the second time', async () => {
    await answersTo(ofHal())
    const { enterprise_batches: _first, ...before } = await everythingIn(db)
    expect(await answersTo(ofHal())).toEqual([SUCCESS])
    const { enterprise_batches: _second, ...after } = await everythingIn(db)
    expect(after).toEqual(before)
  })

  test('raises audit to a paid mode, clears the flags of the record, and revives no license', async () => {
    expect(await answersTo(item({ lms_user_id: 2, course_mode: 'verified' }))).toEqual([SUCCESS])
    expect(await stateOf(api, 4)).toBe('active verified revoked')
    expect(await recorded(2)).toMatchObject({ source: 'customerAdmin', unenrolled: false })
  })

  test('lowers no paid mode, and tells that in the words of the original', async () => {
    const untouched = await everythingIn(db)
    const text = `The user is already enrolled in the course ${C1} in verified mode and cannot be enrolled in audit mode`
    expect(await answersTo(item({ lms_user_id: 1 }))).toEqual([{ detail: text }])
    expect(await everythingIn(db)).toEqual(untouched)
  })

  test.each(['verified', 'professional'])('leaves who is verified as they are where %s is asked', async (mode) => {
    const before = await enrollmentInWords(db, 1, C1)
    expect(await answersTo(item({ lms_user_id: 1, course_mode: mode }))).toEqual([SUCCESS])
    expect(await enrollmentInWords(db, 1, C1)).toBe(before)
    expect(await stateOf(api, 1)).toBe('active verified')
  })

  test('makes a record of an enrollment that the learner made', async () => {
    await importLines(db, [{ type: 'enrollment', username: 'hal', courseId: C1, mode: 'honor' }])
    expect(await answersTo(ofHal())).toEqual([SUCCESS])
    expect(await enrollmentInWords(db, HAL, C1)).toBe('active honor')
    expect(await recorded(HAL)).toMatchObject({ source: 'api', unenrolled: false, enrollment_version: 1 })
  })

  test('reactivates in the mode that is asked', async () => {
    expect(await answersTo(item({ lms_user_id: 4 }))).toEqual([SUCCESS])
    expect(await enrollmentInWords(db, 4, C1)).toBe('active audit')
    expect(await recorded(4)).toMatchObject({ unenrolled: false, unenrolled_at: null, saved_for_later: false })
  })

  test('links and enrolls the account of an address that is not linked', async () => {
    expect(await answersTo(item({ user_email: ' ZED@x.io' }))).toEqual([SUCCESS])
    expect(await enrollmentInWords(db, 99, C1)).toBe('active audit')
    expect(await linkInWords(db, await acme(), 99)).toBe('active')
  })

  test('is refused with the text of the refusal, and stops no other', async () => {
    await importLines(db, [
      { type: 'course', courseId: run('SHUT'), enrollmentEnd: '2026-02-01T00:00:00Z' },
      { type: 'course', courseId: run('FULL'), maxEnrollments: 0 },
      { type: 'mode', courseId: run('SHUT'), slug: 'audit' },
      { type: 'mode', courseId: run('FULL'), slug: 'audit' },
    ])
    const asked = ['SHUT', 'FULL', 'V1', 'C1'].map((name) => ofHal({ course_run_id: run(name) }))
    expect(await answersTo(...asked)).toEqual([
      { detail: 'Enrollment has ended.' },
      { detail: 'All 0 seats of the course run are taken.' },
      { detail: "The course run does not offer the mode 'audit' now; it offers: verified." },
      SUCCESS,
    ])
    expect(await recorded(HAL, V1)).toBeNull()
  })

  test('links nobody whom the customer has unlinked for good', async () => {
    const link = { type: 'customerLink', customer: ACME, username: 'fay', isLinked: false, isPermanentlyUnlinked: true }
    await importLines(db, [link])
    const items = [item({ user_email: 'fay@x.io', course_mode: 'verified' })]
    expect(await answersTo(...items)).toEqual([{ detail: 'The customer has unlinked this learner permanently.' }])
  })

  test('tells who is enrolled by it, if it says so', async () => {
    const told = { email_students: true }
    await answersTo(ofHal(told), item({ user_email: 'new@x.io', ...told }), item({ user_email: 'quiet@x.io' }))
    await answersTo(ofHal(told), item({ lms_user_id: 1, course_mode: 'verified', ...told }))
    const intents = await db.selectFrom('enterprise_notification_intents').select(['learner_id', 'email']).execute()
    expect(intents).toEqual([
      { learner_id: HAL, email: null },
      { learner_id: null, email: 'new@x.io' },
    ])
  })
})

describe('a cohort', () => {
  const REFUSED = { detail: 'Auto-cohorting is not enabled for this enterprise' }

  test('is refused where somebody would be enrolled', async () => {
    const { enterprise_batches: _, ...untouched } = await everythingIn(db)
    const items = [
      ofHal({ cohort: 'red' }),
      item({ lms_user_id: 2, course_mode: 'verified', cohort: 'red' }),
      item({ lms_user_id: 4, cohort: 'red' }),
      item({ user_email: 'new@x.io', cohort: 'red' }),
      item({ user_email: 'zed@x.io', cohort: 'red' }),
    ]
    expect(await answersTo(...items)).toEqual(items.map(() => REFUSED))
    expect(await everythingIn(db)).toMatchObject(untouched)
  })

  test('does not matter where nobody is', async () => {
    const items = [
      item({ lms_user_id: 1, course_mode: 'verified', cohort: 'red' }),
      ofHal({ cohort: 'red', is_active: false }),
    ]
    expect(await answersTo(...items)).toEqual([SUCCESS, SUCCESS])
  })
})

describe('an inactive item', () => {
  const ended = (id: number, more: object = {}) => item({ lms_user_id: id, is_active: false, ...more })

  test('ends the enrollment and keeps the record, which says so; a repeat changes nothing', async () => {
    expect(await answersTo(ended(1))).toEqual([SUCCESS])
    expect(await stateOf(api, 1)).toBe('inactive verified revoked unenrolled')
    expect(await recorded(1)).toMatchObject({ saved_for_later: true, unenrolled_at: '2026-03-01T12:00:00Z' })
    const revocations = db.selectFrom('enterprise_revocations').select(['kind', 'actor_name'])
    const trace = await revocations.orderBy('transaction_id', 'desc').executeTakeFirst()
    expect(trace).toEqual({ kind: 'license', actor_name: 'S' })
    const untouched = await everythingIn(db)
    expect(await answersTo(ended(1))).toEqual([SUCCESS])
    expect(await everythingIn(db)).toEqual(untouched)
  })

  test('ends what the learner began by themselves', async () => {
    await importLines(db, [{ type: 'enrollment', username: 'hal', courseId: C1, mode: 'audit' }])
    expect(await answersTo(ended(HAL))).toEqual([SUCCESS])
    expect(await enrollmentInWords(db, HAL, C1)).toBe('inactive audit')
  })

  test('leaves what another customer pays for, and ends for this one', async () => {
    expect(await answersTo(ended(5))).toEqual([SUCCESS])
    expect([await stateOf(api, 7), await stateOf(api, 8)]).toEqual([
      'active verified',
      'active verified revoked unenrolled',
    ])
  })

  test('of somebody who is not linked, or has no enrollment, does nothing', async () => {
    const untouched = await everythingIn(db)
    const ofFay = item({ user_email: 'fay@x.io', is_active: false })
    expect(await answersTo(ofFay, ended(HAL))).toEqual([SUCCESS, SUCCESS])
    expect(await everythingIn(db)).toEqual(untouched)
  })

  test('leaves an end that has not come into the record yet to the feed, with its instant', async () => {
    await db.updateTable('enrollments').set({ is_active: false, version: 2 }).where('learner_id', '=', 3).execute()
    expect(await answersTo(ended(3))).toEqual([SUCCESS])
    expect(await recorded(3)).toMatchObject({ unenrolled: false, fulfilments: [{ revoked: null }] })
  })
})

describe('an address without an account', () => {
  const ofNew = (more: object = {}) => item({ user_email: 'New@x.io', ...more })

  test('waits, and is enrolled when the account comes, with a record that says how it came', async () => {
    expect(await answersTo(ofNew())).toEqual([SUCCESS])
    expect(await waiting('new@x.io')).toMatchObject({ state: 'waiting', mode: 'audit', license_uuid: null })
    const { enterprise_batches: _first, ...before } = await everythingIn(db)
    expect(await answersTo(ofNew())).toEqual([SUCCESS])
    const { enterprise_batches: _second, ...after } = await everythingIn(db)
    expect(after).toEqual(before)

    await importLines(db, [{ type: 'user', username: 'new', email: 'NEW@x.io' }])
    expect(await fulfil(db)).toEqual({ fulfilled: 1 })
    const { id } = await db.selectFrom('learners').select('id').where('username', '=', 'new').executeTakeFirstOrThrow()
    expect(await enrollmentInWords(db, id, C1)).toBe('active audit')
    expect(await recorded(id)).toMatchObject({ source: 'api' })
  })

  test('that gets a paid mode in between keeps it', async () => {
    await answersTo(ofNew())
    await importLines(db, [
      { type: 'user', username: 'new', email: 'new@x.io' },
      { type: 'enrollment', username: 'new', courseId: C1, mode: 'verified' },
    ])
    expect(await fulfil(db)).toEqual({ refused: 1 })
    expect(await waiting('new@x.io')).toMatchObject({ state: 'refused', refusal: 'modeDowngrade' })
  })

  test('waits no longer after an inactive item, whose repeat changes nothing', async () => {
    await answersTo(ofNew())
    expect(await answersTo(ofNew({ is_active: false }))).toEqual([SUCCESS])
    expect(await waiting('new@x.io')).toMatchObject({ state: 'cancelled' })
    const untouched = await everythingIn(db)
    expect(await answersTo(ofNew({ is_active: false }))).toEqual([SUCCESS])
    expect(await everythingIn(db)).toEqual(untouched)
  })

  test('is not enrolled by what waited when the account has come and the end with it', async () => {
    await answersTo(item({ user_email: 'hal2@x.io' }))
    await importLines(db, [{ type: 'user', username: 'hal', email: 'hal2@x.io' }])
    expect(await answersTo(item({ lms_user_id: HAL, is_active: false }))).toEqual([SUCCESS])
    await fulfil(db)
    expect(await enrollmentInWords(db, HAL, C1)).toBeNull()
  })
})

describe('items of one learner and course run', () => {
  test('happen one after another, whatever names they give', async () => {
    const byAddress = item({ user_email: 'hal@x.io', is_active: false })
    const asked = [ofHal(), byAddress, ofHal({ course_mode: 'verified' }), ofHal()]
    const downgrade = `The user is already enrolled in the course ${C1} in verified mode and cannot be enrolled in audit mode`
    expect(await answersTo(...asked)).toEqual([SUCCESS, SUCCESS, SUCCESS, { detail: downgrade }])
    expect(await enrollmentInWords(db, HAL, C1)).toBe('active verified')
    const events = await db
      .selectFrom('enrollment_events as v')
      .innerJoin('enrollments as e', 'e.id', 'v.enrollment_id')
      .select('v.kind')
      .where('e.learner_id', '=', HAL)
      .orderBy('v.id')
      .execute()
    expect(events.map(({ kind }) => kind)).toEqual(['created', 'deactivated', 'reactivated'])
  })

  test('who leaves makes room for who comes', async () => {
    await importLines(db, [
      { type: 'course', courseId: run('ONE'), maxEnrollments: 1 },
      { type: 'mode', courseId: run('ONE'), slug: 'audit' },
      { type: 'enrollment', username: 'ann', courseId: run('ONE'), mode: 'audit' },
    ])
    const at = { course_run_id: run('ONE') }
    expect(await answersTo(ofHal(at), item({ lms_user_id: 1, is_active: false, ...at }))).toEqual([SUCCESS, SUCCESS])
    expect(await enrollmentInWords(db, HAL, run('ONE'))).toBe('active audit')
  })
})
