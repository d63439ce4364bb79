import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openDoor, type Door } from '../../../support/rest.ts'
import { addCourse, addLearner, type SeededLearner } from '../../../support/seed.ts'
import { enrollmentInWords } from '../../../support/world.ts'

let door: Door
let bob: SeededLearner
let course: string

beforeAll(async () => void (door = await openDoor()))
beforeEach(async () => {
  bob = await addLearner(door.db)
  course = await addCourse(door.db)
})
afterAll(() => door[Symbol.asyncDispose]())

describe('what the enterprise client does (rest-v1 §6)', () => {
  /** Everything that it always sends. */
  const enroll = (more: object = {}) =>
    door.server.post({
      user: bob.username,
      is_active: true,
      mode: 'audit',
      course_details: { course_id: course },
      cohort: null,
      enterprise_uuid: 'None',
      ...more,
    })
  const read = () => door.server.get(`/enrollment/${bob.username},${encodeURIComponent(course)}`)

  test('reads before there is anything: a 200 without content', async () => {
    expect(await read()).toMatchObject({ status: 200, text: '' })
  })

  test('enrolls, reads, changes the mode, leaves with the mode that it read, comes back', async () => {
    expect(await enroll()).toMatchObject({ status: 200, json: { is_active: true, mode: 'audit' } })
    expect((await read()).json).toMatchObject({ is_active: true, mode: 'audit', user: bob.username })

    const change = { user: bob.username, course_details: { course_id: course }, mode: 'verified' }
    expect((await door.server.post(change)).json).toMatchObject({ is_active: true, mode: 'verified' })

    const { mode } = (await read()).json
    expect((await enroll({ is_active: false, mode })).json).toMatchObject({ is_active: false, mode: 'verified' })
    expect((await read()).json).toMatchObject({ is_active: false })
    expect((await enroll()).json).toMatchObject({ is_active: true, mode: 'audit' })
  })

  test('leaves with a stale mode: the words that it looks for', async () => {
    await enroll()
    const answer = await enroll({ is_active: false, mode: 'verified' })
    expect(answer.status).toBe(400)
    expect(answer.json.message).toContain('Enrollment mode mismatch')
    expect(await enrollmentInWords(door.db, bob.id, course)).toBe('active audit')
  })

  test('asks for the modes of a course', async () => {
    const { json } = await door.server.get(`/course/${course}`)
    expect(json.course_modes.map(({ slug }: { slug: string }) => slug)).toEqual(['audit', 'verified'])
  })

  test('lists', async () => {
    await enroll()
    expect((await door.server.get(`/enrollment?user=${bob.username}`)).json).toHaveLength(1)
  })
})

test('a success is 200, whatever it did', async () => {
  const body = { user: bob.username, course_details: { course_id: course } }
  for (const more of [{}, {}, { mode: 'verified' }, { is_active: false }, { is_active: true }, {}]) {
    expect((await door.server.post({ ...body, ...more })).status).toBe(200)
  }
})

test('null means absent', async () => {
  const nothing = {
    is_active: null,
    force_enrollment: null,
    enrollment_attributes: null,
    cohort: null,
    email_opt_in: null,
    mode: null,
    email: null,
    user: null,
    enterprise_uuid: null,
  }
  const answer = await door.as(bob).post({ course_details: { course_id: course }, ...nothing })
  expect(answer).toMatchObject({ status: 200, json: { mode: 'audit', is_active: true } })
})

test('unknown keys are ignored', async () => {
  const body = {
    course_details: { course_id: course, more: 1 },
    create_consent_record: true,
    linked: {},
    __proto__x: 1,
  }
  expect((await door.as(bob).post(body)).status).toBe(200)
})

test('a plus in a path is a plus, in a query a space', async () => {
  const plus = await addLearner(door.db, { username: 'bob+smith' })
  const space = await addLearner(door.db, { username: 'bob smith' })
  for (const [learner, mode] of [
    [plus, 'audit'],
    [space, 'verified'],
  ] as const) {
    await door.server.post({ user: learner.username, course_details: { course_id: course }, mode })
  }
  const modeAt = async (path: string) => [(await door.server.get(path)).json].flat()[0].mode
  expect(await modeAt(`/enrollment/bob+smith,${course}`)).toBe('audit')
  expect(await modeAt(`/enrollment/bob%20smith,${course}`)).toBe('verified')
  expect(await modeAt('/enrollment?user=bob%2Bsmith')).toBe('audit')
  expect(await modeAt('/enrollment?user=bob+smith')).toBe('verified')
  expect(await modeAt('/enrollment?user=x&user=bob+smith')).toBe('verified')
})

test('keys of both styles, as they are written in the wild', async () => {
  for (const course_key of ['edX/DemoX/2014', 'course-v1:é+ü+ñ', 'course-v1:edX+Demo.X~1-2:3+2014']) {
    await addCourse(door.db, { course_key })
    expect((await door.as(bob).post({ course_details: { course_id: course_key } })).status).toBe(200)
    for (const written of [encodeURI(course_key), encodeURIComponent(course_key)]) {
      const { json } = await door.as(bob).get(`/enrollment/${bob.username},${written}`)
      expect(json.course_details.course_id).toBe(course_key)
    }
  }
})
