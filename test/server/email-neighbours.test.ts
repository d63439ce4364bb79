import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { enrollArrivals } from '../../core/auto-enrollment/enroll-arrivals.ts'
import { SWEEP_START as ALLOWANCES_START, sweepAllowances } from '../../core/auto-enrollment/arrivals.ts'
import { defaultPolicy } from '../../core/policy.ts'
import type { EnterpriseTables } from '../../enterprise/database/schema.ts'
import { SWEEP_START, sweepOpenLinks } from '../../enterprise/pending/sweep.ts'
import { addCustomer } from '../enterprise/seed.ts'
import { pendingOf } from '../enterprise/state.ts'
import { fulfil } from '../enterprise/pending/steps.ts'
import { BULK_ENROLL, openDoor } from '../support/rest.ts'
import { addCourse, addLearner } from '../support/seed.ts'
import { importAll } from '../support/transfer.ts'
import { addCohort, cohortOf, enrollmentInWords } from '../support/world.ts'
import { bulkUrl, headersOf } from './rest/enterprise-v1/api.ts'

// Whatever waits for an address waits for that one alone (rest-v1 D21): over HTTP, from the promise to the arrival.

const door = await openDoor()
afterAll(() => door[Symbol.asyncDispose]())
const db = door.db.$extendTables<EnterpriseTables>()
const staff = door.as(await addLearner(db, { username: 'site-staff', is_staff: true }))
const customer = await addCustomer(db)
const NEIGHBOURS = [
  ['the Kelvin sign', 'k', '\u212A'],
  ['a long s', 's', 'ſ'],
  ['an i without its dot', 'i', 'ı'],
  ['a capital I with a dot', 'i', 'İ'],
  ['a sharp s', 'ss', 'ß'],
  ['a wide k', 'k', 'ｋ'],
] as const

let [people, closed, cohorted, funded] = [0, '', '', '']
beforeEach(async () => {
  closed = await addCourse(db, { invitation_only: true })
  cohorted = await addCourse(db)
  funded = await addCourse(db)
  for (const course of [closed, cohorted]) await addCohort(db, course, 'red')
})

/** How somebody comes to an address. */
const WAYS = [
  ['signs up by a token', signUp],
  ['is imported', (username: string, email: string) => importUser(username, email)],
  ['changes their address', (username: string, email: string) => importUser(username, `${username}@x.example`, email)],
] as const

describe.each(NEIGHBOURS)('%s', (_, letter, lookalike) => {
  describe.each([
    ['who only looks like ASCII gets nothing of it', letter, lookalike],
    ['ASCII gets nothing of who only looks like it', lookalike, letter],
  ])('%s', (_direction, wanted, other) => {
    test.each(WAYS)('who %s', async (_way, arrive) => {
      people += 1
      const addressOf = (name: string) => `bob${people}@${name}ln.example`
      const username = `neighbour-${people}`
      await promise(addressOf(wanted))
      const neighbour = await arrive(username, addressOf(other))
      expect(await work()).toEqual({ enrolled: 0, fulfilled: {} })
      for (const course of [closed, cohorted, funded]) expect(await enrollmentInWords(db, neighbour, course)).toBe(null)
      expect(await allowancesOf(addressOf(other))).toEqual([])
      expect(await allowancesOf(addressOf(wanted))).toEqual([null, null])
      expect(await pendingOf(db, customer, addressOf(wanted), funded)).toMatchObject({ state: 'waiting' })

      expect((await post(username, closed)).status, 'by invitation only').toBe(400)
      expect((await post(username, cohorted)).status).toBe(200)
      expect(await cohortOf(db, neighbour, cohorted)).toBe(null)

      const holder = await arrive(`holder-${people}`, addressOf(wanted))
      expect(await work()).toEqual({ enrolled: 1, fulfilled: { fulfilled: 1 } })
      for (const course of [closed, cohorted]) {
        expect(await enrollmentInWords(db, holder, course)).toBe('active audit')
        expect(await cohortOf(db, holder, course)).toBe('red')
      }
      expect(await enrollmentInWords(db, holder, funded)).toBe('active verified')
    })
  })
})

test('a letter outside ASCII is one in both cases: what waits for an Ångström sign waits for å', async () => {
  await promise('bob@\u212Bngstrom.example')
  const holder = await signUp('angstrom', 'BOB@åNGSTROM.example')
  await work()
  for (const course of [closed, cohorted, funded])
    expect(await enrollmentInWords(db, holder, course)).toMatch(/^active/)
})

/** Two allowances with a cohort by hand, and one seat of a customer, for an address without an account. */
async function promise(email: string): Promise<void> {
  const both = {
    action: 'enroll',
    identifiers: email,
    auto_enroll: true,
    courses: `${closed},${cohorted}`,
    cohorts: 'red,red',
  }
  const answer = await staff.postTo(BULK_ENROLL, both)
  expect(Object.values<{ results: object[] }>(answer.json.courses).map(({ results }) => results)).toMatchObject([
    [{ after: { allowed: true, auto_enroll: true, cohort: 'red' } }],
    [{ after: { allowed: true, auto_enroll: true, cohort: 'red' } }],
  ])
  const license = '10000000-0000-4000-8000-000000000001'
  const { statusCode } = await door.app.inject({
    method: 'POST',
    url: bulkUrl(customer.uuid),
    headers: await headersOf({ username: 'site-staff' }),
    payload: { enrollments_info: [{ email, course_run_key: funded, license_uuid: license }] },
  })
  expect(statusCode).toBe(202)
}

/** By the token of a first request. */
async function signUp(username: string, email: string): Promise<number> {
  await door.as({ username }, { email, email_verified: true }).get('/roles/')
  return idOf(username)
}

function post(username: string, courseId: string) {
  return door.as({ username }).post({ course_details: { course_id: courseId } })
}

/** With one address after another. */
async function importUser(username: string, ...emails: readonly string[]): Promise<number> {
  for (const email of emails) await importAll(db, [{ type: 'user', username, email }])
  return idOf(username)
}

async function idOf(username: string): Promise<number> {
  const { id } = await db.selectFrom('learners').select('id').where('username', '=', username).executeTakeFirstOrThrow()
  return id
}

/** What the server does in the background: arrivals, and whom the sweeps find. */
async function work() {
  await sweepAllowances(db, { after: ALLOWANCES_START, limit: 1_000 })
  await sweepOpenLinks(db, { after: SWEEP_START, limit: 1_000 })
  const enrolled = await enrollArrivals(db, { policy: defaultPolicy, now: new Date() })
  return { enrolled, fulfilled: await fulfil(db, { now: () => new Date() }) }
}

/** Who claimed each allowance of an address, as the API shows them. */
async function allowancesOf(email: string): Promise<(number | null)[]> {
  const { json } = await staff.get(`/enrollment_allowed/?email=${encodeURIComponent(email)}`)
  return (json as { user: number | null }[]).map(({ user }) => user)
}
