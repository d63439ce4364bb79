// slow: whole files in and out
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { createEnterpriseDatabase } from '../seed.ts'
import { ACME, customer, exportText, importLines, link, removeAll, user } from './world.ts'

// What an LMS knows of paid enrollments (enterprise-routes.md §7.1).

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database

const RUN = 'course-v1:T+C1+R'
const [FIRST, SECOND] = ['f0000000-0000-4000-8000-000000000001', 'f0000000-0000-4000-8000-000000000002']
const LICENSE = '10000000-0000-4000-8000-000000000001'
const TRANSACTION = '20000000-0000-4000-8000-000000000001'
const AT = '2026-02-01T09:00:00.250000Z'

const record = (username: string, more: object = {}) => ({
  type: 'enterpriseRecord',
  customer: ACME,
  username,
  courseId: RUN,
  ...more,
})
const fulfilment = (more: object = {}) => ({
  type: 'fulfilment',
  uuid: FIRST,
  customer: ACME,
  username: 'alice',
  courseId: RUN,
  ...more,
})
const completion = (more: object = {}) => ({ type: 'completion', username: 'bob', course: RUN, passedAt: AT, ...more })
const ledger = (more: object = {}) => ({ type: 'ledgerTransaction', uuid: TRANSACTION, state: 'committed', ...more })

const before = [
  ...['alice', 'bob', 'carol', 'dave'].map((name) => user(name)),
  { type: 'course', courseId: RUN },
  { type: 'mode', courseId: RUN, slug: 'verified' },
  ...['alice', 'bob', 'dave'].map((username) => ({ type: 'enrollment', username, courseId: RUN, mode: 'verified' })),
  customer(ACME),
  ...['alice', 'bob', 'carol'].map((username) => link({ username })),
]
const paid = [
  record('alice', { source: 'api', created: AT, linkId: 33 }),
  record('bob', { unenrolledAt: AT, savedForLater: true }),
  fulfilment({ license: LICENSE, created: AT }),
  fulfilment({ uuid: SECOND, transaction: TRANSACTION, revokedAt: AT }),
  completion(),
  ledger(),
]

beforeEach(() => removeAll(db))

describe('what pays for enrollments', () => {
  test('is kept; a second time changes nothing, and the export is imported elsewhere byte for byte', async () => {
    expect(await importLines(db, [...before, ...paid])).toMatchObject({ failures: [] })
    expect(await importLines(db, [...before, ...paid])).toMatchObject({ failures: [], written: 0 })
    const text = await exportText(db)
    expect(exported(text)).toMatchObject([
      { ...record('alice'), source: 'api', created: AT, unenrolledAt: null, savedForLater: false, linkId: 33 },
      { ...record('bob'), source: 'customerAdmin', unenrolledAt: AT, savedForLater: true },
      { ...fulfilment(), license: LICENSE, created: AT, revokedAt: null },
      { ...fulfilment(), uuid: SECOND, transaction: TRANSACTION, revokedAt: AT },
      completion(),
      ledger(),
    ])
    await using other = await createEnterpriseDatabase()
    expect(await importLines(other.db, text.trim().split('\n'))).toMatchObject({ failures: [] })
    expect(await exportText(other.db)).toBe(text)
  })

  test('keeps what a later line leaves out, and takes what it says', async () => {
    await importLines(db, [...before, ...paid])
    const later = [
      record('alice'),
      fulfilment({ license: LICENSE, revokedAt: AT }),
      completion({ passedAt: null }),
      ledger({ state: 'reversed' }),
    ]
    expect(await importLines(db, later)).toMatchObject({ failures: [], written: 4 })
    expect(exported(await exportText(db))).toMatchObject([
      { ...record('alice'), source: 'customerAdmin', created: AT, linkId: 33 },
      record('bob'),
      { ...fulfilment(), created: AT, revokedAt: AT },
      { uuid: SECOND },
      ledger({ state: 'reversed' }),
    ])
  })

  test('gives its place to another once it is revoked, also by a line of the same file', async () => {
    const another = fulfilment({ uuid: SECOND, license: LICENSE })
    await importLines(db, [...before, record('alice'), fulfilment({ license: LICENSE })])
    expect(await importLines(db, [another])).toMatchObject({
      failures: [{ reason: `fulfilment: the fulfilment '${FIRST}' pays with a license already` }],
      written: 0,
    })
    const revoked = fulfilment({ license: LICENSE, revokedAt: AT })
    expect(await importLines(db, [revoked, another])).toMatchObject({ failures: [], written: 2 })
    const revocations = await db.selectFrom('enterprise_revocations').select(['fulfilment_uuid', 'reason']).execute()
    expect(revocations).toEqual([{ fulfilment_uuid: FIRST, reason: 'imported' }])
  })

  const other = '5c1a1c3e-0000-4000-8000-000000000000'
  test.each<[line: { type: string }, reason: string]>([
    [record('nobody'), "username: there is no account 'nobody'"],
    [record('alice', { customer: other }), `customer: there is no customer '${other}'`],
    [record('dave'), "username: the customer is not linked with 'dave'"],
    [record('carol'), "courseId: 'carol' has no enrollment there"],
    [
      record('alice', { source: 'x' }),
      'source: must be one of customerAdmin, learner, api, manual, offerRedemption, enrollmentTask, managementCommand, or a slug of edx-enterprise',
    ],
    [fulfilment({ username: 'bob', license: LICENSE }), "courseId: the customer has no record of 'bob' there"],
    [fulfilment(), 'must have either license or transaction'],
    [fulfilment({ license: LICENSE, transaction: TRANSACTION }), 'must have either license or transaction'],
    [fulfilment({ license: 'x' }), "license: 'x' is not a UUID"],
    [fulfilment({ transaction: TRANSACTION }), `uuid: '${FIRST}' is that of another fulfilment`],
    [completion({ username: 'nobody' }), "username: there is no account 'nobody'"],
    [ledger({ state: 'x' }), 'state: must be committed, failed or reversed'],
  ])('is refused: %j', async (line, reason) => {
    await importLines(db, [...before, record('alice'), fulfilment({ license: LICENSE })])
    const kept = await exportText(db)
    const { failures, written } = await importLines(db, [line])
    expect(failures).toEqual([{ line: 1, type: line.type, reason: `${line.type}: ${reason}` }])
    expect(written).toBe(0)
    expect(await exportText(db)).toBe(kept)
  })
})

/** The lines of an export that say what pays. */
function exported(text: string): object[] {
  const types = new Set(paid.map(({ type }) => type))
  const lines = text.trim().split('\n')
  return lines.map((line) => JSON.parse(line)).filter(({ type }) => types.has(type))
}
