import { sql } from 'kysely'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { readHistory } from '../../../core/event/read.ts'
import { createTestDatabase } from '../../support/database.ts'
import { empty, exportAll, importAll } from '../../support/transfer.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
beforeEach(() => empty(database.db))
const { db } = database

const COURSE = 'course-v1:edX+DemoX+2026'
const user = (username: string, more: object = {}) => ({
  type: 'user',
  username,
  email: `${username}@example.com`,
  ...more,
})
const enrollment = (username: string, more: object = {}) => ({
  type: 'enrollment',
  username,
  courseId: COURSE,
  mode: 'audit',
  ...more,
})
const base = [user('alice'), user('bob'), { type: 'course', courseId: COURSE }]
const past = (at: string, mode: string, isActive: boolean, more: object = {}) => ({ at, mode, isActive, ...more })

describe('the history of an enrollment', () => {
  const history = [
    past('2020-01-01T00:00:00Z', 'audit', true, { actor: { kind: 'user', name: 'dave' }, via: 'rest' }),
    past('2020-01-01T00:00:00.500000Z', 'audit', true),
    past('2021-01-01T00:00:00Z', 'verified', true, { reason: 'paid' }),
    past('2022-01-01T00:00:00Z', 'verified', false),
  ]

  test('becomes its events, with their instants and actors, and without what changes nothing', async () => {
    await importAll(db, [...base, enrollment('alice', { mode: 'verified', isActive: false, history })])
    expect(await readHistory(db, { username: 'alice' }, COURSE)).toMatchObject([
      { version: 1, kind: 'created', at: '2020-01-01T00:00:00Z', actor: { kind: 'user', name: 'dave' }, via: 'rest' },
      { version: 2, kind: 'modeChanged', at: '2021-01-01T00:00:00Z', reason: 'paid', actor: { name: 'import' } },
      { version: 3, kind: 'deactivated', at: '2022-01-01T00:00:00Z', via: 'cli' },
    ])
    expect(await imported()).toEqual([true, true, true])
    const row = await db.selectFrom('enrollments').select(['created', 'updated', 'version']).executeTakeFirst()
    expect(row).toEqual({ created: '2020-01-01T00:00:00Z', updated: '2022-01-01T00:00:00Z', version: 3 })
  })

  test('that ends elsewhere than the line has one more event, now', async () => {
    await importAll(db, [...base, enrollment('alice', { history })])
    const events = await readHistory(db, { username: 'alice' }, COURSE)
    expect(events.at(-1)).toMatchObject({
      version: 4,
      kind: 'reactivated',
      after: { mode: 'audit', isActive: true },
      at: '2026-03-01T12:00:00Z',
    })
  })

  test('of an enrollment that exists is left as it is', async () => {
    await importAll(db, [...base, enrollment('alice')])
    expect(await importAll(db, [enrollment('alice', { history })])).toMatchObject({ failed: 0, written: 0 })
    expect(await imported()).toEqual([false])
  })

  test('is exported where it was brought, and of all enrollments on request', async () => {
    await importAll(db, [...base, enrollment('alice', { history }), enrollment('bob')])
    const lines = (await exportAll(db)).split('\n').filter((line) => line.includes('"enrollment"'))
    expect(lines.map((line) => line.includes('"history"'))).toEqual([true, false])
    const all = (await exportAll(db, [], { history: true })).split('\n').filter((line) => line.includes('"enrollment"'))
    expect(all.map((line) => line.includes('"history"'))).toEqual([true, true])
  })

  async function imported(): Promise<boolean[]> {
    const rows = await db.selectFrom('enrollment_events').select('is_imported').orderBy('version').execute()
    return rows.map((row) => row.is_imported)
  }
})

describe('the id that the LMS has for an enrollment', () => {
  test('is its own where that is free, and ids that are drawn here come after it', async () => {
    await importAll(db, [...base, enrollment('alice', { id: 4000 })])
    await importAll(db, [enrollment('bob')])
    expect(await ids()).toEqual([
      { id: '4000', lms_id: 4000 },
      { id: '4001', lms_id: null },
    ])
  })

  test('stays beside another own id where it is taken', async () => {
    await importAll(db, [...base, enrollment('alice')])
    const [{ id } = { id: '' }] = await ids()
    await importAll(db, [enrollment('bob', { id: Number(id) })])
    expect(await ids()).toMatchObject([{ id, lms_id: null }, { lms_id: Number(id) }])
  })

  test('of another enrollment is a bad line, and one that was passed on is not', async () => {
    await importAll(db, [...base, enrollment('alice', { id: 7 })])
    const { failures } = await importAll(db, [enrollment('bob', { id: 7 })])
    expect(failures).toMatchObject([{ line: 1, reason: 'enrollment: id: 7 is that of another enrollment' }])
    const swapped = [enrollment('alice', { id: 8 }), enrollment('bob', { id: 7 })]
    expect(await importAll(db, swapped)).toMatchObject({ failed: 0, written: 2 })
    expect(await importAll(db, swapped)).toMatchObject({ failed: 0, written: 0 })
  })

  async function ids() {
    return db
      .selectFrom('enrollments as e')
      .leftJoin('enrollment_lms_ids as i', 'i.enrollment_id', 'e.id')
      .select(['e.id', 'i.lms_id'])
      .orderBy('e.id')
      .execute()
  }
})

describe('what a line leaves out', () => {
  test('stays: when an account or an allowance was made, and who owns a course run', async () => {
    const allowance = { type: 'allowance', email: 'guest@example.com', courseId: COURSE }
    const created = '2019-05-06T07:08:09.123456Z'
    const lines = [
      user('alice', { created }),
      { type: 'course', courseId: COURSE, owner: 'lms' },
      { ...allowance, created },
    ]
    await importAll(db, lines)
    const said = await exportAll(db)
    expect(said.split(created)).toHaveLength(3)
    expect(said).toContain('"owner":"lms"')
    const without = [user('alice'), { type: 'course', courseId: COURSE }, allowance]
    expect(await importAll(db, without)).toMatchObject({ written: 0 })
    expect(await exportAll(db)).toBe(said)
    await importAll(db, [{ type: 'course', courseId: COURSE, owner: 'here' }])
    expect(await exportAll(db)).not.toContain('"owner"')
  })

  test('is not exported where nothing was brought', async () => {
    await importAll(db, [...base, enrollment('alice'), { type: 'retirement', username: 'bob', state: 'PENDING' }])
    expect(await exportAll(db)).not.toMatch(/"(owner|isDisabled|history|originalUsername|originalEmail)"/)
  })
})

describe('the former name of somebody who was retired', () => {
  const gone = [
    user('retired__user_1', { id: 11, email: 'retired__user_1@retired.invalid' }),
    {
      type: 'retirement',
      username: 'retired__user_1',
      state: 'COMPLETE',
      originalUsername: 'dave',
      originalEmail: 'Dave@example.com',
    },
  ]

  test('makes no account by a line, nor does their address', async () => {
    await importAll(db, gone)
    const { failures } = await importAll(db, [
      user('dave', { email: null }),
      user('david', { email: 'dave@EXAMPLE.com' }),
    ])
    expect(failures.map(({ reason }) => reason)).toEqual([
      "user: username: 'dave' was that of a retired account",
      "user: email: 'dave@EXAMPLE.com' was that of a retired account",
    ])
    // The control, and what the account itself may be called again.
    expect(await importAll(db, [user('erin'), user('dave', { id: 11, email: null })])).toMatchObject({ failed: 0 })
  })

  test('stays with whoever had it before', async () => {
    await importAll(db, [user('dave'), ...gone])
    expect(await importAll(db, [user('dave', { name: 'Dave' })])).toMatchObject({ failed: 0, written: 1 })
  })

  test('belongs to one retirement', async () => {
    await importAll(db, [...base, ...gone])
    const { failures } = await importAll(db, [
      { type: 'retirement', username: 'bob', state: 'PENDING', originalUsername: 'dave' },
    ])
    expect(failures).toMatchObject([
      { reason: "retirement: originalUsername: 'dave' is the former name of another retired account" },
    ])
  })
})

test('the audit of manual enrollment is added to once, equal rows included', async () => {
  const audit = (more: object = {}) => ({
    type: 'manualEnrollment',
    email: 'alice@example.com',
    courseId: COURSE,
    transition: 'from unenrolled to enrolled',
    ...more,
  })
  const lines = [
    ...base,
    enrollment('alice'),
    audit({ actor: 'bob', enrolled: 'alice', reason: 'asked', role: 'staff', created: '2020-01-01T00:00:00Z' }),
    audit(),
    audit({ number: 2 }),
    audit({ email: null }),
  ]
  expect((await importAll(db, lines)).byType['manualEnrollment']).toMatchObject({ created: 4, failed: 0 })
  expect(await importAll(db, lines)).toMatchObject({ written: 0, failed: 0 })
  const { failures } = await importAll(db, [audit({ actor: 'nobody' }), audit({ enrolled: 'bob' })])
  expect(failures.map(({ reason }) => reason)).toEqual([
    "manualEnrollment: actor: there is no account 'nobody'",
    "manualEnrollment: enrolled: 'bob' has no enrollment there",
  ])
})

test('a cohort that is not there, and a network that is none, are bad lines', async () => {
  const { failures } = await importAll(db, [
    ...base,
    { type: 'cohortMember', courseId: COURSE, cohort: 'Mornings', username: 'alice' },
    { type: 'cohort', courseId: COURSE, name: 'Mornings' },
    { type: 'cohortPreassignment', courseId: COURSE, cohort: 'Nights', email: 'x@example.com' },
    { type: 'embargoAddress', network: '10.0.0.0/33', isAllowed: true },
    { type: 'embargoAddress', network: 'fe80::1%eth0', isAllowed: true },
    { type: 'cohortMember', courseId: COURSE, cohort: 'Mornings', username: 'alice' },
  ])
  expect(failures.map(({ line, reason }) => [line, reason])).toEqual([
    [4, "cohortMember: cohort: the course run has no cohort 'Mornings'"],
    [6, "cohortPreassignment: cohort: the course run has no cohort 'Nights'"],
    [7, "embargoAddress: network: '10.0.0.0/33' is not a network such as 192.0.2.0/24"],
    [8, "embargoAddress: network: 'fe80::1%eth0' is not a network such as 192.0.2.0/24"],
  ])
  const { rows } = await sql`select from cohort_members`.execute(db)
  expect(rows).toHaveLength(1)
})
