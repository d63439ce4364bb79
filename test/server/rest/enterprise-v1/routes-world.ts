import { sql } from 'kysely'
import { importLines, removeAll } from '../../../enterprise/import-export/world.ts'
import { headersOf, type EnterpriseApi } from './api.ts'

// The world of enterprise-routes.md §6.

export const ACME = 'aaaaaaaa-0000-4000-8000-000000000001'
export const GLOBEX = 'bbbbbbbb-0000-4000-8000-000000000002'
export const run = (name: string) => `course-v1:T+${name}+R`
export const F = (n: number) => `f0000000-0000-4000-8000-${String(n).padStart(12, '0')}`
export const L = (n: number) => `10000000-0000-4000-8000-${String(n).padStart(12, '0')}`
export const T = (n: number) => `20000000-0000-4000-8000-${String(n).padStart(12, '0')}`

const user = (username: string, more: object = {}) => ({ type: 'user', username, email: `${username}@x.io`, ...more })
const enrollment = (username: string, course: string, more: object = {}) => ({
  type: 'enrollment',
  username,
  courseId: run(course),
  mode: 'verified',
  ...more,
})
const link = (username: string, customer = ACME) => ({ type: 'customerLink', customer, username })
const record = (username: string, course: string, more: object = {}) => ({
  type: 'enterpriseRecord',
  customer: ACME,
  username,
  courseId: run(course),
  ...more,
})
const fulfilment = (n: number, username: string, course: string, funding: object, more: object = {}) => ({
  type: 'fulfilment',
  uuid: F(n),
  customer: ACME,
  username,
  courseId: run(course),
  ...funding,
  ...more,
})
const modes = (course: string, ...slugs: string[]) =>
  slugs.map((slug) => ({ type: 'mode', courseId: run(course), slug }))
const ended = (unenrolledAt: string) => ({ unenrolledAt, savedForLater: true })

export const lines = [
  ...['ann', 'bob', 'cat', 'dan', 'eve', 'fay', 'gus', 'hal', 'ivy', 'A', 'G', 'U'].map((name) => user(name)),
  user('S', { isStaff: true }),
  { type: 'course', courseId: run('C1') },
  { type: 'course', courseId: run('V1') },
  { type: 'course', courseId: run('END'), end: '2026-01-31T00:00:00Z' },
  ...modes('C1', 'audit', 'verified'),
  ...modes('V1', 'verified'),
  ...modes('END', 'audit', 'verified'),
  enrollment('ann', 'C1'),
  enrollment('ann', 'END'),
  enrollment('ann', 'V1'),
  enrollment('bob', 'C1', { mode: 'audit' }),
  enrollment('cat', 'C1'),
  enrollment('dan', 'C1', { isActive: false }),
  enrollment('eve', 'C1'),
  enrollment('fay', 'C1'),
  enrollment('gus', 'C1', { isActive: false }),
  enrollment('ivy', 'C1'),
  { type: 'customer', uuid: ACME, name: 'ACME' },
  { type: 'customer', uuid: GLOBEX, name: 'Globex' },
  { type: 'customerAdmin', customer: ACME, username: 'A' },
  { type: 'customerAdmin', customer: GLOBEX, username: 'G' },
  ...['ann', 'bob', 'cat', 'dan', 'eve', 'hal', 'ivy'].map((name) => link(name)),
  { ...link('fay'), isLinked: false },
  link('eve', GLOBEX),
  link('gus', GLOBEX),
  record('ann', 'C1'),
  record('ann', 'END'),
  record('ann', 'V1'),
  record('bob', 'C1', ended('2026-02-10T10:00:00Z')),
  record('cat', 'C1', { created: '2026-02-01T09:00:00Z', linkId: 33 }),
  record('dan', 'C1', { created: '2026-02-01T09:00:00Z', linkId: 34, ...ended('2026-02-27T08:30:00.250Z') }),
  record('eve', 'C1', { customer: GLOBEX }),
  record('eve', 'C1'),
  record('gus', 'C1', {
    customer: GLOBEX,
    created: '2026-02-02T00:00:00Z',
    linkId: 37,
    ...ended('2026-02-28T00:00:00Z'),
  }),
  record('fay', 'C1'),
  record('ivy', 'C1'),
  fulfilment(1, 'ann', 'C1', { license: L(1) }),
  fulfilment(2, 'ann', 'END', { license: L(1) }),
  fulfilment(3, 'ann', 'V1', { license: L(1) }),
  fulfilment(4, 'bob', 'C1', { license: L(2) }, { revokedAt: '2026-02-10T10:00:00Z' }),
  fulfilment(5, 'cat', 'C1', { transaction: T(1) }),
  fulfilment(6, 'dan', 'C1', { transaction: T(2) }, { revokedAt: '2026-02-27T08:30:00.250Z' }),
  fulfilment(7, 'eve', 'C1', { license: L(7) }, { customer: GLOBEX }),
  fulfilment(8, 'eve', 'C1', { transaction: T(8) }),
  fulfilment(9, 'gus', 'C1', { transaction: T(9) }, { customer: GLOBEX, revokedAt: '2026-02-28T00:00:00Z' }),
  fulfilment(10, 'fay', 'C1', { license: L(10) }),
  fulfilment(11, 'ivy', 'C1', { license: L(11) }),
  fulfilment(12, 'ivy', 'C1', { transaction: T(12) }),
]

export type Who = 'S' | 'A' | 'G' | 'U' | '–'

/** Builds the world anew, in place of whatever there was; learners have the ids 1 to 9 in their order. */
export async function buildWorld({ db }: EnterpriseApi): Promise<void> {
  await removeAll(db)
  const { failures } = await importLines(db, lines)
  if (failures.length > 0) throw new Error(JSON.stringify(failures))
  await sql`insert into learners (id, user_id, username, email) overriding system value values (99, 99, 'zed', 'zed@x.io')`.execute(
    db,
  )
  await sql`update enrollments set updated = '2026-02-20T00:00:00Z' where learner_id = 9`.execute(db)
}

/** Sends a request, as somebody. */
export async function ask(api: EnterpriseApi, who: Who, method: 'GET' | 'POST', path: string, body?: unknown) {
  const credentials = who === '–' ? {} : await headersOf({ username: who })
  const headers = body === undefined ? credentials : { ...credentials, 'content-type': 'application/json' }
  const options = { headers, ...(body !== undefined && { body: JSON.stringify(body) }) }
  return api.send(method, `/enterprise/api/v1/${path}`, options)
}

/** Which fulfilments pay and whether the enrollment is active, e.g. `inactive verified, F5 revoked`. */
export async function stateOf({ db }: EnterpriseApi, n: number): Promise<string> {
  const row = await db
    .selectFrom('enterprise_fulfilments as f')
    .innerJoin('enterprise_enrollment_records as r', 'r.id', 'f.record_id')
    .innerJoin('enrollments as e', 'e.id', 'r.enrollment_id')
    .select(['f.revoked', 'r.unenrolled', 'e.mode', 'e.is_active'])
    .where('f.uuid', '=', F(n))
    .executeTakeFirstOrThrow()
  const words = [row.is_active ? 'active' : 'inactive', row.mode]
  if (row.revoked !== null) words.push('revoked')
  if (row.unenrolled) words.push('unenrolled')
  return words.join(' ')
}
