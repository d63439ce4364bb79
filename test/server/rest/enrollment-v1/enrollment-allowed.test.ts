import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDoor, type Answered, type Door, type RestClient } from '../../../support/rest.ts'
import { addAllowance, addCourse, addLearner, type SeededLearner } from '../../../support/seed.ts'

const COURSE = 'course-v1:edX+DemoX+Demo_Course'
const NOW = new Date('2026-03-01T12:00:00.120Z')

let door: Door
let staff: RestClient
let staffAccount: SeededLearner
let student: RestClient

beforeAll(async () => {
  door = await openDoor({ env: { RATE_LIMITS: 'off' }, now: () => NOW })
  staffAccount = await addLearner(door.db, { is_staff: true })
  // With the API key nobody is throttled.
  staff = door.serverAs(staffAccount)
  student = door.as(await addLearner(door.db))
})
afterAll(() => door[Symbol.asyncDispose]())

const PROVIDE = "Please provide a value for 'email' and 'course_id' in the request data."
let names = 0
const fresh = () => `new-${(names += 1)}@example.com`

describe('examples 132 to 141 (rest-v1 §5.7)', () => {
  test('132: an address and a course', async () => {
    const email = fresh()
    const answer = await staff.postTo('/enrollment_allowed/', { email, course_id: COURSE })
    expect(answer.status).toBe(201)
    expect(answer.text).toBe(
      JSON.stringify({
        email,
        course_id: COURSE,
        auto_enroll: false,
        created: '2026-03-01T12:00:00.120000Z',
        user: null,
      }),
    )
  })

  test('an address and a course run of the LMS', async () => {
    const courseId = await addCourse(door.db, { owner: 'lms' })
    const [email, invitation] = [fresh(), { course_id: courseId }]
    await addAllowance(door.db, email, courseId)
    const refused = { status: 403, json: { message: expect.stringContaining(courseId) } }
    expect(await staff.postTo('/enrollment_allowed/', { email: fresh(), ...invitation })).toMatchObject(refused)
    const body = JSON.stringify({ email, ...invitation })
    const headers = { 'content-type': 'application/json' }
    expect(await staff.send('DELETE', '/enrollment_allowed/', { headers, body })).toMatchObject(refused)
  })

  test('133: only a course', async () => {
    const answer = await staff.postTo('/enrollment_allowed/', { course_id: COURSE })
    expect(answer).toMatchObject({ status: 400, text: JSON.stringify({ message: PROVIDE }) })
  })

  test('135: by a student', async () => {
    const answer = await student.postTo('/enrollment_allowed/', { email: fresh(), course_id: COURSE })
    const text = '{"detail":"You do not have permission to perform this action."}'
    expect(answer).toMatchObject({ status: 403, text })
  })

  test('136: reading without a parameter', async () => {
    expect(await staff.get('/enrollment_allowed/')).toMatchObject({ status: 200, text: '[]' })
  })

  test('138: reading by a student', async () => {
    expect(await student.get('/enrollment_allowed/')).toMatchObject({ status: 403 })
  })

  test('139: taking it back', async () => {
    const email = await allowed()
    const answer = await remove({ email, course_id: COURSE })
    expect(answer).toMatchObject({ status: 204, text: '' })
    expect(answer.headers).not.toHaveProperty('content-type')
    expect(await list(email)).toEqual([])
  })

  test('141: taking back with only a course', async () => {
    expect(await remove({ course_id: COURSE })).toMatchObject({ status: 400, json: { message: PROVIDE } })
  })
})

describe('reading (rest-v1 §3.8)', () => {
  test('is for the caller where no address is given', async () => {
    const own = await addLearner(door.db, { is_staff: true })
    await addAllowance(door.db, own.email, COURSE, own.id)
    for (const path of ['/enrollment_allowed/', '/enrollment_allowed/?email=']) {
      expect((await door.as(own).get(path)).json).toMatchObject([{ email: own.email, user: own.id }])
    }
  })

  test('is none for a caller without an address', async () => {
    const own = await addLearner(door.db, { is_staff: true, email: null })
    expect(await door.as(own).get('/enrollment_allowed/')).toMatchObject({ status: 200, text: '[]' })
  })

  test('finds an address in any case, in all its courses', async () => {
    const email = await allowed({ course_id: COURSE })
    await staff.postTo('/enrollment_allowed/', { email, course_id: 'Old/Style/Run', auto_enroll: true })
    expect(await list(email.toUpperCase())).toMatchObject([
      { email, course_id: COURSE, auto_enroll: false },
      { email, course_id: 'Old/Style/Run', auto_enroll: true },
    ])
  })
})

describe('allowing', () => {
  test.for([
    [{ course_id: COURSE, email: '' }],
    [{ course_id: '', email: 'x@example.com' }],
    [{ course_id: null, email: 'x@example.com' }],
    [{ course_id: 0, email: 7 }],
    [{ course_id: [], email: 'x@example.com' }],
    [{}],
  ])('%o lacks something', async ([body]) => {
    const answer = await staff.postTo('/enrollment_allowed/', body ?? {})
    expect(answer).toMatchObject({ status: 400, json: { message: PROVIDE } })
  })

  test('the same again, in another case too', async () => {
    const email = await allowed()
    const again = await staff.postTo('/enrollment_allowed/', { email, course_id: COURSE, auto_enroll: true })
    const message = `An enrollment allowed with email ${email} and course ${COURSE} already exists.`
    expect(again).toMatchObject({ status: 409, text: JSON.stringify({ message }) })
    const upper = await staff.postTo('/enrollment_allowed/', { email: email.toUpperCase(), course_id: COURSE })
    expect(upper).toMatchObject({ status: 409 })
    expect(await list(email)).toMatchObject([{ auto_enroll: false }])
  })

  test('many at once: one is made, the others exist', async () => {
    const email = fresh()
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => staff.postTo('/enrollment_allowed/', { email, course_id: COURSE })),
    )
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(19)
  })

  test.for(['nokey', 'course-v1:edX+DemoX', 'course-v1:version@519665f6223ebd6980884f2b', `a/b/${'c'.repeat(300)}`])(
    'no course key: %s (D1)',
    async (course_id) => {
      const answer = await staff.postTo('/enrollment_allowed/', { email: fresh(), course_id })
      expect(answer).toMatchObject({ status: 400, json: { message: `No course found for course ID '${course_id}'` } })
    },
  )

  test.for([
    [true, true],
    [false, false],
    [null, false],
    [1, true],
    [0, false],
    ['1', true],
    ['True', true],
    ['f', false],
    ['false', false],
  ] as const)('auto_enroll %o is %s', async ([auto_enroll, value]) => {
    const answer = await staff.postTo('/enrollment_allowed/', { email: fresh(), course_id: COURSE, auto_enroll })
    expect(answer).toMatchObject({ status: 201, json: { auto_enroll: value } })
  })

  test.for(['yes', '', 'maybe', 2, [], {}])('auto_enroll %o is neither (D2)', async (auto_enroll) => {
    const answer = await staff.postTo('/enrollment_allowed/', { email: fresh(), course_id: COURSE, auto_enroll })
    expect(answer).toMatchObject({ status: 400, json: { message: expect.stringMatching(/^auto_enroll /) } })
  })

  test.for([
    [{ email: 7, course_id: COURSE }, /^email must be text/],
    [{ email: 'x@example.com', course_id: 7 }, /^course_id must be text/],
    [{ email: `${'x'.repeat(250)}@example.com`, course_id: COURSE }, /^email must be text of at most 255/],
    [{ email: 'a\0b', course_id: COURSE }, /^email must not contain NUL/],
    [[], /must be a JSON object/],
  ] as const)('%o is refused (D2, D10)', async ([body, words]) => {
    const answer = await staff.postTo('/enrollment_allowed/', body)
    expect(answer).toMatchObject({ status: 400, json: { message: expect.stringMatching(words) } })
  })

  test('the address is not looked at, and the course need not exist', async () => {
    const email = `no address ${fresh()}`
    expect(await staff.postTo('/enrollment_allowed/', { email, course_id: 'a/b/c' })).toMatchObject({ status: 201 })
  })

  test('a form of either kind', async () => {
    const email = fresh()
    const form = await staff.submitTo('/enrollment_allowed/', { email, course_id: COURSE, auto_enroll: 'true' })
    expect(form).toMatchObject({ status: 201, json: { email, course_id: COURSE, auto_enroll: true } })
    const other = fresh()
    const parts = { email: other, course_id: COURSE }
    const body = Object.entries(parts).map(
      ([name, value]) => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
    )
    const headers = { 'content-type': 'multipart/form-data; boundary=b' }
    const multipart = await staff.send('POST', '/enrollment_allowed/', { headers, body: `${body.join('')}--b--\r\n` })
    expect(multipart).toMatchObject({ status: 201, json: { email: other } })
  })

  test('lets the person in, who is named then and stays named', async () => {
    const course = await addCourse(door.db, { invitation_only: true })
    const bob = await addLearner(door.db)
    const enroll = () => door.as(bob).post({ course_details: { course_id: course } })
    expect(await enroll()).toMatchObject({ status: 400 })
    await staff.postTo('/enrollment_allowed/', { email: bob.email.toUpperCase(), course_id: course })
    expect(await enroll()).toMatchObject({ status: 200 })
    expect(await list(bob.email)).toMatchObject([{ user: bob.id }])
  })
})

describe('taking back', () => {
  test('what is not there', async () => {
    const email = fresh()
    const message = `An enrollment allowed with email ${email} and course ${COURSE} doesn't exists.`
    expect(await remove({ email, course_id: COURSE })).toMatchObject({ status: 404, text: JSON.stringify({ message }) })
  })

  test('in another case, and what has been used', async () => {
    const bob = await addLearner(door.db)
    await addAllowance(door.db, bob.email, COURSE, bob.id)
    expect(await remove({ email: bob.email.toUpperCase(), course_id: COURSE })).toMatchObject({ status: 204 })
    expect(await list(bob.email)).toEqual([])
  })

  test('by a form', async () => {
    const email = await allowed()
    const answer = await staff.send('DELETE', '/enrollment_allowed/', {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ email, course_id: COURSE }).toString(),
    })
    expect(answer).toMatchObject({ status: 204 })
  })

  test('the query is not the body', async () => {
    const email = await allowed()
    const query = new URLSearchParams({ email, course_id: COURSE }).toString()
    expect(await staff.send('DELETE', `/enrollment_allowed/?${query}`)).toMatchObject({ status: 400 })
  })

  test('no course key (D1)', async () => {
    const message = "No course found for course ID 'x'"
    expect(await remove({ email: fresh(), course_id: 'x' })).toMatchObject({ status: 400, json: { message } })
  })
})

async function allowed(fields: object = {}): Promise<string> {
  const email = fresh()
  await staff.postTo('/enrollment_allowed/', { email, course_id: COURSE, ...fields })
  return email
}

async function list(email: string): Promise<unknown> {
  return (await staff.get(`/enrollment_allowed/?email=${encodeURIComponent(email)}`)).json
}

function remove(body: object): Promise<Answered> {
  const headers = { 'content-type': 'application/json' }
  return staff.send('DELETE', '/enrollment_allowed/', { headers, body: JSON.stringify(body) })
}
