import { describe, expect, test } from 'vitest'
import { BULK_ENROLL, type Answered } from '../../../support/rest.ts'
import { cohortOf, enrollmentInWords } from '../../../support/world.ts'
import { bulkWorld, IN, OUT } from './world.ts'

const { world, ask, whole, auditOf } = bulkWorld()

describe('examples 142 to 158 (rest-v1 §5.8)', () => {
  test('142: not by staff', async () => {
    const answer = await world.door.as(world.notEnrolled).postTo(BULK_ENROLL, {})
    const text = '{"detail":"You do not have permission to perform this action."}'
    expect(answer).toMatchObject({ status: 403, text })
  })

  test('143: nothing', async () => {
    const required = ['This field is required.']
    const text = JSON.stringify({ identifiers: required, courses: required, action: required })
    expect(await world.staff.send('POST', BULK_ENROLL)).toMatchObject({ status: 400, text })
  })

  test.for(['percivaloctavius@', 'percivaloctavius'])('145: %s names nobody', async (identifier) => {
    const fields = { identifiers: identifier, action: 'enroll', email_students: 'False', courses: world.course }
    const results = [{ identifier, invalidIdentifier: true }]
    expect(await world.staff.submitTo(BULK_ENROLL, fields)).toMatchObject({
      status: 200,
      text: whole('enroll', results),
    })
  })

  test('147: by username', async () => {
    const { username } = world.notEnrolled
    const answer = await ask({ identifiers: username, email_students: false })
    const results = [{ identifier: username, before: OUT, after: IN }]
    expect(answer).toMatchObject({ status: 200, text: whole('enroll', results) })
    expect(await auditOf(world.notEnrolled)).toEqual(['from unenrolled to enrolled'])
  })

  test.for(['form', 'JSON'])('148: by e-mail address, as %s', async (kind) => {
    const { email, id } = world.notEnrolled
    const fields = { identifiers: email, action: 'enroll', email_students: 'false', courses: world.course }
    const answer: Answered = await (kind === 'form'
      ? world.staff.submitTo(BULK_ENROLL, fields)
      : world.staff.postTo(BULK_ENROLL, fields))
    const results = [{ identifier: email, before: OUT, after: IN }]
    expect(answer).toMatchObject({ status: 200, text: whole('enroll', results) })
    expect(await enrollmentInWords(world.door.db, id, world.course)).toBe('active audit')
    expect(await auditOf(world.notEnrolled)).toEqual(['from unenrolled to enrolled'])
  })

  test.for(['form', 'JSON'])('150, 151: unenrolling, as %s', async (kind) => {
    const { email, id } = world.enrolled
    const fields = { identifiers: email, action: 'unenroll', email_students: 'false', courses: world.course }
    const answer: Answered = await (kind === 'form'
      ? world.staff.submitTo(BULK_ENROLL, fields)
      : world.staff.postTo(BULK_ENROLL, fields))
    const results = [{ identifier: email, before: IN, after: OUT }]
    expect(answer).toMatchObject({ status: 200, text: whole('unenroll', results) })
    expect(await enrollmentInWords(world.door.db, id, world.course)).toBe('inactive audit')
    expect(await auditOf(world.enrolled)).toEqual(['from enrolled to unenrolled'])
  })

  test.for([
    [
      152,
      { cohorts: 'cohort1,cohort2' },
      () => 'If provided, the cohorts and courses should have equal number of items.',
    ],
    [153, { cohorts: 'cohort3' }, () => `cohort cohort3 not found in course ${world.course}.`],
    [154, { cohorts: 'cohort1', action: 'unenroll' }, () => 'Cohorts can only be used for enrollments.'],
  ] as [number, object, () => string][])('%i: %o', async ([, fields, words]) => {
    const answer = await ask({ identifiers: world.notEnrolled.username, ...fields })
    expect(answer).toMatchObject({ status: 400, text: JSON.stringify({ non_field_errors: [words()] }) })
    expect(await enrollmentInWords(world.door.db, world.notEnrolled.id, world.course)).toBeNull()
  })

  test('155, 157: into a cohort, and again', async () => {
    const { username, id } = world.notEnrolled
    const first = await ask({ identifiers: username, cohorts: 'cohort1' })
    const [before, after] = [
      { ...OUT, cohort: null },
      { ...IN, cohort: 'cohort1' },
    ]
    expect(first.text).toBe(whole('enroll', [{ identifier: username, before, after }]))
    expect(await cohortOf(world.door.db, id, world.course)).toBe('cohort1')
    const again = await ask({ identifiers: username, cohorts: 'cohort1' })
    expect(again.text).toBe(whole('enroll', [{ identifier: username, before: after, after }]))
  })

  test('158: courses as a text or as a list of one element', async () => {
    for (const courses of [world.course, [world.course]]) {
      expect(await ask({ identifiers: world.enrolled.username, courses })).toMatchObject({ status: 200 })
    }
  })
})
