import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { jwtCookies, sessionOf, splitIntoCookies } from '../../../support/browser.ts'
import { BULK_ENROLL, KEY, openDoor, signToken, type Door } from '../../../support/rest.ts'
import { addCourse, addLearner, type SeededLearner } from '../../../support/seed.ts'

let door: Door
let bob: SeededLearner
let course: string
beforeAll(async () => {
  door = await openDoor()
  bob = await addLearner(door.db)
  course = await addCourse(door.db)
})
afterAll(() => door[Symbol.asyncDispose]())

const ASKED = { 'use-jwt-cookie': 'true' }
const NOT_PROVIDED = { status: 401, json: { detail: 'Authentication credentials were not provided.' } }

describe('the pair of cookies (rest-v1 D8)', () => {
  test.for(['HS256', 'HS384', 'HS512'])('lets in like its token: %s', async (alg) => {
    const cookie = splitIntoCookies(await signToken({ preferred_username: bob.username }, { alg }))
    expect(await door.anonymous.get('/enrollment', { cookie, ...ASKED })).toMatchObject({ status: 200, text: '[]' })
  })

  test.for([{ 'use-jwt-cookie': 'True' }, ASKED])('is asked for by %j', async (headers) => {
    const cookie = await jwtCookies(bob)
    expect((await door.anonymous.get('/enrollment', { cookie, ...headers })).status).toBe(200)
  })

  test.for([{}, { 'use-jwt-cookie': '' }, { 'use-jwt-cookie': 'false' }, { 'use-jwt-cookie': '1' }])(
    'counts as nothing with %j',
    async (headers) => {
      const answer = await door.anonymous.get('/enrollment', { cookie: await jwtCookies(bob), ...headers })
      expect(answer).toMatchObject({ ...NOT_PROVIDED, headers: { 'www-authenticate': 'JWT realm="api"' } })
    },
  )

  const broken: [how: string, change: (cookie: string) => string][] = [
    ['the first half', (cookie: string) => cookie.split('; ')[0] ?? ''],
    ['the second half', (cookie: string) => cookie.split('; ')[1] ?? ''],
    ['an empty signature', (cookie: string) => cookie.replace(/signature=.*/, 'signature=')],
    ['other names', (cookie: string) => cookie.replaceAll('edx-jwt', 'stage-edx-jwt')],
    ['nothing', () => ''],
  ]
  test.for(broken)('is not there by %s', async ([, change]) => {
    const cookie = change(await jwtCookies(bob))
    expect(await door.anonymous.get('/enrollment', { cookie, ...ASKED })).toMatchObject(NOT_PROVIDED)
    expect((await door.anonymous.get('/enrollment', { cookie, ...ASKED, ...KEY })).status).toBe(200)
  })

  test('is found among other cookies', async () => {
    const cookie = `sessionid=1|x|y; a="b; c"; broken; %zz=%zz; ${await jwtCookies(bob)}; last=1`
    expect((await door.anonymous.get('/enrollment', { cookie, ...ASKED })).status).toBe(200)
  })

  const wrong: [how: string, detail: string, make: () => Promise<string>][] = [
    ['expired', 'Token has expired.', () => signToken({ preferred_username: 'bob', exp: 1 })],
    ['of another secret', 'Invalid token.', () => signToken({ preferred_username: 'bob' }, { secret: 'x'.repeat(32) })],
    ['garbage', 'Invalid token.', async () => 'a.b.c'],
  ]
  test.for(wrong)('is wrong when it is %s, also beside a good key', async ([, detail, make]) => {
    const cookie = splitIntoCookies(await make())
    for (const headers of [{}, KEY]) {
      const answer = await door.anonymous.get('/enrollment', { cookie, ...ASKED, ...headers })
      expect(answer).toMatchObject({ status: 401, json: { detail } })
    }
  })

  test('gives way to a token of the header, which needs no CSRF token', async () => {
    const carol = await addLearner(door.db)
    const authorization = `JWT ${await signToken({ preferred_username: carol.username })}`
    const headers = { cookie: await jwtCookies(bob), ...ASKED, authorization }
    const answer = await door.anonymous.post({ course_details: { course_id: course } }, headers)
    expect(answer).toMatchObject({ status: 200, json: { user: carol.username } })
    const wrong = await door.anonymous.get('/enrollment', { ...headers, authorization: 'JWT wrong' })
    expect(wrong.status).toBe(401)
  })

  test('stays beside a header of another scheme', async () => {
    const headers = { cookie: await jwtCookies(bob), ...ASKED, authorization: 'Basic Ym9iOmJvYg==' }
    expect((await door.anonymous.get('/enrollment', headers)).status).toBe(200)
  })

  test('makes the account of an unknown username', async () => {
    const cookie = await jwtCookies({ username: 'new-by-cookie' })
    expect((await door.anonymous.get('/enrollment', { cookie, ...ASKED })).status).toBe(200)
    const row = door.db.selectFrom('learners').select('id').where('username', '=', 'new-by-cookie')
    expect(await row.execute()).toHaveLength(1)
  })
})

describe('where cookies count (rest-v1 §2.1)', () => {
  test.for(['/unenroll/', '/enrollment_allowed/'])(
    'not for the inactive on %s: they are nobody there',
    async (path) => {
      const inactive = await addLearner(door.db, { is_active: false })
      const headers = await sessionOf(inactive, { administrator: true, superuser: true })
      expect(await door.anonymous.send('POST', path, { headers })).toMatchObject(NOT_PROVIDED)
      const byToken = door.as(inactive)
      expect((await byToken.send('POST', path)).json).toEqual({
        detail: 'You do not have permission to perform this action.',
      })
      const active = await addLearner(door.db)
      const answer = await door.anonymous.send('POST', path, { headers: await sessionOf(active) })
      expect(answer.status).toBe(403)
    },
  )

  test.for(['/enrollment', '/roles/', '/enrollment/course-v1:a+b+c'])('for the inactive on %s', async (path) => {
    const inactive = await addLearner(door.db, { is_active: false })
    expect((await door.anonymous.get(path, await sessionOf(inactive))).status).toBe(200)
  })

  test('not at all for many enrollments at once', async () => {
    const headers = await sessionOf(bob, { administrator: true })
    const answer = await door.app.inject({ method: 'POST', url: BULK_ENROLL, headers })
    expect(answer.json()).toEqual(NOT_PROVIDED.json)
    const wrong = { cookie: splitIntoCookies('a.b.c'), ...ASKED }
    expect((await door.app.inject({ method: 'POST', url: BULK_ENROLL, headers: wrong })).json()).toEqual(
      NOT_PROVIDED.json,
    )
  })

  test('not where nobody is asked for credentials: wrong ones are no error there', async () => {
    const headers = { cookie: splitIntoCookies('a.b.c'), ...ASKED }
    expect((await door.anonymous.get(`/course/${course}`, headers)).status).toBe(200)
  })

  test('for the staff on all enrollments', async () => {
    const answer = await door.anonymous.get('/enrollments', await sessionOf(bob, { administrator: true }))
    expect(answer.status).toBe(200)
    expect((await door.anonymous.get('/enrollments', await sessionOf(bob))).status).toBe(403)
  })
})
