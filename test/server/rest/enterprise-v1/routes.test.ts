import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { exportText, importLines, removeAll } from '../../../enterprise/import-export/world.ts'
import { everythingIn } from '../../../enterprise/state.ts'
import { scrape } from '../../../support/metrics.ts'
import { headersOf, openEnterpriseApi } from './api.ts'
import { ACME, ask, buildWorld, F, GLOBEX, L, lines, run, stateOf, T, type Who } from './routes-world.ts'

// The examples of enterprise-routes.md §6, by number.

const api = await openEnterpriseApi()
afterAll(() => api[Symbol.asyncDispose]())
const { db } = api
beforeEach(() => buildWorld(api))

const PERM = '{"detail":"You do not have permission to perform this action."}'
const NF = '{"detail":"Not found."}'
const REVOKE = 'licensed-enterprise-course-enrollment/license_revoke/'
const EXPIRE = 'licensed-enterprise-course-enrollment/bulk_licensed_enrollments_expiration/'
const UNENROLLED = 'operator/enterprise-subsidy-fulfillment/unenrolled/'
const RANDOM = '33333333-0000-4000-8000-000000000003'
const INCOMPLETE = '"user_id and enterprise_id must be provided."'
const MALFORMED = '"Parameter ignore_enrollments_modified_after is malformed, please provide a date in ISO-8601 format"'
const result = (message: string) => ({ success: true, message })
const ANN = JSON.stringify({
  [run('C1')]: result('moved to audit'),
  [run('END')]: result('course already completed'),
  [run('V1')]: result('unenrolled'),
})
const of = (userId: unknown, customer: unknown = ACME) => ({ user_id: userId, enterprise_id: customer })
const lr = (who: Who, body: unknown) => ask(api, who, 'POST', REVOKE, body)
const bx = (who: Who, body: unknown) => ask(api, who, 'POST', EXPIRE, body)
const cf = (who: Who, n: number | string) =>
  ask(api, who, 'POST', `enterprise-subsidy-fulfillment/${typeof n === 'number' ? F(n) : n}/cancel-fulfillment`)
const gf = (who: Who, id: string) => ask(api, who, 'GET', `enterprise-subsidy-fulfillment/${id}/`)
const bulk = (who: Who, ...rows: object[]) =>
  ask(api, who, 'POST', `enterprise-customer/${ACME}/enroll_learners_in_courses/`, {
    enrollments_info: rows.map((row) => ({ course_run_key: run('C1'), ...row })),
  })
const details = (n: number, linkId: number, fundingId: string, at: { created: string; ended: string | null }) => ({
  enterprise_course_enrollment: {
    enterprise_customer_user: linkId,
    course_id: run('C1'),
    unenrolled_at: at.ended,
    created: at.created,
  },
  transaction_id: fundingId,
  uuid: F(n),
})
const F6 = details(6, 34, T(2), { created: '2026-02-01T09:00:00Z', ended: '2026-02-27T08:30:00.250000Z' })
const F9 = details(9, 37, T(9), { created: '2026-02-02T00:00:00Z', ended: '2026-02-28T00:00:00Z' })

describe('license_revoke', () => {
  test('1, 2: revokes, and does nothing the second time', async () => {
    const first = await lr('S', of(1))
    expect([first.status, first.text]).toEqual([200, ANN])
    expect(await Promise.all([1, 2, 3].map((n) => stateOf(api, n)))).toEqual([
      'active audit revoked unenrolled',
      'active verified',
      'inactive verified revoked unenrolled',
    ])
    const untouched = await everythingIn(db)
    const { json } = await lr('S', of(1))
    expect(json[run('C1')].message).toBe('license already revoked')
    expect(json[run('V1')].message).toBe('license already revoked')
    expect(json[run('END')].message).toBe('course already completed')
    expect(await everythingIn(db)).toEqual(untouched)
  })

  test.each<[number, Who, unknown, number, string]>([
    [3, 'A', of(1), 200, ANN],
    [4, 'G', of(1), 403, PERM],
    [5, 'U', of(1), 403, PERM],
    [6, '–', of(1), 401, '{"detail":"Authentication credentials were not provided."}'],
    [7, 'S', of(null), 400, INCOMPLETE],
    [8, 'S', { user_id: 1 }, 400, INCOMPLETE],
    [9, 'A', { user_id: 1 }, 403, PERM],
    [10, 'S', of(8), 200, '{}'],
    [11, 'S', of(99), 404, NF],
    [12, 'S', of(6), 404, NF],
    [13, 'S', of('1'), 200, ANN],
    [
      14,
      'S',
      of(5, GLOBEX),
      200,
      `{"${run('C1')}":{"success":true,"message":"license revoked, enrollment funded otherwise"}}`,
    ],
    [0, 'S', of(true), 400, INCOMPLETE],
    [0, 'S', of([1]), 400, INCOMPLETE],
    [0, 'S', of('abc'), 404, NF],
    [0, 'S', of(1, {}), 400, INCOMPLETE],
    [0, 'S', of(1, 'acme'), 404, NF],
    [0, 'A', of(1, 'acme'), 403, PERM],
    [0, 'S', [], 400, INCOMPLETE],
    [0, 'A', [], 403, PERM],
    [0, 'A', of(99), 404, NF],
    [0, 'A', of(424242), 404, NF],
  ])('%i: %s sends %j: %i', async (_, who, body, status, text) => {
    const answer = await lr(who, body)
    expect([answer.status, answer.text]).toEqual([status, text])
  })

  test('14, 15: the last of several funders ends the enrollment', async () => {
    await lr('S', of(5, GLOBEX))
    expect([await stateOf(api, 7), await stateOf(api, 8)]).toEqual([
      'active verified revoked unenrolled',
      'active verified',
    ])
    expect((await cf('S', 8)).status).toBe(204)
    expect(await stateOf(api, 8)).toBe('inactive verified revoked unenrolled')
  })

  test('16: leaves who has paid by themselves since', async () => {
    await db.updateTable('enrollments').set({ mode: 'verified' }).where('learner_id', '=', 2).execute()
    expect((await lr('S', of(2))).json).toEqual({ [run('C1')]: result('license already revoked') })
    expect(await stateOf(api, 4)).toBe('active verified revoked unenrolled')
  })

  test('17: leaves a course run that was passed', async () => {
    await importLines(db, [
      { type: 'completion', username: 'ann', course: run('C1'), passedAt: '2026-02-01T00:00:00Z' },
    ])
    expect((await lr('S', of(1))).json[run('C1')]).toEqual(result('course already completed'))
    expect(await stateOf(api, 1)).toBe('active verified')
  })

  test('18: has no GET; the path may lack its slash', async () => {
    const answer = await ask(api, 'S', 'GET', REVOKE)
    expect([answer.status, answer.text]).toEqual([405, '{"detail":"Method \\"GET\\" not allowed."}'])
    expect(answer.headers['allow']).toBe('POST, OPTIONS')
    expect((await ask(api, 'S', 'POST', REVOKE.slice(0, -1), of(8))).status).toBe(200)
  })
})

describe('bulk_licensed_enrollments_expiration', () => {
  const expired = (licenses: unknown, since?: unknown) => ({
    expired_license_uuids: licenses,
    ...(since !== undefined && { ignore_enrollments_modified_after: since }),
  })

  test('19, 20: expires, and does nothing the second time', async () => {
    expect(await bx('S', expired([L(1)]))).toMatchObject({ status: 200, text: '' })
    expect(await stateOf(api, 1)).toBe('active audit revoked unenrolled')
    const untouched = await everythingIn(db)
    expect(await bx('S', expired([L(1)]))).toMatchObject({ status: 200, text: '' })
    expect(await everythingIn(db)).toEqual(untouched)
  })

  const MISSING = '"Parameter expired_license_uuids must be provided"'
  test.each<[number, Who, unknown, number, string]>([
    [21, 'S', {}, 400, MISSING],
    [22, 'S', expired([]), 400, MISSING],
    [23, 'S', expired([L(1)], 'bogus'), 400, MALFORMED],
    [25, 'S', expired([RANDOM]), 200, ''],
    [26, 'S', expired(['x', L(1)]), 400, '{"expired_license_uuids":{"0":["Must be a valid UUID."]}}'],
    [27, 'A', expired([L(1)]), 403, PERM],
    [28, 'S', expired([L(11)], '2026-02-20T00:00:00+00:00'), 200, ''],
    [
      0,
      'S',
      expired('x', 'bogus'),
      400,
      '{"expired_license_uuids":["Expected a list of items but got type \\"str\\"."]}',
    ],
    [0, 'S', expired([L(1)], '2026-02-30'), 400, MALFORMED],
    [0, 'S', expired([L(1)], 0), 400, MALFORMED],
    [0, 'S', expired([L(1)], '2026-02-01'), 200, ''],
  ])('%i: %s sends %j: %i, and nothing ends', async (_, who, body, status, text) => {
    const untouched = await everythingIn(db)
    const answer = await bx(who, body)
    expect([answer.status, answer.text]).toEqual([status, text])
    expect(await everythingIn(db)).toEqual(untouched)
  })

  test('24: takes null for no instant, and one in the query', async () => {
    expect(
      (
        await ask(
          api,
          'S',
          'POST',
          `${EXPIRE}?ignore_enrollments_modified_after=2020-01-01T00:00:00+00:00`,
          expired([L(1)], null),
        )
      ).status,
    ).toBe(200)
    expect(await stateOf(api, 1)).toBe('active verified')
    expect((await bx('S', expired([L(1)], null))).status).toBe(200)
    expect(await stateOf(api, 1)).toBe('active audit revoked unenrolled')
  })

  test('29: leaves what a transaction pays for', async () => {
    expect((await bx('S', expired([L(11)]))).status).toBe(200)
    expect([await stateOf(api, 11), await stateOf(api, 12)]).toEqual(['active verified revoked', 'active verified'])
  })
})

describe('a fulfilment', () => {
  test('30, 31: is read', async () => {
    const staff = await gf('S', F(5))
    const expected = details(5, 33, T(1), { created: '2026-02-01T09:00:00Z', ended: null })
    expect([staff.status, staff.text]).toEqual([200, JSON.stringify(expected)])
    expect((await gf('A', F(6))).text).toBe(JSON.stringify(F6))
  })

  test.each<[number, Who, string, number, string]>([
    [32, 'A', F(9), 403, PERM],
    [33, 'A', RANDOM, 403, PERM],
    [34, 'S', RANDOM, 404, NF],
    [34, 'S', 'not-a-uuid', 404, NF],
    [34, 'A', 'not-a-uuid', 403, PERM],
  ])('%i: %s reads %s: %i', async (_, who, id, status, text) => {
    const answer = await gf(who, id)
    expect([answer.status, answer.text]).toEqual([status, text])
  })

  test('35, 36, 37: is cancelled once, with and without slash', async () => {
    expect(await cf('S', 5)).toMatchObject({ status: 204, text: '' })
    expect(await stateOf(api, 5)).toBe('inactive verified revoked unenrolled')
    const again = await cf('S', 5)
    expect([again.status, again.text]).toEqual([200, '{"detail":"Enrollment is already canceled."}'])
    const slashed = await ask(api, 'S', 'POST', `enterprise-subsidy-fulfillment/${F(8)}/cancel-fulfillment/`)
    expect(slashed.status).toBe(204)
  })

  test('38, 39, 40: is cancelled under no other path and by nobody else, also in a run that has ended', async () => {
    expect((await ask(api, 'S', 'POST', `enterprise-subsidy-fulfillment/${F(5)}/cancel-fulfillmen`)).text).toBe(NF)
    expect((await cf('G', 5)).text).toBe(PERM)
    expect((await cf('S', 2)).status).toBe(204)
    expect(await stateOf(api, 2)).toBe('inactive verified revoked unenrolled')
  })

  test('is cancelled whatever the body is', async () => {
    const headers = { 'content-type': 'text/plain' }
    const path = `enterprise-subsidy-fulfillment/${F(5)}/cancel-fulfillment`
    const staff = await ask(api, 'S', 'GET', 'enterprise-subsidy-fulfillment/nobody/')
    expect(staff.status).toBe(404)
    const sent = { headers: { ...(await headersOf({ username: 'S' })), ...headers }, body: '{' }
    expect((await api.send('POST', `/enterprise/api/v1/${path}`, sent)).status).toBe(204)
  })
})

describe('unenrolled', () => {
  test.each<[number, string, object[]]>([
    [41, '?unenrolled_after=2026-02-22T12:00:00.000000%2B00:00', [F6, F9]],
    [41, '?unenrolled_after=2026-02-22T12:00:00.000000+00:00', [F6, F9]],
    [42, '?unenrolled_after=2026-02-28T00:00:00Z', [F9]],
    [43, '?retrieve_licensed_enrollments=true', []],
    [43, '?retrieve_licensed_enrollments=false', [F6, F9]],
  ])('%i: %s', async (_, query, expected) => {
    const { status, text } = await ask(api, 'S', 'GET', UNENROLLED + query)
    expect([status, text]).toEqual([200, JSON.stringify(expected)])
  })

  test('44, 45: is for staff, and for instants', async () => {
    expect((await ask(api, 'A', 'GET', UNENROLLED)).text).toBe(PERM)
    const { status, json } = await ask(api, 'S', 'GET', `${UNENROLLED}?unenrolled_after=soon`)
    expect([status, json.unenrolled_after]).toEqual([
      400,
      [expect.stringMatching(/^Datetime has wrong format\. Use one of these formats instead: /)],
    ])
  })
})

describe('coming back', () => {
  test('46: a revoked license that is sent alone pays again', async () => {
    const { status, json } = await bulk('S', { user_id: 2, license_uuid: L(2) })
    expect([status, json.successes]).toMatchObject([
      201,
      [{ created: false, enterprise_fulfillment_source_uuid: F(4) }],
    ])
    expect(await stateOf(api, 4)).toBe('active verified')
  })

  test.each([['first', [2, 22]] as const, ['last', [22, 2]] as const])(
    '47: beside a valid one it takes no place, also when it comes %s',
    async (_, licenses) => {
      const rows = licenses.map((n) => ({ email: 'bob@x.io', license_uuid: L(n) }))
      const { status, json } = await bulk('S', ...rows)
      expect([status, json.failures.length, json.successes]).toMatchObject([
        409,
        1,
        [{ enterprise_fulfillment_source_uuid: F(4) }],
      ])
      const held = await db.selectFrom('enterprise_fulfilments').select('funding_id').where('uuid', '=', F(4)).execute()
      expect(held).toEqual([{ funding_id: L(22) }])
    },
  )

  test('48: a transaction takes over from one that is not known to be committed', async () => {
    const superseded = async () => (await scrape(api.app)).value('enrollment_superseded_transactions_total') ?? NaN
    const before = await superseded()
    const { status, json } = await bulk('S', { user_id: 3, transaction_id: T(31) })
    expect([status, json.successes]).toMatchObject([201, [{ created: false }]])
    expect(await superseded()).toBe(before + 1)
    expect(json.successes[0].enterprise_fulfillment_source_uuid).not.toBe(F(5))
    expect((await cf('S', 5)).text).toBe('{"detail":"Enrollment is already canceled."}')
    expect(await stateOf(api, 5)).toBe('active verified revoked')
    // A transaction that was superseded never comes back.
    expect((await bulk('S', { user_id: 3, transaction_id: T(1) })).status).toBe(409)
  })

  test('a transaction that is committed gives its place to none', async () => {
    await importLines(db, [{ type: 'ledgerTransaction', uuid: T(1), state: 'committed' }])
    expect((await bulk('S', { user_id: 3, transaction_id: T(31) })).status).toBe(409)
    await importLines(db, [{ type: 'ledgerTransaction', uuid: T(1), state: 'reversed' }])
    expect((await bulk('S', { user_id: 3, transaction_id: T(31) })).status).toBe(201)
  })

  test('49: a user id of a stranger is told in the words of one that nobody has', async () => {
    const untouched = await everythingIn(db)
    for (const id of [99, 999_999]) {
      const { status, text } = await bulk('A', { user_id: id, license_uuid: L(99) })
      const body = { successes: [], pending: [], failures: [], invalid_user_ids: [id] }
      expect([status, text]).toEqual([409, JSON.stringify(body)])
    }
    const unknownRun = await bulk('A', {
      email: 'ZED@x.io',
      course_run_key: 'course-v1:No+Such+Run',
      license_uuid: L(99),
    })
    expect(unknownRun.json.failures).toEqual([
      { user_id: null, email: 'ZED@x.io', course_run_key: 'course-v1:No+Such+Run' },
    ])
    expect(await everythingIn(db)).toEqual(untouched)
  })

  test('a malformed course key of an unknown address is no promise', async () => {
    const { status, json } = await bulk('S', { email: 'new@x.io', course_run_key: 'not-a-key', license_uuid: L(99) })
    expect([status, json.pending, json.failures.length]).toEqual([409, [], 1])
  })
})

describe('every route', () => {
  const paths = {
    [REVOKE]: 'POST',
    [EXPIRE]: 'POST',
    [`enterprise-subsidy-fulfillment/${F(5)}/`]: 'GET',
    [`enterprise-subsidy-fulfillment/${F(5)}/cancel-fulfillment/`]: 'POST',
    [UNENROLLED]: 'GET',
    [`enterprise-customer/${ACME}/course_enrollments/`]: 'POST',
  }

  test.each(Object.entries(paths))('%s is there with and without its slash, for one method', async (path, method) => {
    const allowed = method === 'GET' ? 'GET, HEAD, OPTIONS' : 'POST, OPTIONS'
    const headers = await headersOf({ username: 'S' })
    const send = (asked: string, at: string) => api.send(asked as 'GET', `/enterprise/api/v1/${at}`, { headers })
    for (const at of [path, path.slice(0, -1)]) {
      const described = await send('OPTIONS', at)
      expect([described.status, described.headers['allow']]).toEqual([200, allowed])
      const wrong = await send(method === 'GET' ? 'POST' : 'GET', at)
      expect([wrong.status, wrong.headers['allow']]).toEqual([405, allowed])
      const head = await send('HEAD', at)
      expect([head.status, head.text]).toEqual([method === 'GET' ? 200 : 405, ''])
      const stranger = await api.send('PUT' as 'GET', `/enterprise/api/v1/${at}`)
      expect(stranger.status).toBe(401)
    }
  })
})

test('the world is exported as it was imported, byte for byte, and importing it again changes nothing', async () => {
  const more = [
    { type: 'completion', username: 'ann', course: 'course-v1:Not+Here+Yet', passedAt: '2027-01-01T00:00:00.000001Z' },
    { type: 'ledgerTransaction', uuid: T(1), state: 'committed' },
  ]
  await removeAll(db)
  expect(await importLines(db, [...lines, ...more])).toMatchObject({ failed: 0 })
  const text = await exportText(db)
  expect(text).toContain(`"uuid":"${F(6)}"`)
  expect(await importLines(db, text.trim().split('\n'))).toMatchObject({ failed: 0, written: 0 })
  await removeAll(db)
  await importLines(db, text.trim().split('\n'))
  expect(await exportText(db)).toBe(text)
})
