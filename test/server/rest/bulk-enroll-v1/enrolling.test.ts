import { describe, expect, test } from 'vitest'
import { addAllowance, addCourse, addLearner } from '../../../support/seed.ts'
import { addEnrollment, addMode, enrollmentInWords } from '../../../support/world.ts'
import { bulkWorld, IN, only, OUT, STRANGER, stranger } from './world.ts'

const { world, ask, auditOf, allowanceOf } = bulkWorld()

describe('enrolling (rest-v1 §3.9)', () => {
  test('looks at neither window nor seats nor invitation nor modes', async () => {
    const closed = await addCourse(world.door.db, {
      enrollment_end: '2020-01-01T00:00:00Z',
      invitation_only: true,
      max_enrollments: 0,
      modes: ['masters'],
    })
    const answer = await ask({ identifiers: world.notEnrolled.username, courses: closed })
    expect(only(answer)).toMatchObject({ before: OUT, after: IN })
    expect(await enrollmentInWords(world.door.db, world.notEnrolled.id, closed)).toBe('active audit')
  })

  test('is refused as a whole where one of the course runs is owned by the LMS', async () => {
    const theirs = await addCourse(world.door.db, { owner: 'lms' })
    const identifiers = `${world.notEnrolled.username},${stranger()}`
    const answer = await ask({ identifiers, courses: `${world.course},${theirs}`, auto_enroll: true })
    expect(answer).toMatchObject({ status: 403, json: { message: expect.stringContaining(theirs) } })
    expect(await enrollmentInWords(world.door.db, world.notEnrolled.id, world.course)).toBe(null)
  })

  test('takes honor where a priced honor is all there is', async () => {
    const shop = await addCourse(world.door.db, { modes: [] })
    await addMode(world.door.db, shop, 'honor', { min_price: 10 })
    await ask({ identifiers: world.notEnrolled.username, courses: shop })
    expect(await enrollmentInWords(world.door.db, world.notEnrolled.id, shop)).toBe('active honor')
  })

  test.for([
    ['active verified', 'active verified', IN, 'from enrolled to enrolled'],
    ['inactive verified', 'active audit', OUT, 'from unenrolled to enrolled'],
  ] as const)('%s becomes %s', async ([before, after, state, transition]) => {
    const { id, username } = world.notEnrolled
    const [activation, mode] = before.split(' ')
    await addEnrollment(world.door.db, id, world.course, { is_active: activation === 'active', mode: mode ?? '' })
    expect(only(await ask({ identifiers: username }))).toMatchObject({ before: state, after: IN })
    expect(await enrollmentInWords(world.door.db, id, world.course)).toBe(after)
    expect(await auditOf(world.notEnrolled)).toEqual([transition])
  })

  test('an allowance is used, and stays usable to the same person', async () => {
    const { id, email } = world.notEnrolled
    await addAllowance(world.door.db, email.toUpperCase(), world.course)
    const allowed = { before: { ...OUT, allowed: true }, after: { ...IN, allowed: true } }
    expect(only(await ask({ identifiers: email }))).toMatchObject(allowed)
    expect(await allowanceOf(email)).toEqual({ auto_enroll: false, claimed_by: id })
    expect(await auditOf(world.notEnrolled)).toEqual(['from allowed to enroll to enrolled'])
  })

  test('an allowance that another account has used counts for nothing', async () => {
    await addAllowance(world.door.db, world.notEnrolled.email, world.course, world.enrolled.id)
    expect(only(await ask({ identifiers: world.notEnrolled.email }))).toMatchObject({ before: OUT, after: IN })
    expect(await auditOf(world.notEnrolled)).toEqual(['from unenrolled to enrolled'])
  })

  test.for([
    [true, 'true'],
    [false, 'false'],
  ] as const)('an address without an account is allowed; auto_enroll %s', async ([auto, text]) => {
    const email = stranger()
    const answer = await ask({ identifiers: email, auto_enroll: text })
    const after = { ...STRANGER, allowed: true, auto_enroll: auto }
    expect(answer.json).toMatchObject({ auto_enroll: auto, courses: { [world.course]: { auto_enroll: auto } } })
    expect(only(answer)).toEqual({ identifier: email, before: STRANGER, after })
    expect(await allowanceOf(email)).toEqual({ auto_enroll: auto, claimed_by: null })
    expect(await auditOf({ email })).toEqual(['from unenrolled to allowed to enroll'])
  })

  test('an allowance is refreshed, in any case of the address', async () => {
    const email = stranger()
    await ask({ identifiers: email })
    const answer = await ask({ identifiers: email.toUpperCase(), auto_enroll: true })
    const before = { ...STRANGER, allowed: true }
    expect(only(answer)).toMatchObject({ before, after: { ...before, auto_enroll: true } })
    expect(await allowanceOf(email)).toEqual({ auto_enroll: true, claimed_by: null })
  })

  test('an inactive account is allowed, not enrolled', async () => {
    const sleeper = await addLearner(world.door.db, { is_active: false })
    const answer = await ask({ identifiers: sleeper.username })
    expect(only(answer)).toMatchObject({ before: OUT, after: { ...OUT, allowed: true } })
    expect(await enrollmentInWords(world.door.db, sleeper.id, world.course)).toBeNull()
    expect(await allowanceOf(sleeper.email)).toEqual({ auto_enroll: false, claimed_by: null })
    expect(await auditOf(sleeper)).toEqual(['N/A'])
  })

  test('nobody is invited at the address of one who is forgotten', async () => {
    const gone = await addLearner(world.door.db, { is_active: false })
    await world.door.db
      .insertInto('retirements')
      .values({ learner_id: gone.id, original_username: gone.username, state: 'COMPLETE' })
      .execute()
    expect(only(await ask({ identifiers: gone.email }))).toMatchObject({ before: OUT, after: OUT })
    expect(await allowanceOf(gone.email)).toBeNull()
    expect(await auditOf(gone)).toEqual(['N/A'])
  })

  test('an account without an address is enrolled by its name; an inactive one fails', async () => {
    const nameless = await addLearner(world.door.db, { email: null })
    expect(only(await ask({ identifiers: nameless.username }))).toMatchObject({ after: IN })
    const sleeper = await addLearner(world.door.db, { email: null, is_active: false })
    const { username } = sleeper
    expect(only(await ask({ identifiers: username }))).toEqual({ identifier: username, error: true })
  })

  test('who is enrolled and why is in the history', async () => {
    await ask({ identifiers: world.notEnrolled.username, reason: ' a class ' })
    const event = await world.door.db
      .selectFrom('enrollment_events as v')
      .innerJoin('enrollments as e', 'e.id', 'v.enrollment_id')
      .select(['v.kind', 'v.via', 'v.actor_name', 'v.reason'])
      .where('e.learner_id', '=', world.notEnrolled.id)
      .execute()
    expect(event).toEqual([
      { kind: 'created', via: 'rest', actor_name: world.staffAccount.username, reason: 'a class' },
    ])
    const audit = await world.door.db
      .selectFrom('manual_enrollments')
      .select(['actor_id', 'reason', 'course_key', 'enrollment_id'])
      .where('email', '=', world.notEnrolled.email)
      .executeTakeFirstOrThrow()
    expect(audit).toEqual({
      actor_id: world.staffAccount.id,
      reason: 'a class',
      course_key: world.course,
      enrollment_id: expect.any(String),
    })
  })
})

describe('unenrolling', () => {
  test.for([
    ['who is not enrolled', async () => {}, OUT, 'from unenrolled to unenrolled'],
    [
      'who is only allowed',
      async () => addAllowance(world.door.db, world.notEnrolled.email, world.course),
      { ...OUT, allowed: true },
      'from allowed to enroll to unenrolled',
    ],
    [
      'who is enrolled and allowed',
      async () => {
        await addEnrollment(world.door.db, world.notEnrolled.id, world.course)
        await addAllowance(world.door.db, world.notEnrolled.email, world.course, world.notEnrolled.id)
      },
      { ...IN, allowed: true },
      'from enrolled to unenrolled',
    ],
  ] as const)('%s', async ([, arrange, before, transition]) => {
    await arrange()
    const answer = await ask({ identifiers: world.notEnrolled.email, action: 'unenroll' })
    expect(only(answer)).toMatchObject({ before, after: OUT })
    expect(await allowanceOf(world.notEnrolled.email)).toBeNull()
    expect(await auditOf(world.notEnrolled)).toEqual([transition])
  })

  test('an address without an account', async () => {
    const email = stranger()
    await addAllowance(world.door.db, email, world.course)
    const answer = await ask({ identifiers: email, action: 'unenroll' })
    expect(only(answer)).toMatchObject({ before: { ...STRANGER, allowed: true }, after: STRANGER })
    expect(await auditOf({ email })).toEqual(['from allowed to enroll to unenrolled'])
  })

  test('leaves the allowance of another account', async () => {
    await addAllowance(world.door.db, world.enrolled.email, world.course, world.notEnrolled.id)
    await ask({ identifiers: world.enrolled.email, action: 'unenroll' })
    expect(await allowanceOf(world.enrolled.email)).toEqual({ auto_enroll: false, claimed_by: world.notEnrolled.id })
  })

  test('an inactive account too', async () => {
    const sleeper = await addLearner(world.door.db, { is_active: false })
    await addEnrollment(world.door.db, sleeper.id, world.course)
    const answer = await ask({ identifiers: sleeper.username, action: 'unenroll' })
    expect(only(answer)).toMatchObject({ before: IN, after: OUT })
  })
})
