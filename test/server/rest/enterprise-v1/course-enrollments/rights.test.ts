import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { everythingIn } from '../../../../enterprise/state.ts'
import { enrollmentInWords } from '../../../../support/world.ts'
import { headersOf, openEnterpriseApi } from '../api.ts'
import { ACME, ask, buildWorld, run, type Who } from '../routes-world.ts'

const api = await openEnterpriseApi()
afterAll(() => api[Symbol.asyncDispose]())
const { db } = api
beforeEach(() => buildWorld(api))

const UNKNOWN = '33333333-0000-4000-8000-000000000003'
const pathOf = (customer: string, end = '/') => `enterprise-customer/${customer}/course_enrollments${end}`
const item = { lms_user_id: 8, course_run_id: run('C1'), course_mode: 'audit' }

describe('who may send a list', () => {
  test.each<[who: Who, own: number, other: number]>([
    ['S', 200, 404],
    ['A', 200, 403],
    ['G', 403, 403],
    ['U', 403, 403],
    ['–', 401, 401],
  ])('%s: of ACME %i, of a customer who does not exist, or whose UUID is none, %i', async (who, own, other) => {
    const untouched = await everythingIn(db)
    for (const customer of [UNKNOWN, 'not-a-uuid', '%00', `${ACME}0`]) {
      expect((await ask(api, who, 'POST', pathOf(customer), [item])).status).toBe(other)
    }
    expect(await everythingIn(db)).toEqual(untouched)
    expect((await ask(api, who, 'POST', pathOf(ACME), [item])).status).toBe(own)
    if (own !== 200) expect(await everythingIn(db)).toEqual(untouched)
  })

  test('is judged before the body is read', async () => {
    const headers = { ...(await headersOf({ username: 'G' })), 'content-type': 'application/json' }
    const answer = await api.send('POST', `/enterprise/api/v1/${pathOf(ACME)}`, { headers, body: '{' })
    expect([answer.status, answer.text]).toEqual([
      403,
      '{"detail":"You do not have permission to perform this action."}',
    ])
  })
})

describe('the route', () => {
  test.each(['/', ''])('ends in %j', async (end) => {
    expect((await ask(api, 'S', 'POST', pathOf(ACME.toUpperCase().replaceAll('-', ''), end), [item])).status).toBe(200)
  })

  test.each(['GET', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'PURGE'])('has no %s', async (method) => {
    const headers = await headersOf({ username: 'S' })
    // Any method, those that the types do not know too.
    const answer = await api.send(method as 'GET', `/enterprise/api/v1/${pathOf(ACME)}`, { headers })
    expect(answer.status).toBe(405)
    expect(answer.headers['allow']).toBe('POST, OPTIONS')
    if (method !== 'HEAD') expect(answer.text).toBe(`{"detail":"Method \\"${method}\\" not allowed."}`)
  })

  test('tells what it takes', async () => {
    const headers = await headersOf({ username: 'A' })
    const { status, json } = await api.send('OPTIONS', `/enterprise/api/v1/${pathOf(ACME)}`, { headers })
    expect([status, json.name]).toEqual([200, 'Course enrollments'])
  })
})

describe('whom an id means (enterprise-routes.md §3 c)', () => {
  test.each<Who>(['A', 'S'])('to %s it means nobody who is not linked, as if nobody had it', async (who) => {
    const untouched = await everythingIn(db)
    const answers = []
    // Zed has an account, fay was unlinked, nobody has the last one.
    for (const id of [99, 6, 999_999]) {
      answers.push((await ask(api, who, 'POST', pathOf(ACME), [{ ...item, lms_user_id: id }])).text)
    }
    expect(new Set(answers).size).toBe(1)
    expect(answers[0]).toContain('map to an EnterpriseCustomerUser')
    expect(await everythingIn(db)).toEqual(untouched)
  })

  test('an address counts beside an id that means nobody, and not beside one that means somebody', async () => {
    const items = [
      { ...item, lms_user_id: 99, user_email: 'hal@x.io' },
      { ...item, lms_user_id: 8, user_email: 'zed@x.io', course_mode: 'verified' },
    ]
    const { json } = await ask(api, 'A', 'POST', pathOf(ACME), items)
    expect(json).toEqual([{ detail: 'success' }, { detail: 'success' }])
    expect(await enrollmentInWords(db, 8, run('C1'))).toBe('active verified')
    expect(await enrollmentInWords(db, 99, run('C1'))).toBeNull()
  })
})
