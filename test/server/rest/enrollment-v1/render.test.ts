import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDoor, type Door } from '../../../support/rest.ts'
import { addCourse, addLearner, type SeededLearner } from '../../../support/seed.ts'
import { addEnrollment, addMode } from '../../../support/world.ts'

// Byte for byte: the keys in their order, the spelling of instants, what is null and what is empty.

let door: Door
let bob: SeededLearner
const COURSE = 'course-v1:edX+Golden+2026'
const BARE = 'edX/Bare_Course/2026_T1'

beforeAll(async () => {
  door = await openDoor({ now: () => new Date('2026-03-01T12:00:00.5Z') })
  const { db } = door
  bob = await addLearner(db, { username: 'bob' })
  await addCourse(db, {
    course_key: COURSE,
    display_name: 'Golden "Course"',
    starts: '2026-01-01T00:00:00Z',
    ends: '2026-12-31T23:59:59.999999Z',
    enrollment_start: '2018-01-01T00:00:01.12Z',
    enrollment_end: '2026-06-01T02:00:00+02:00',
    invitation_only: false,
    self_paced: true,
    modes: [],
  })
  await addMode(db, COURSE, 'audit', { name: 'Audit' })
  await addMode(db, COURSE, 'verified', {
    name: 'Verified',
    min_price: 49,
    suggested_prices: '49,99',
    currency: 'eur',
    expires: '2026-03-01T12:00:00.500001Z',
    description: 'With a certificate',
    sku: 'SKU',
    bulk_sku: 'BULK',
  })
  await addMode(db, COURSE, 'honor', { expires: '2026-03-01T12:00:00Z' })
  await addCourse(db, { course_key: BARE, modes: [], invitation_only: true })
  await addEnrollment(db, bob.id, COURSE, { created: '2026-02-01T00:00:00.00012Z' })
  await addEnrollment(db, bob.id, BARE, { created: '2026-01-01T00:00:00Z' })
})
afterAll(() => door[Symbol.asyncDispose]())

const AUDIT =
  '{"slug":"audit","name":"Audit","min_price":0,"suggested_prices":"","currency":"usd","expiration_datetime":null,"description":null,"sku":null,"bulk_sku":null}'
const VERIFIED =
  '{"slug":"verified","name":"Verified","min_price":49,"suggested_prices":"49,99","currency":"eur","expiration_datetime":"2026-03-01T12:00:00.500001Z","description":"With a certificate","sku":"SKU","bulk_sku":"BULK"}'
const HONOR =
  '{"slug":"honor","name":"honor","min_price":0,"suggested_prices":"","currency":"usd","expiration_datetime":"2026-03-01T12:00:00Z","description":null,"sku":null,"bulk_sku":null}'

const golden = (modes: string) =>
  `{"course_id":"course-v1:edX+Golden+2026","course_name":"Golden \\"Course\\"","enrollment_start":"2018-01-01T00:00:01.120000Z","enrollment_end":"2026-06-01T00:00:00Z","course_start":"2026-01-01T00:00:00Z","course_end":"2026-12-31T23:59:59.999999Z","invite_only":false,"course_modes":[${modes}],"pacing_type":"Self Paced"}`
const bare = `{"course_id":"edX/Bare_Course/2026_T1","course_name":"Bare Course 2026 T1","enrollment_start":null,"enrollment_end":null,"course_start":null,"course_end":null,"invite_only":true,"course_modes":[${AUDIT}],"pacing_type":"Instructor Paced"}`
const enrolled = `{"created":"2026-02-01T00:00:00.000120Z","mode":"audit","is_active":true,"course_details":${golden(`${AUDIT},${VERIFIED}`)},"user":"bob"}`
const enrolledBare = `{"created":"2026-01-01T00:00:00Z","mode":"audit","is_active":true,"course_details":${bare},"user":"bob"}`

describe('GET', () => {
  test('course details', async () => {
    expect((await door.anonymous.get(`/course/${COURSE}`)).text).toBe(golden(`${AUDIT},${VERIFIED}`))
  })

  test('course details with expired modes', async () => {
    const { text } = await door.anonymous.get(`/course/${COURSE}?include_expired=1`)
    expect(text).toBe(golden(`${AUDIT},${VERIFIED},${HONOR}`))
  })

  test('a course of an old key, without a name and without modes', async () => {
    expect((await door.anonymous.get(`/course/${BARE}`)).text).toBe(bare)
  })

  test('an enrollment', async () => {
    expect((await door.as(bob).get(`/enrollment/bob,${COURSE}`)).text).toBe(enrolled)
    expect((await door.as(bob).get(`/enrollment/${BARE}`)).text).toBe(enrolledBare)
  })

  test('the list, the oldest first', async () => {
    expect((await door.as(bob).get('/enrollment')).text).toBe(`[${enrolledBare},${enrolled}]`)
  })
})

describe('POST', () => {
  const body = { course_details: { course_id: COURSE } }

  test('what exists', async () => {
    expect((await door.as(bob).post(body)).text).toBe(enrolled)
  })

  test('what is new, created when the request came', async () => {
    const { username } = await addLearner(door.db)
    const { text } = await door.as({ username }).post(body)
    expect(text).toBe(
      enrolled.replace('2026-02-01T00:00:00.000120Z', '2026-03-01T12:00:00.500000Z').replace('"bob"', `"${username}"`),
    )
  })

  test('a mode that is not there', async () => {
    const { text } = await door.server.post({ ...body, user: 'bob', mode: 'masters' })
    expect(text).toBe(
      `{"message":"The [masters] course mode is expired or otherwise unavailable for course run [${COURSE}].","course_details":${golden(`${AUDIT},${VERIFIED},${HONOR}`)}}`,
    )
  })

  test('a mode that has expired, for staff without a key', async () => {
    const staff = await addLearner(door.db, { is_staff: true })
    const { text } = await door.as(staff).post({ ...body, user: 'bob', mode: 'honor' })
    expect(text).toBe(
      `{"message":"The [honor] course mode is expired or otherwise unavailable for course run [${COURSE}].","course_details":${golden(`${AUDIT},${VERIFIED}`)}}`,
    )
  })
})

describe('course ids in paths (rest-v1 D1)', () => {
  test.for([
    'a+b+c',
    'course-v1:a+b+c+d',
    'course-v1:version@519665f6223ebd6980884f2b+a+b',
    'course-v1:a+b+c%20',
    'course-v1:a+b+c%0A',
    'bob,course-v1:a+b+c',
  ])('%s is no key', async (text) => {
    const json = { message: `No course found for course ID '${decodeURIComponent(text)}'` }
    expect(await door.anonymous.get(`/course/${text}`)).toMatchObject({ status: 400, json })
    if (!text.startsWith('bob,'))
      expect(await door.as(bob).get(`/enrollment/${text}`)).toMatchObject({ status: 400, json })
  })

  test('an unknown course is an empty enrollment', async () => {
    expect(await door.as(bob).get('/enrollment/course-v1:no+such+course')).toMatchObject({ status: 200, text: '' })
  })

  test('branch and version are no part of what is looked up', async () => {
    const { json } = await door.anonymous.get(`/course/${COURSE}+branch@draft+version@519665f6223ebd6980884f2b`)
    expect(json.course_id).toBe(COURSE)
  })

  test('a key that is longer than any stored one', async () => {
    const long = `course-v1:${'x'.repeat(5_000)}+b+c`
    expect((await door.anonymous.get(`/course/${long}`)).status).toBe(400)
    expect((await door.as(bob).get(`/enrollment/${long}`)).status).toBe(200)
    expect((await door.as(bob).post({ course_details: { course_id: long } })).status).toBe(400)
  })
})
