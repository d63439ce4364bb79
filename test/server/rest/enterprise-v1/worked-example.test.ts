import { afterAll, describe, expect, test } from 'vitest'
import type { Answered } from '../../../support/rest.ts'
import { buildAcme, rowsOf, uuidOf, type Acme, type RowNumber } from '../../../enterprise/acme.ts'
import { everythingIn } from '../../../enterprise/state.ts'
import { openEnterpriseApi } from './api.ts'

const api = await openEnterpriseApi()
const legacy = await openEnterpriseApi({ ENTERPRISE_LEGACY_CREATED_FLAG: 'true' })
afterAll(() => Promise.all([api[Symbol.asyncDispose](), legacy[Symbol.asyncDispose]()]))

interface Case {
  readonly row: RowNumber
  readonly status: number
  /** Where the row is in the answer, and what its entry says beside the course run. */
  readonly expected: string
  /** What it says as the original does; the same unless given. */
  readonly compat?: string
  /** The rows that it builds on. */
  readonly after?: RowNumber[]
}

/** What each row is answered when it is sent alone (enterprise C.8, C.0 E2, E4). */
const cases: Case[] = [
  { row: 1, status: 201, expected: 'success ann created true' },
  { row: 2, status: 201, expected: 'success ann created false', compat: 'success ann created true', after: [1] },
  { row: 3, status: 201, expected: 'success bob created false', compat: 'success bob created true' },
  { row: 4, status: 201, expected: 'success cat created true' },
  { row: 5, status: 201, expected: 'success dan created false', compat: 'success dan created true' },
  { row: 6, status: 201, expected: 'success Eve created true' },
  { row: 7, status: 409, expected: 'invalid e-mail fay' },
  { row: 8, status: 201, expected: 'success gus created true with F7' },
  { row: 9, status: 201, expected: 'success gus created false', compat: 'success gus created true', after: [8] },
  { row: 10, status: 409, expected: 'failure ann' },
  { row: 11, status: 201, expected: 'success ann created true' },
  { row: 12, status: 409, expected: 'failure ann' },
  { row: 13, status: 201, expected: 'success hal created true' },
  { row: 14, status: 409, expected: 'failure ann' },
  { row: 15, status: 201, expected: 'success ann created true' },
  { row: 16, status: 409, expected: 'failure ann' },
  { row: 17, status: 409, expected: 'failure ann' },
  { row: 18, status: 409, expected: 'invalid id 999999999' },
  { row: 19, status: 201, expected: 'success ann created true' },
  { row: 20, status: 409, expected: 'invalid e-mail no-at-sign' },
  { row: 21, status: 202, expected: 'pending new1 created true' },
  { row: 22, status: 202, expected: 'pending new1 created false', after: [21] },
  { row: 23, status: 409, expected: 'failure new2' },
  { row: 24, status: 202, expected: 'pending new1 created true' },
]

describe('a row of the worked example, sent alone', () => {
  test.each(cases)('$row: $status, $expected', async ({ row, status, expected, after = [] }) => {
    const world = await buildAcme(api.db)
    for (const earlier of after) await send(world, [earlier])
    const answer = await send(world, [row])
    expect(answer.status).toBe(status)
    expect(inWords(world, answer)).toEqual([expected])
  })

  test.each(cases)('$row with the flag of the original', async ({ row, status, expected, compat, after = [] }) => {
    const world = await buildAcme(legacy.db)
    for (const earlier of after) await send(world, [earlier], legacy)
    const answer = await send(world, [row], legacy)
    expect(answer.status).toBe(status)
    expect(inWords(world, answer)).toEqual([compat ?? expected])
  })
})

describe('the rows of the worked example', () => {
  test('all together, byte for byte', async () => {
    const world = await buildAcme(api.db)
    const numbers = cases.map(({ row }) => row).filter((row) => row !== 16 && row !== 17)
    const { status, json, text } = await send(world, numbers)
    const { people, courses, address, f7 } = world
    const { ann, bob, cat, dan, Eve, gus, hal } = people
    const uuids: string[] = json.successes.map(
      (success: { enterprise_fulfillment_source_uuid: string }) => success.enterprise_fulfillment_source_uuid,
    )
    expect(status).toBe(409)
    const success = (person: { id: number; email: string }, course: string, created: boolean) => (uuid?: string) => ({
      user_id: person.id,
      email: person.email,
      course_run_key: course,
      created,
      activation_link: null,
      enterprise_fulfillment_source_uuid: uuid,
    })
    const successes = [
      success(ann, courses.C1, true),
      success(ann, courses.C1, false),
      success(bob, courses.C1, false),
      success(cat, courses.C1, true),
      success(dan, courses.C1, false),
      success(Eve, courses.C2, true),
      success(gus, courses.C1, true),
      success(gus, courses.C1, false),
      success(ann, courses.C3, true),
      success(hal, courses.C4, true),
      success(ann, courses.C6, true),
      success(ann, courses.C2, true),
    ]
    const pending = (course: string, created: boolean) => ({
      email: address('new1'),
      course_run_key: course,
      created,
      activation_link: null,
    })
    const failure = (id: number | null, email: string, course: string) => ({
      user_id: id,
      email,
      course_run_key: course,
    })
    const expected = {
      successes: successes.map((entry, index) => entry(uuids[index])),
      pending: [pending(courses.C1, true), pending(courses.C1, false), pending(courses.C3, true)],
      failures: [
        failure(ann.id, ann.email, courses.C3),
        failure(ann.id, ann.email, courses.C4),
        failure(ann.id, ann.email, courses.C5),
        failure(null, address('new2'), courses.C1),
      ],
      invalid_user_ids: [999_999_999],
      invalid_email_addresses: [address('fay'), 'no-at-sign'],
    }
    expect(text).toBe(JSON.stringify(expected))
    // Row 2 has the fulfilment of row 1, row 8 the one that was there; all others have one of their own.
    expect(uuids[1]).toBe(uuids[0])
    expect(uuids[6]).toBe(f7)
    expect(new Set(uuids).size).toBe(uuids.length - 1)
    expect(await fulfilments(uuids)).toBe(new Set(uuids).size)
  })

  test.each<[rows: RowNumber[], status: number, expected: string[]]>([
    [[1, 21], 202, ['success ann created true', 'pending new1 created true']],
    [[1, 10, 21], 409, ['success ann created true', 'pending new1 created true', 'failure ann']],
    [[1, 17, 21], 409, ['success ann created true', 'pending new1 created true', 'failure ann']],
    [[1, 16, 21], 409, ['success ann created true', 'pending new1 created true', 'failure ann']],
  ])('%j together: %i, %j', async (rows, status, expected) => {
    const world = await buildAcme(api.db)
    const answer = await send(world, rows)
    expect(answer.status).toBe(status)
    expect(inWords(world, answer)).toEqual(expected)
  })

  test('tell each learner once, also when they are sent again', async () => {
    const world = await buildAcme(api.db)
    const told = async () => {
      const intents = api.db.selectFrom('enterprise_notification_intents').select(['learner_id', 'email'])
      return intents.where('course_key', '=', world.courses.C1).orderBy('id').execute()
    }
    const body = { ...bodyOf(world, [1, 21]), notify: true }
    await api.enroll(world.customer, body)
    const { ann } = world.people
    const both = [
      { learner_id: ann.id, email: null },
      { learner_id: null, email: world.address('new1') },
    ]
    expect(await told()).toEqual(both)
    await api.enroll(world.customer, body)
    expect(await told()).toEqual(both)
  })

  test('are refused together where one of them is malformed, and nothing is done', async () => {
    const world = await buildAcme(api.db)
    const untouched = await everythingIn(api.db)
    const { licenses_info: rows } = bodyOf(world, [1, 21])
    const both = { ...rows[0], transaction_id: uuidOf('T1') }
    const nobody = { course_run_key: world.courses.C1, license_uuid: uuidOf('L1') }
    const answer = await api.enroll(world.customer, { licenses_info: [rows[0], both, nobody, rows[1]] })
    expect(answer.status).toBe(400)
    expect(answer.text).toBe(
      '{"licenses_info":[{},{"non_field_errors":["Enrollment info contains conflicting subsidy information: ' +
        '`license_uuid` and `transaction_id` found"]},{"non_field_errors":["At least one user identifier field ' +
        '[user_id or email] required."]},{}]}',
    )
    expect(await everythingIn(api.db)).toEqual(untouched)
  })
})

function bodyOf(world: Acme, numbers: RowNumber[]) {
  const rows = rowsOf(world)
  return {
    licenses_info: numbers.map((number) => {
      const { userId, email, courseId, funding, force }: WireSource = rows[number]
      return {
        ...(userId !== undefined && { user_id: Number(userId) }),
        ...(email !== undefined && { email }),
        course_run_key: courseId,
        ...('license' in funding ? { license_uuid: funding.license } : { transaction_id: funding.transaction }),
        ...(force !== undefined && { force_enrollment: force }),
      }
    }),
  }
}

interface WireSource {
  userId?: string
  email?: string
  courseId: string
  funding: { license: string } | { transaction: string }
  force?: boolean
}

function send(world: Acme, numbers: RowNumber[], through = api) {
  return through.enroll(world.customer, bodyOf(world, numbers))
}

/** The entries of an answer, which name people by the world. */
function inWords(world: Acme, { json }: Answered): string[] {
  const names = new Map(Object.entries(world.people).map(([name, { email }]) => [email, name]))
  const name = (email: string) => names.get(email) ?? email.replace(/@x\d+\.io$/, '')
  type Entry = { email: string; created: boolean; enterprise_fulfillment_source_uuid?: string }
  const funded = (entry: Entry) => (entry.enterprise_fulfillment_source_uuid === world.f7 ? ' with F7' : '')
  return [
    ...json.successes.map((entry: Entry) => `success ${name(entry.email)} created ${entry.created}${funded(entry)}`),
    ...json.pending.map((entry: Entry) => `pending ${name(entry.email)} created ${entry.created}`),
    ...json.failures.map((entry: Entry) => `failure ${name(entry.email)}`),
    ...(json.invalid_user_ids ?? []).map((id: number) => `invalid id ${id}`),
    ...(json.invalid_email_addresses ?? []).map((email: string) => `invalid e-mail ${name(email)}`),
  ]
}

async function fulfilments(uuids: string[]): Promise<number> {
  const rows = await api.db.selectFrom('enterprise_fulfilments').select('uuid').where('uuid', 'in', uuids).execute()
  return rows.length
}
