import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EnrollmentFilter, FilterRequest } from '../../core/enrollment/filter.ts'
import { PrivateRequest } from '../../server/listeners.ts'
import { BULK_ENROLL, openDoor, type Door, type RestClient } from '../support/rest.ts'
import { addCourse, addLearner, type SeededLearner } from '../support/seed.ts'
import { secrets } from '../support/server.ts'
import { addEnrollment, enrollmentInWords } from '../support/world.ts'

const seen: FilterRequest[] = []

/** Does what the name of the learner asks for. */
const filters: EnrollmentFilter[] = [
  { name: 'watching', check: (request) => void seen.push(request) },
  {
    name: 'by-name',
    check({ learner: { username } }) {
      if (username.startsWith('vetoed')) return { veto: 'Not on a “Monday”.' }
      if (username.startsWith('verified')) return { mode: 'verified' }
      if (username.startsWith('masters')) return { mode: 'masters' }
      if (username.startsWith('broken')) throw new Error('select secret from filters')
      return undefined
    },
  },
]

let api: Door
let staff: RestClient
let course: string
let people = 0

beforeAll(async () => {
  api = await openDoor({ filters })
  staff = api.as(await addLearner(api.db, { is_staff: true }))
  course = await addCourse(api.db)
})
afterAll(() => api[Symbol.asyncDispose]())

const NEUTRAL = 'The enrollment was not allowed.'

describe('the REST API (rest-v1 §3.2 row 15e)', () => {
  test.for([
    ['vetoed', 'Not on a “Monday”.'],
    ['broken', NEUTRAL],
  ] as const)('%s: 403 with the reason', async ([name, reason]) => {
    const learner = await person(name)
    for (const client of [api.as(learner), api.server, staff]) {
      const answer = await client.post({ user: learner.username, course_details: { course_id: course } })
      const text = JSON.stringify({ message: reason, localizedMessage: reason })
      expect(answer).toMatchObject({ status: 403, text })
    }
    expect(await enrollmentInWords(api.db, learner.id, course)).toBeNull()
  })

  test('a failure is logged, and leaves the process nowhere else', async () => {
    const lines = api.log.length
    const learner = await person('broken')
    const answer = await api.as(learner).post({ course_details: { course_id: course } })
    expect(api.log.slice(lines)).toContain('enrollment filter failed')
    expect(answer.text).not.toContain('secret')
  })

  test('another mode is what is written', async () => {
    const learner = await person('verified')
    const answer = await api.as(learner).post({ course_details: { course_id: course } })
    expect(answer).toMatchObject({ status: 200, json: { mode: 'verified' } })
  })

  test('a mode that is not offered is refused as one that was asked for', async () => {
    const learner = await person('masters')
    const answer = await api.as(learner).post({ course_details: { course_id: course }, mode: 'audit' })
    expect(answer.status).toBe(400)
    expect(answer.json.message).toMatch(/^The \[audit\] course mode is expired or otherwise unavailable/)
  })

  test('comes after the mode and before the window and the seats', async () => {
    const learner = await person('vetoed')
    const closed = await addCourse(api.db, { enrollment_end: '2020-01-01T00:00:00Z', max_enrollments: 0 })
    const post = (mode: string | null) =>
      staff.post({ user: learner.username, mode, course_details: { course_id: closed } })
    expect([await post('masters'), await post(null)].map(({ status }) => status)).toEqual([400, 403])
  })

  test('is not asked where a privileged caller changes an enrollment', async () => {
    const learner = await person('vetoed')
    await addEnrollment(api.db, learner.id, course)
    const change = { user: learner.username, course_details: { course_id: course } }
    expect(await staff.post({ ...change, mode: 'verified' })).toMatchObject({ status: 200 })
    expect(await staff.post({ ...change, is_active: false })).toMatchObject({ status: 200 })
    expect(await staff.post({ ...change, is_active: true })).toMatchObject({ status: 200 })
  })

  test('sees what was asked for', async () => {
    const learner = await person('watched')
    seen.length = 0
    await staff.post({
      user: learner.username,
      course_details: { course_id: course },
      is_active: false,
      enterprise_uuid: 'None',
    })
    const { id, username } = learner
    const request = { courseId: course, mode: 'audit', isActive: false, enterpriseUuid: 'None', reason: null }
    expect(seen).toContainEqual({ learner: { userId: String(id), username }, ...request })
  })
})

test('bulk enrollment over REST (rest-v1 §3.9): that row fails, the others go on', async () => {
  const [vetoed, broken, free] = [await person('vetoed'), await person('broken'), await person('free')]
  const identifiers = [vetoed, broken, free].map(({ username }) => username).join()
  const answer = await staff.postTo(BULK_ENROLL, { identifiers, courses: course, action: 'enroll' })
  expect(answer.json.courses[course].results).toMatchObject([
    { identifier: vetoed.username, error: true },
    { identifier: broken.username, error: true },
    { identifier: free.username, after: { enrollment: true } },
  ])
})

describe('the typed API (rpc §4)', () => {
  test.for([
    ['vetoed', 'Not on a “Monday”.'],
    ['broken', NEUTRAL],
  ] as const)('%s: FORBIDDEN, with the name of the filter', async ([name, message]) => {
    const { username } = await person(name)
    const answer = await call('enrollment.enroll', { username, courseId: course })
    expect(answer.statusCode).toBe(403)
    expect(answer.json().error).toMatchObject({
      message,
      data: { code: 'FORBIDDEN', reason: 'vetoed', details: { by: 'by-name', message } },
    })
    expect(answer.body).not.toContain('secret')
  })

  test('in a batch it is that row', async () => {
    const [vetoed, free] = [await person('vetoed'), await person('verified')]
    const items = [vetoed, free].map(({ username }) => ({ username, courseId: course }))
    const { results } = (await call('enrollment.enrollMany', { items })).json().result.data
    expect(results).toMatchObject([
      { ok: false, error: { code: 'vetoed', details: { by: 'by-name' } } },
      { ok: true, outcome: { enrollment: { mode: 'verified' } } },
    ])
  })

  function call(procedure: string, payload: object) {
    const [token] = [...secrets.internalTokens.keys()]
    return api.app.inject({
      method: 'POST',
      url: `/trpc/${procedure}`,
      headers: { authorization: `Bearer ${token}` },
      payload,
      Request: PrivateRequest,
    })
  }
})

async function person(name: string): Promise<SeededLearner> {
  people += 1
  return addLearner(api.db, { username: `${name}-${people}`, email: `${name}-${people}@example.com` })
}
