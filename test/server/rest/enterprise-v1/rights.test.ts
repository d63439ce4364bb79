import { afterAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../../../../core/database/open.ts'
import { CSRF, jwtCookies, sessionOf } from '../../../support/browser.ts'
import { KEY } from '../../../support/rest.ts'
import { addCourse, addLearner } from '../../../support/seed.ts'
import { buildTestApp, openTestServer } from '../../../support/server.ts'
import { uuidOf } from '../../../enterprise/acme.ts'
import { addCustomer, addLink } from '../../../enterprise/seed.ts'
import { everythingIn } from '../../../enterprise/state.ts'
import { bulkUrl, headersOf, openEnterpriseApi } from './api.ts'

const NOT_AUTHENTICATED = '{"detail":"Authentication credentials were not provided."}'
const NOT_PERMITTED = '{"detail":"You do not have permission to perform this action."}'
const NOT_FOUND = '{"detail":"Not found."}'
const UNKNOWN = '11111111-2222-4333-8444-555555555555'

const api = await openEnterpriseApi()
afterAll(() => api[Symbol.asyncDispose]())
const { db } = api

const acme = await addCustomer(db)
const globex = await addCustomer(db, 'Globex')
const course = await addCourse(db)
const people = {
  staff: await addLearner(db, { username: 'staff', is_staff: true }),
  superuser: await addLearner(db, { username: 'superuser', is_superuser: true }),
  admin: await addLearner(db, { username: 'acme-admin' }),
  idle: await addLearner(db, { username: 'idle-admin', is_active: false }),
  other: await addLearner(db, { username: 'globex-admin' }),
  learner: await addLearner(db, { username: 'learner' }),
}
await db
  .insertInto('enterprise_customer_admins')
  .values([
    { customer_id: acme.id, learner_id: people.admin.id },
    { customer_id: acme.id, learner_id: people.idle.id },
    { customer_id: globex.id, learner_id: people.other.id },
  ])
  .execute()

const body = { enrollments_info: [{ user_id: people.learner.id, course_run_key: course, license_uuid: uuidOf('L1') }] }

describe('whose learners somebody may enroll', async () => {
  const headers = {
    nobody: {},
    'the API key': KEY,
    'global staff': await headersOf(people.staff),
    'global staff, as Bearer': await headersOf(people.staff, 'Bearer'),
    'a superuser who is no staff': await headersOf(people.superuser),
    'an admin of the customer': await headersOf(people.admin),
    'an admin of the customer who is not active': await headersOf(people.idle),
    'an admin of another customer': await headersOf(people.other),
    'a learner': await headersOf(people.learner),
    'somebody new': await headersOf({ username: 'never-seen' }),
    'a wrong token': { authorization: 'JWT nonsense' },
    'a browser of an admin': await sessionOf(people.admin),
    'a browser of an admin who is not active': await sessionOf(people.idle),
    'a browser of a learner': await sessionOf(people.learner),
  }

  test.each<[who: keyof typeof headers, own: number, unknown: number]>([
    ['nobody', 401, 401],
    ['the API key', 401, 401],
    ['global staff', 201, 404],
    ['global staff, as Bearer', 201, 404],
    ['a superuser who is no staff', 403, 403],
    ['an admin of the customer', 201, 403],
    ['an admin of the customer who is not active', 201, 403],
    ['an admin of another customer', 403, 403],
    ['a learner', 403, 403],
    ['somebody new', 403, 403],
    ['a wrong token', 401, 401],
    ['a browser of an admin', 201, 403],
    ['a browser of an admin who is not active', 401, 401],
    ['a browser of a learner', 403, 403],
  ])('%s: of ACME %i, of a customer who does not exist %i', async (who, own, unknown) => {
    const untouched = await everythingIn(db)
    const ofNobody = await api.enroll({ uuid: UNKNOWN }, body, headers[who])
    expect(ofNobody.status).toBe(unknown)
    if (unknown === 404) expect(ofNobody.text).toBe(NOT_FOUND)
    expect(await everythingIn(db)).toEqual(untouched)
    const answer = await api.enroll(acme, body, headers[who])
    expect(answer.status).toBe(own)
    expect(answer.headers['content-type']).toBe('application/json')
    expect(answer.headers['allow']).toBe('POST, OPTIONS')
    if (own === 403) expect(answer.text).toBe(NOT_PERMITTED)
    if (own === 401) expect(answer.headers['www-authenticate']).toBe('JWT realm="api"')
    if (own !== 201) expect(await everythingIn(db)).toEqual(untouched)
  })

  test('is told to nobody in the words of the REST API', async () => {
    expect((await api.enroll(acme, body, {})).text).toBe(NOT_AUTHENTICATED)
    const wrong = await api.enroll(acme, body, { authorization: 'JWT nonsense' })
    expect(wrong.text).toBe('{"detail":"Invalid token."}')
  })

  test('cookies alone, as another site can make a browser send them, are not enough', async () => {
    const cookie = `${await jwtCookies(people.admin)}; csrftoken=${CSRF.secret}`
    const forged = await api.enroll(acme, body, { cookie, 'use-jwt-cookie': 'true' })
    expect(forged.status).toBe(403)
    expect(forged.json.detail).toMatch(/^CSRF Failed: /)
  })

  test('is kept with who did it', async () => {
    const learner = await addLearner(db)
    await addLink(db, acme, learner.id)
    const rows = [{ user_id: learner.id, course_run_key: course, transaction_id: uuidOf('T1') }]
    const more = { reason: 'Onboarding', salesforce_id: 'SF-1' }
    await api.enroll(acme, { enrollments_info: rows, ...more }, headers['an admin of the customer'])
    const batch = await db
      .selectFrom('enterprise_batches')
      .select(['customer_id', 'actor_kind', 'actor_name', 'reason', 'salesforce_id', 'row_count'])
      .orderBy('at')
      .where('reason', '=', 'Onboarding')
      .executeTakeFirstOrThrow()
    expect(batch).toEqual({
      customer_id: acme.id,
      actor_kind: 'user',
      actor_name: 'acme-admin',
      reason: 'Onboarding',
      salesforce_id: 'SF-1',
      row_count: 1,
    })
    const event = await db
      .selectFrom('enrollment_events as v')
      .innerJoin('enrollments as e', 'e.id', 'v.enrollment_id')
      .select(['v.actor_kind', 'v.actor_name'])
      .where('e.learner_id', '=', learner.id)
      .executeTakeFirstOrThrow()
    expect(event).toEqual({ actor_kind: 'user', actor_name: 'acme-admin' })
  })
})

describe('the route', () => {
  const staff = headersOf(people.staff)

  test.each([
    bulkUrl('acme'),
    bulkUrl(`${UNKNOWN}0`),
    bulkUrl(UNKNOWN.replace('1', 'g')),
    bulkUrl(`%00${UNKNOWN}`),
    bulkUrl(UNKNOWN).replace(/\/$/, ''),
    bulkUrl(UNKNOWN).replace('enroll_learners', 'unenroll_learners'),
  ])('%s does not exist', async (url) => {
    for (const headers of [{}, await staff]) {
      const answer = await api.send('POST', url, { headers, body: '{}' })
      expect([answer.status, answer.text]).toEqual([404, NOT_FOUND])
    }
  })

  test('tells of a customer who does not exist before it looks at the body', async () => {
    expect((await api.enroll({ uuid: UNKNOWN }, 'no JSON', await staff)).status).toBe(404)
    expect((await api.enroll(acme, 'no JSON', await staff)).status).toBe(400)
  })

  test('takes the UUID in any form', async () => {
    for (const uuid of [acme.uuid.toUpperCase(), acme.uuid.replaceAll('-', '')]) {
      expect((await api.enroll({ uuid }, body)).status).toBe(201)
    }
  })

  test.each(['GET', 'PUT', 'PATCH', 'DELETE', 'PURGE'])('has no %s', async (method) => {
    // Any method, those that the types do not know too.
    const answer = await api.send(method as 'GET', bulkUrl(acme.uuid), { headers: await staff })
    expect([answer.status, answer.text]).toEqual([405, `{"detail":"Method \\"${method}\\" not allowed."}`])
    expect(answer.headers['allow']).toBe('POST, OPTIONS')
    expect((await api.send(method as 'GET', bulkUrl(acme.uuid))).status).toBe(401)
  })

  test('tells what it takes', async () => {
    const { status, json } = await api.send('OPTIONS', bulkUrl(acme.uuid), { headers: await staff })
    expect([status, json.name]).toEqual([200, 'Enroll learners in courses'])
  })

  test('is on the public listener alone', async () => {
    await using database = openDatabase({ connectionString: 'postgresql://nobody@127.0.0.1:1/none' })
    await using server = await openTestServer(buildTestApp({ db: database }))
    const ask = (base: string) => fetch(base + bulkUrl(acme.uuid), { method: 'POST', body: '{}' })
    expect((await ask(server.url)).status).toBe(401)
    expect((await ask(server.internal)).status).toBe(404)
  })

  test('says that it may be asked again when the database does not answer', async () => {
    await using database = openDatabase({ connectionString: 'postgresql://secret@127.0.0.1:1/hidden' })
    await using app = buildTestApp({ db: database })
    const answer = await app.inject({ method: 'POST', url: bulkUrl(acme.uuid), headers: await staff, payload: body })
    expect(answer.statusCode).toBe(503)
    expect(answer.headers['retry-after']).toBe('1')
    expect(answer.body).toBe('{"detail":"Service temporarily unavailable, try again later."}')
  })

  test('lets the pages of the platform ask', async () => {
    await using pages = await openEnterpriseApi({ CORS_ORIGINS: 'https://admin.example.org' })
    const preflight = { origin: 'https://admin.example.org', 'access-control-request-method': 'POST' }
    const { status, headers } = await pages.send('OPTIONS', bulkUrl(acme.uuid), { headers: preflight })
    expect(status).toBe(204)
    expect(headers['access-control-allow-origin']).toBe('https://admin.example.org')
  })
})
