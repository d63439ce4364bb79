import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDoor, type Answered, type Door, type RestClient } from '../../../support/rest.ts'
import { addCourse, addLearner, type SeededLearner } from '../../../support/seed.ts'
import { addEnrollment, enrollmentInWords } from '../../../support/world.ts'

let door: Door
let superuser: RestClient
let courses: string[]

beforeAll(async () => {
  door = await openDoor({ env: { RATE_LIMITS: 'off' } })
  superuser = door.as(await addLearner(door.db, { is_superuser: true }))
  courses = []
  for (const org of ['org', 'org', 'org2', 'org3']) {
    courses.push(await addCourse(door.db, { course_key: `course-v1:${org}+c${courses.length}+r` }))
  }
})
afterAll(() => door[Symbol.asyncDispose]())

const NO_USERNAME = '"Username not specified."'
const NO_REQUEST = '"No retirement request status for username."'

describe('examples 96 to 100 (rest-v1 §5.4): active in four courses of three organisations', () => {
  test('96: by the learner', async () => {
    const bob = await retiring()
    const answer = await door.as(bob).postTo('/unenroll/', { username: bob.username })
    expect(answer).toMatchObject({
      status: 403,
      text: '{"detail":"You do not have permission to perform this action."}',
    })
    expect(await activeCourses(bob)).toBe(4)
  })

  test.for([
    [97, {}, NO_USERNAME],
    [98, { username: '' }, NO_REQUEST],
  ] as const)('%i: %o', async ([, body, text]) => {
    const bob = await retiring()
    expect(await superuser.postTo('/unenroll/', body)).toMatchObject({ status: 404, text })
    expect(await activeCourses(bob)).toBe(4)
  })

  test('97: without a body at all', async () => {
    const answer = await superuser.send('POST', '/unenroll/')
    expect(answer).toMatchObject({ status: 404, text: NO_USERNAME })
    expect(answer.headers['content-type']).toBe('application/json')
  })

  test('the course runs of the LMS are left to it', async () => {
    const bob = await retiring()
    const theirs = await addCourse(door.db, { owner: 'lms' })
    await addEnrollment(door.db, bob.id, theirs)
    expect((await ask(bob)).status).toBe(200)
    expect(await activeCourses(bob)).toBe(1)
    expect(await ask(bob)).toMatchObject({ status: 204, text: '' })
  })

  test('100: twice', async () => {
    const bob = await retiring()
    const first = await ask(bob)
    expect(first.status).toBe(200)
    expect(first.json.toSorted()).toEqual(['org', 'org2', 'org3'])
    expect(await activeCourses(bob)).toBe(0)
    const second = await ask(bob)
    expect(second).toMatchObject({ status: 204, text: '' })
    expect(second.headers).not.toHaveProperty('content-type')
  })
})

describe('the retirement (rest-v1 §1.12, §3.5)', () => {
  test('nobody asked for it', async () => {
    const { username } = await addLearner(door.db)
    expect(await superuser.postTo('/unenroll/', { username })).toMatchObject({ status: 404, text: NO_REQUEST })
  })

  test('the username is exact', async () => {
    const bob = await retiring()
    const answer = await superuser.postTo('/unenroll/', { username: bob.username.toUpperCase() })
    expect(answer).toMatchObject({ status: 404, text: NO_REQUEST })
  })

  test('it is asked for under the name of then; the account that has it now is left alone', async () => {
    const bob = await retiring()
    await door.db
      .updateTable('learners')
      .set({ username: `was-${bob.username}` })
      .where('id', '=', bob.id)
      .execute()
    const successor = await addLearner(door.db, { username: bob.username, email: null })
    await addEnrollment(door.db, successor.id, courses[0] ?? '')
    expect(await ask(bob)).toMatchObject({ status: 200 })
    expect([await activeCourses(bob), await activeCourses(successor)]).toEqual([0, 1])
  })

  test.for(['PENDING', 'LOCKING_ACCOUNT', 'RETIRING_ENROLLMENTS', 'SOME_STEP_OF_THIS_SITE'])(
    'is worked on in the state %s',
    async (state) => expect(await ask(await retiring({ state }))).toMatchObject({ status: 200 }),
  )

  test.for([
    ['LOCKING_COMPLETE', 21],
    ['ENROLLMENTS_COMPLETE', 81],
    ['ERRORED', 131],
    ['ABORTED', 141],
    ['COMPLETE', 151],
    ['SITE_COMPLETE', 0],
  ] as const)('is not worked on in the state %s', async ([state, step]) => {
    const bob = await retiring({ state, updated: '2018-01-01T00:00:01.12Z' })
    const status = `User: ${bob.id} State: ${state} (step ${step}) Last Updated: 2018-01-01 00:00:01.120000+00:00`
    expect(await ask(bob)).toMatchObject({
      status: 500,
      json: `${status} is in ${state}, not a valid state to perform retirement actions on.`,
    })
    expect(await activeCourses(bob)).toBe(4)
  })

  test('the organisations are those of all enrollments, the ended ones too', async () => {
    const bob = await retiring({ enrolled: false })
    await addEnrollment(door.db, bob.id, courses[2] ?? '', { is_active: false })
    await addEnrollment(door.db, bob.id, courses[3] ?? '', { mode: 'verified' })
    expect((await ask(bob)).json.toSorted()).toEqual(['org2', 'org3'])
    expect(await enrollmentInWords(door.db, bob.id, courses[3] ?? '')).toBe('inactive verified')
  })

  test('only ended enrollments are no active ones', async () => {
    const bob = await retiring({ enrolled: false })
    await addEnrollment(door.db, bob.id, courses[0] ?? '', { is_active: false })
    expect(await ask(bob)).toMatchObject({ status: 204 })
  })

  test('each enrollment that ends leaves its event', async () => {
    const bob = await retiring()
    await ask(bob)
    const events = await door.db
      .selectFrom('enrollment_events as v')
      .innerJoin('enrollments as e', 'e.id', 'v.enrollment_id')
      .select(['v.kind', 'v.via', 'v.reason', 'v.after_mode'])
      .where('e.learner_id', '=', bob.id)
      .execute()
    const ended = { kind: 'deactivated', via: 'rest', reason: 'retirement', after_mode: 'audit' }
    expect(events).toEqual([ended, ended, ended, ended])
  })
})

describe('what may be sent', () => {
  test('a form', async () => {
    const bob = await retiring()
    expect(await superuser.submitTo('/unenroll/', { username: bob.username })).toMatchObject({ status: 200 })
  })

  test('null is nobody', async () => {
    expect(await superuser.postTo('/unenroll/', { username: null })).toMatchObject({ status: 404, text: NO_REQUEST })
  })

  test.for([
    ['[]', 'The request body must be a JSON object.'],
    ['7', 'The request body must be a JSON object.'],
    ['{"username":7}', 'username must be text.'],
    ['{"username":["bob"]}', 'username must be text.'],
    ['{"username":"a\\u0000b"}', 'username must not contain NUL characters or lone surrogates.'],
  ] as const)('%s is refused (D2, D10)', async ([body, message]) => {
    expect(await send(body)).toMatchObject({ status: 400, json: { message } })
  })

  test('malformed JSON is refused (D2)', async () => {
    expect(await send('{"username":')).toMatchObject({
      status: 400,
      json: { detail: expect.stringMatching(/^JSON parse error - /) },
    })
  })

  function send(body: string): Promise<Answered> {
    return superuser.send('POST', '/unenroll/', { headers: { 'content-type': 'application/json' }, body })
  }
})

test('the setting names the worker', async () => {
  await using other = await openDoor({ env: { RETIREMENT_SERVICE_USERNAME: 'Undertaker' } })
  const worker = await addLearner(other.db, { username: 'Undertaker' })
  const former = await addLearner(other.db, { username: 'retirement_service_worker' })
  expect(await other.as(worker).postTo('/unenroll/', {})).toMatchObject({ status: 404 })
  expect(await other.as(former).postTo('/unenroll/', {})).toMatchObject({ status: 403 })
})

function ask({ username }: SeededLearner): Promise<Answered> {
  return superuser.postTo('/unenroll/', { username })
}

async function retiring({ state = 'PENDING', updated = '2026-01-01T00:00:00Z', enrolled = true } = {}) {
  const bob = await addLearner(door.db)
  const { id: learner_id, username: original_username } = bob
  await door.db.insertInto('retirements').values({ learner_id, original_username, state, updated }).execute()
  for (const course of enrolled ? courses : []) await addEnrollment(door.db, bob.id, course)
  return bob
}

async function activeCourses({ id }: { id: number }): Promise<number> {
  const rows = await door.db
    .selectFrom('enrollments')
    .select('id')
    .where('learner_id', '=', id)
    .where('is_active', '=', true)
    .execute()
  return rows.length
}
