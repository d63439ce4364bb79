import { afterAll, describe, expect, test } from 'vitest'
import { decideFunding, type Fulfilments } from '../../../enterprise/bulk/decide-funding.ts'
import type { RequestedRow } from '../../../enterprise/bulk/request.ts'
import { addCourse, addLearner } from '../../support/seed.ts'
import { addEnrollment } from '../../support/world.ts'
import { license, transaction, uuidOf } from '../acme.ts'
import { done, enroll, kindsOf, PAST, refused } from '../calls.ts'
import { addCustomer, addFulfilment, addLink, addRecord, createEnterpriseDatabase } from '../seed.ts'
import { everythingIn, recordOf } from '../state.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const customer = await addCustomer(db)

type Held = { kind: 'license' | 'transaction'; id: string; revoked?: boolean }
type Funding = RequestedRow['funding']
const L = { kind: 'license', id: uuidOf('L') } as const
const L2 = { kind: 'license', id: uuidOf('L2') } as const
const T = { kind: 'transaction', id: uuidOf('T') } as const
const T2 = { kind: 'transaction', id: uuidOf('T2') } as const
const revoked = <H extends Held>(held: H) => ({ ...held, revoked: true as const })

/** Rows of enterprise C.5: what a record has, the funding of the row, what becomes of its fulfilment, what is left. */
const accepted: [string, Held[] | null, Funding, string | null, Held[]][] = [
  ['1', null, license('L'), 'created', [L]],
  ['2', null, transaction('T'), 'created', [T]],
  ['3', [], license('L'), 'created', [L]],
  ['3', [], transaction('T'), 'created', [T]],
  ['4', [L], license('L'), 'unchanged', [L]],
  ['6', [T], transaction('T'), 'unchanged', [T]],
  ['5, after an end', [revoked(L)], license('L2'), 'revived', [L2]],
  ['7', [T], transaction('T2'), 'created', [revoked(T), T2]],
  ['8', [revoked(T)], transaction('T2'), 'revived', [T2]],
  ['10', [L], transaction('T'), 'created', [L, T]],
  ['10', [T], license('L'), 'created', [L, T]],
  ['10', [revoked(L)], transaction('T'), 'created', [revoked(L), T]],
  ['10', [L, revoked(T)], transaction('T2'), 'revived', [L, T2]],
  ['none', [L], undefined, null, [L]],
  ['none', [revoked(T)], undefined, null, [revoked(T)]],
  ['none', null, undefined, null, []],
]

const refusals: [string, Held[], Funding, string][] = [
  ['4', [revoked(L)], license('L'), 'fulfilmentRevoked'],
  ['5', [L], license('L2'), 'fundingConflict'],
  ['9', [revoked(T)], transaction('T'), 'transactionReused'],
]

describe('funding', () => {
  test.each(accepted)('row %s: a record with %j, funded by %j: %s', async (_, held, funding, fulfilment, left) => {
    const { learner, courseId, uuids } = await situation(held)
    const row = await done(db, customer, { userId: String(learner.id), courseId, ...(funding && { funding }) })
    expect(row.fulfilment).toBe(fulfilment)
    const record = await recordOf(db, customer, learner.id, courseId)
    expect(record?.fulfilments.map(inShort)).toEqual(left)
    const own = record?.fulfilments.findLast(({ kind }) => funding && kind in funding)
    expect(row.fulfilmentId).toBe(own?.uuid ?? null)
    // A fulfilment that was there keeps its name, whatever pays for it.
    if (fulfilment !== 'created' && row.fulfilmentId !== null) expect(uuids).toContain(row.fulfilmentId)
  })

  test.each(refusals)('row %s: a record with %j, funded by %j, is refused: %s', async (_, held, funding, code) => {
    const { learner, courseId } = await situation(held, 'inactive')
    const untouched = await everythingIn(db)
    const row = { userId: String(learner.id), courseId, ...(funding && { funding }) }
    expect(await refused(db, customer, row)).toMatchObject({ code, retryable: false })
    expect(await everythingIn(db)).toEqual(untouched)
  })

  test('row 4: a revoked license pays again where that is asked for', async () => {
    const { learner, courseId, uuids } = await situation([revoked(L)])
    const row = { userId: String(learner.id), courseId, funding: license('L'), reviveRevoked: true }
    expect(await done(db, customer, row)).toMatchObject({ fulfilment: 'revived', fulfilmentId: uuids[0] })
    expect((await recordOf(db, customer, learner.id, courseId))?.fulfilments.map(inShort)).toEqual([L])
  })

  test.each([
    ['another license is still a conflict with one that pays', [L], L2, 'fundingConflict'],
    ['a revoked transaction stays one', [revoked(T)], T, 'transactionReused'],
  ] as const)('with reviveRevoked %s', (_, held, funding, code) => {
    const decision = decideFunding(fulfilments(held), funding, {
      reviveRevoked: true,
      mayRevive: false,
      mayReplace: true,
    })
    expect(decision).toMatchObject({ ok: false, refusal: { code } })
  })

  test.each(['L1', '', 'a9f5cf29-5de4-4d67-8c5d-0f6d1f4f2b1', 'nul\0'])('row 11: “%s” is no UUID', async (text) => {
    const { id } = await addLearner(db)
    const courseId = await addCourse(db)
    for (const funding of [{ license: text }, { transaction: text }]) {
      const row = { userId: String(id), courseId, funding }
      expect(await refused(db, customer, row)).toMatchObject({ code: 'invalidFunding', details: { id: text } })
    }
  })

  test('a UUID counts in any of its forms', async () => {
    const { learner, courseId } = await situation([L])
    const text = L.id.toUpperCase().replaceAll('-', '')
    const row = { userId: String(learner.id), courseId, funding: { license: text } }
    expect(await done(db, customer, row)).toMatchObject({ fulfilment: 'unchanged' })
  })
})

describe('a record', () => {
  test.each([
    ['reactivated', 'inactive'],
    ['unchanged', 'active'],
  ] as const)('is no longer unenrolled after %s; what was revoked stays so', async (kind, activity) => {
    const { learner, courseId } = await situation([revoked(L)], activity)
    await db
      .updateTable('enterprise_enrollment_records')
      .set({ unenrolled: true, unenrolled_at: PAST, saved_for_later: true })
      .execute()
    expect(await done(db, customer, { userId: String(learner.id), courseId })).toMatchObject({ kind })
    expect(await recordOf(db, customer, learner.id, courseId)).toMatchObject({
      unenrolled: false,
      unenrolled_at: null,
      saved_for_later: false,
      fulfilments: [{ funding_id: L.id, revoked: '2026-01-01T00:00:00Z' }],
    })
  })

  test('keeps its source', async () => {
    const { learner, courseId } = await situation([])
    await db.updateTable('enterprise_enrollment_records').set({ source: 'learner' }).execute()
    await done(db, customer, { userId: String(learner.id), courseId, mode: 'audit', funding: license('L') })
    expect(await recordOf(db, customer, learner.id, courseId)).toMatchObject({
      source: 'learner',
      enrollment_version: 2,
    })
  })

  test('is each customer’s own', async () => {
    const { learner, courseId } = await situation([L])
    const other = await addCustomer(db)
    const row = { userId: String(learner.id), courseId, funding: license('L2') }
    expect(await done(db, other, row)).toMatchObject({ kind: 'unchanged', fulfilment: 'created' })
    expect((await recordOf(db, customer, learner.id, courseId))?.fulfilments.map(inShort)).toEqual([L])
    expect((await recordOf(db, other, learner.id, courseId))?.fulfilments.map(inShort)).toEqual([L2])
  })
})

describe('row 12: a default enrollment', () => {
  test('is kept with the intention of the customer, once', async () => {
    const courseId = await addCourse(db)
    const intention = await addIntention(customer.id, courseId)
    const [one, other] = [await addLearner(db), await addLearner(db)]
    const rowFor = ({ id }: { id: number }) => ({ userId: String(id), courseId, isDefaultAutoEnrollment: true })
    const answer = await enroll(db, customer, [rowFor(one), rowFor(other), rowFor(one)])
    expect(kindsOf(answer)).toEqual(['created', 'created', 'unchanged'])
    expect(await realizationsOf(intention)).toHaveLength(2)
  })

  test('without an intention, or without the flag, leaves nothing and succeeds', async () => {
    const [courseId, unintended] = [await addCourse(db), await addCourse(db)]
    const intention = await addIntention(customer.id, courseId)
    await addIntention((await addCustomer(db)).id, unintended)
    const userId = String((await addLearner(db)).id)
    const rows = [
      { userId, courseId },
      { userId, courseId: unintended, isDefaultAutoEnrollment: true },
    ]
    expect(kindsOf(await enroll(db, customer, rows))).toEqual(['created', 'created'])
    expect(await realizationsOf(intention)).toEqual([])
  })
})

/** A learner in a course run; `held` null: the customer knows nothing of it. */
async function situation(held: readonly Held[] | null, activity: 'active' | 'inactive' = 'active') {
  const [learner, courseId] = [await addLearner(db), await addCourse(db)]
  await addEnrollment(db, learner.id, courseId, { mode: 'verified', is_active: activity === 'active' })
  const uuids: string[] = []
  if (held !== null) {
    const record = await addRecord(db, await addLink(db, customer, learner.id), courseId)
    for (const one of held) uuids.push(await addFulfilment(db, customer, record, one))
  }
  return { learner, courseId, uuids }
}

function inShort(row: { kind: string; funding_id: string; revoked: string | null }) {
  return { kind: row.kind, id: row.funding_id, ...(row.revoked !== null && { revoked: true }) }
}

function fulfilments(held: readonly Held[]): Fulfilments {
  const of = (kind: Held['kind']) => {
    const found = held.find((one) => one.kind === kind)
    return found ? { uuid: uuidOf('F'), fundingId: found.id, isRevoked: found.revoked === true } : null
  }
  const revokedFundings = new Set(held.flatMap((one) => (one.revoked === true ? one.id : [])))
  return { license: of('license'), transaction: of('transaction'), revokedFundings, isCommitted: false }
}

async function addIntention(customerId: number, courseId: string): Promise<number> {
  const values = { customer_id: customerId, course_key: courseId }
  const { id } = await db
    .insertInto('enterprise_default_intentions')
    .values(values)
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

function realizationsOf(intentionId: number) {
  return db
    .selectFrom('enterprise_default_realizations')
    .select('record_id')
    .where('intention_id', '=', intentionId)
    .execute()
}
