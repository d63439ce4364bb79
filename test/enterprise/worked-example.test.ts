import { afterAll, describe, expect, test } from 'vitest'
import { enrollLearners } from '../../enterprise/enroll-learners.ts'
import type { RowOutcome } from '../../enterprise/bulk/answer.ts'
import { enrollmentInWords } from '../support/world.ts'
import { buildAcme, license, rowsOf, transaction, uuidOf, type Acme, type RowNumber } from './acme.ts'
import { contextOf, enroll as enrollFor, type Options, type RowRequest } from './calls.ts'
import { createEnterpriseDatabase } from './seed.ts'
import { everythingIn, linkInWords, pendingOf, recordOf } from './state.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database

/** What each row comes to when it is sent alone, after the rows that it builds on (enterprise C.8, column "ours"). */
const alone: [RowNumber, string, RowNumber[]?][] = [
  [1, 'created active verified, funding created, told, 1 event'],
  [2, 'unchanged active verified, funding unchanged, 0 events', [1]],
  [3, 'modeChanged from active audit to active verified, funding created, 1 event'],
  [4, 'reactivated from inactive verified to active verified, funding created, told, 1 event'],
  [5, 'unchanged active verified, funding created, 0 events'],
  [6, 'created active audit, funding created, told, 1 event'],
  [7, 'linkForbidden'],
  [8, 'reactivated from inactive verified to active verified, funding revived, told, 1 event'],
  [9, 'unchanged active verified, funding created, 0 events, warning transactionSuperseded', [8]],
  [10, 'enrollmentClosed'],
  [11, 'created active verified, funding created, told, 1 event'],
  [12, 'courseFull'],
  [13, 'reactivated from inactive audit to active audit, funding created, over capacity, told, 1 event'],
  [14, 'modeNotAvailable'],
  [15, 'created active audit, funding created, told, 1 event'],
  [16, 'courseNotFound'],
  [17, 'invalidCourseKey'],
  [18, 'learnerNotFound'],
  [19, 'identityMismatch'],
  [20, 'invalidEmail'],
  [21, 'pendingCreated, told, 0 events'],
  [22, 'pendingUnchanged, 0 events', [21]],
  [23, 'fundingConflict'],
  [24, 'pendingCreated, told, 0 events, warning enrollmentClosed'],
]

const tests = alone.map(([number, expected, before = []]) => ({ number, expected, before }))

describe('a row of the worked example', () => {
  test.each(tests)('$number alone: $expected', async ({ number, expected, before }) => {
    const world = await buildAcme(db)
    for (const earlier of before) await enroll(world, [earlier])
    const untouched = await everythingIn(db)
    const [row] = (await enroll(world, [number])).rows
    expect(inWords(row)).toBe(expected)
    if (row?.ok === false) expect(await everythingIn(db)).toEqual(untouched)
    else expect(await everythingIn(db)).not.toEqual(untouched)
  })
})

describe('the rows of the worked example', () => {
  test('all together see the effects of those before them', async () => {
    const world = await buildAcme(db)
    const sent = alone.filter(([number]) => number !== 16 && number !== 17)
    const numbers = sent.map(([number]) => number)
    const answer = await enroll(world, numbers, { notify: true })
    expect(answer.rows.map((row, index) => [numbers[index], inWords(row)])).toEqual(
      sent.map(([number, expected]) => [number, expected]),
    )
    expect(answer.status).toBe('applied')
    expect(answer.counts).toEqual({
      created: 4,
      reactivated: 3,
      modeChanged: 1,
      unchanged: 3,
      pendingCreated: 2,
      pendingUnchanged: 1,
      linkForbidden: 1,
      fundingConflict: 1,
      enrollmentClosed: 1,
      courseFull: 1,
      modeNotAvailable: 1,
      learnerNotFound: 1,
      identityMismatch: 1,
      invalidEmail: 1,
    })
    await expectStateAfterAll(world, answer.batchId)
  })

  test('name learners by their accounts, and addresses in lower case', async () => {
    const world = await buildAcme(db)
    const { rows } = await enroll(world, [6, 22, 20, 19, 18])
    const { ann, Eve } = world.people
    expect(rows.map(({ userId, email }) => ({ userId, email }))).toEqual([
      { userId: String(Eve.id), email: Eve.email },
      { userId: null, email: world.address('new1') },
      { userId: null, email: 'no-at-sign' },
      { userId: null, email: world.people.bob.email },
      { userId: null, email: null },
    ])
    expect(Eve.email).toMatch(/^Eve@X/)
    const idWins = await enroll(world, [19], { whenIdentityDiffers: 'idWins' })
    expect(idWins.rows).toMatchObject([{ kind: 'created', userId: String(ann.id), email: ann.email }])
  })

  test('one unknown and one malformed course run spoil no other row', async () => {
    const world = await buildAcme(db)
    const { rows } = await enroll(world, [1, 17, 16, 21])
    expect(rows.map((row) => (row.ok ? row.kind : row.code))).toEqual([
      'created',
      'invalidCourseKey',
      'courseNotFound',
      'pendingCreated',
    ])
  })

  test('strict keep nothing when one is refused', async () => {
    const world = await buildAcme(db)
    const untouched = await everythingIn(db)
    const answer = await enroll(world, [1, 10, 21], { failureMode: 'strict' })
    expect(answer).toMatchObject({ status: 'rolledBack', counts: { notAttempted: 2, enrollmentClosed: 1 } })
    expect(await everythingIn(db)).toEqual(untouched)
    expect((await enroll(world, [1, 10, 21])).counts).toEqual({ created: 1, enrollmentClosed: 1, pendingCreated: 1 })
  })

  test('tell each learner once, however often they are sent', async () => {
    const world = await buildAcme(db)
    await enroll(world, [1, 21], { notify: true })
    await enroll(world, [1, 21], { notify: true })
    const { C1 } = world.courses
    expect(await told(C1)).toEqual([
      { learner_id: world.people.ann.id, email: null },
      { learner_id: null, email: world.address('new1') },
    ])
  })
})

describe('rows 25 to 27: a request that is malformed', () => {
  test.each<[string, (world: Acme) => unknown]>([
    [
      'a license and a transaction',
      (world) => ({ ...rowsOf(world)[1], funding: { ...license('L1'), ...transaction('T1') } }),
    ],
    ['nobody', ({ courses }) => ({ courseId: courses.C1, funding: license('L1') })],
  ])('by a row with %s, among good ones, is not begun', async (_, rowOf) => {
    const world = await buildAcme(db)
    const untouched = await everythingIn(db)
    // What a caller that is not typed may send.
    const rows = [rowsOf(world)[1], rowOf(world) as RowRequest, rowsOf(world)[21]]
    const answer = enrollFor(db, world.customer, rows)
    await expect(answer).rejects.toMatchObject({ name: 'EnterpriseError', code: 'invalidRequest' })
    await expect(answer).rejects.toMatchObject({ details: { issues: [{ path: expect.arrayContaining(['rows', 1]) }] } })
    expect(await everythingIn(db)).toEqual(untouched)
  })

  test('by having no rows is not begun', async () => {
    const { customer } = await buildAcme(db)
    await expect(enrollFor(db, customer, [])).rejects.toMatchObject({ code: 'invalidRequest' })
  })

  test('by an unknown customer is not begun', async () => {
    const world = await buildAcme(db)
    const answer = enrollFor(db, { uuid: uuidOf('nobody') }, [rowsOf(world)[1]])
    await expect(answer).rejects.toMatchObject({ name: 'EnterpriseError', code: 'customerNotFound' })
  })

  test('by naming no actor leaves nothing', async () => {
    const world = await buildAcme(db)
    const untouched = await everythingIn(db)
    const context = contextOf(db, { actor: { kind: 'user', name: ' ' } })
    const rows = [rowsOf(world)[1], rowsOf(world)[21]]
    const answer = enrollLearners(context, { customer: world.customer.uuid, rows, idempotencyKey: 'key' })
    await expect(answer).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
    expect(await everythingIn(db)).toEqual(untouched)
  })
})

async function expectStateAfterAll({ customer, people, courses, address, f7 }: Acme, batchId: string) {
  const links = Object.values(people).map(({ id }) => linkInWords(db, customer, id))
  expect(await Promise.all(links)).toEqual([
    ...Array.from({ length: 5 }, () => 'active'),
    'unlinked for good',
    'active',
    'active',
  ])
  const { ann, Eve, gus, hal } = people
  expect(await enrollmentInWords(db, ann.id, courses.C3)).toBe('active verified')
  expect(await enrollmentInWords(db, ann.id, courses.C4)).toBe(null)
  expect(await enrollmentInWords(db, ann.id, courses.C2)).toBe(null)
  expect(await enrollmentInWords(db, Eve.id, courses.C2)).toBe('active audit')
  expect(await enrollmentInWords(db, hal.id, courses.C4)).toBe('active audit')
  expect(await recordOf(db, customer, gus.id, courses.C1)).toMatchObject({
    unenrolled: false,
    unenrolled_at: null,
    enrollment_version: 2,
    fulfilments: [
      { uuid: f7, kind: 'transaction', funding_id: uuidOf('T-new'), revoked: expect.any(String) },
      { kind: 'transaction', funding_id: uuidOf('T-other'), revoked: null },
    ],
  })
  expect(await recordOf(db, customer, ann.id, courses.C2)).toBe(null)
  expect(await pendingOf(db, customer, address('new1'), courses.C3)).toMatchObject({
    transaction_id: uuidOf('T5'),
    license_uuid: null,
    state: 'waiting',
  })
  const overrides = await db
    .selectFrom('enterprise_overrides')
    .select(['row_index', 'kind', 'because'])
    .where('batch_id', '=', batchId)
    .orderBy('id')
    .execute()
  expect(overrides).toEqual([
    { row_index: 10, kind: 'force', because: 'ended' },
    { row_index: 12, kind: 'overCapacity', because: null },
  ])
}

function enroll(world: Acme, numbers: RowNumber[], options: Options = {}) {
  const rows = rowsOf(world)
  return enrollFor(
    db,
    world.customer,
    numbers.map((number) => rows[number]),
    options,
  )
}

function told(courseId: string) {
  return db
    .selectFrom('enterprise_notification_intents')
    .select(['learner_id', 'email'])
    .where('course_key', '=', courseId)
    .orderBy('id')
    .execute()
}

function inWords(row: RowOutcome | undefined): string {
  if (row === undefined) return 'no outcome'
  if (!row.ok) return row.code
  const { before, after, events, warnings } = row
  const state = (it: { mode: string; isActive: boolean }) => `${it.isActive ? 'active' : 'inactive'} ${it.mode}`
  const change =
    after && (before && row.kind !== 'unchanged' ? ` from ${state(before)} to ${state(after)}` : ` ${state(after)}`)
  return [
    `${row.kind}${change ?? ''}`,
    ...(row.fulfilment ? [`funding ${row.fulfilment}`] : []),
    ...(row.overCapacity ? ['over capacity'] : []),
    ...(row.created ? ['told'] : []),
    `${events.length} ${events.length === 1 ? 'event' : 'events'}`,
    ...warnings.map(({ code }) => `warning ${code}`),
  ].join(', ')
}
