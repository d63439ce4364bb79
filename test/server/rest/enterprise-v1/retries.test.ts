import { randomUUID } from 'node:crypto'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { importLines } from '../../../enterprise/import-export/world.ts'
import { openEnterpriseApi } from './api.ts'
import { ACME, ask, buildWorld, F, L, run, stateOf } from './routes-world.ts'

// What license-manager and enterprise-subsidy do when something fails in between (enterprise-routes.md §2.7, §3), to its end.

const api = await openEnterpriseApi()
afterAll(() => api[Symbol.asyncDispose]())
const { db } = api
beforeEach(() => buildWorld(api))

const BULK = `enterprise-customer/${ACME}/enroll_learners_in_courses/`
const enroll = (...rows: object[]) => ask(api, 'S', 'POST', BULK, { enrollments_info: rows })
const cancel = (uuid: string) => ask(api, 'S', 'POST', `enterprise-subsidy-fulfillment/${uuid}/cancel-fulfillment`)
const revoke = (userId: number) =>
  ask(api, 'S', 'POST', 'licensed-enterprise-course-enrollment/license_revoke/', {
    user_id: userId,
    enterprise_id: ACME,
  })
const expire = (licenses: string[]) =>
  ask(api, 'S', 'POST', 'licensed-enterprise-course-enrollment/bulk_licensed_enrollments_expiration/', {
    expired_license_uuids: licenses,
    ignore_enrollments_modified_after: null,
  })
const unenrolled = async () => {
  const path = 'operator/enterprise-subsidy-fulfillment/unenrolled/?unenrolled_after=2026-02-22T12:00:00.000000%2B00:00'
  const rows: { uuid: string; transaction_id: string }[] = (await ask(api, 'S', 'GET', path)).json
  return rows
}

/** A ledger as enterprise-subsidy keeps it: a transaction fails where the answer is not what it needs, and the next is new. */
function openLedger() {
  const states = new Map<string, 'committed' | 'failed' | 'reversed'>()
  return {
    states,
    async redeem(userId: number, options: { transaction?: string; loseAnswer?: boolean } = {}): Promise<string | null> {
      const transaction = options.transaction ?? randomUUID()
      const row = { user_id: userId, course_run_key: run('C1'), transaction_id: transaction, force_enrollment: false }
      const { status, json } = await enroll(row)
      const uuid: string | undefined = json.successes?.[0]?.enterprise_fulfillment_source_uuid
      const isFine = status < 400 && json.successes.length === 1 && uuid !== undefined && options.loseAnswer !== true
      states.set(transaction, isFine ? 'committed' : 'failed')
      return isFine ? uuid : null
    },
    /** What its reversals need to be told. */
    async reverse(transaction: string, uuid: string) {
      states.set(transaction, 'reversed')
      expect((await cancel(uuid)).status).toBeLessThan(400)
    },
  }
}

test('enterprise-subsidy: an answer that is lost leaves a free seat, which the next transaction takes over and pays for', async () => {
  const ledger = openLedger()
  expect(await ledger.redeem(8, { loseAnswer: true })).toBeNull()
  const uuid = await ledger.redeem(8)
  expect([...ledger.states.values()]).toEqual(['failed', 'committed'])
  // The refund of the first, which comes late, ends nothing of the second.
  const [first] = await db
    .selectFrom('enterprise_fulfilments as f')
    .select('f.uuid')
    .where('f.funding_id', '=', [...ledger.states.keys()][0] ?? '')
    .execute()
  expect((await cancel(first?.uuid ?? '')).status).toBe(200)
  expect((await cancel(uuid ?? '')).status).toBe(204)
  expect((await unenrolled()).map((row) => row.uuid)).toContain(uuid)
})

test('enterprise-subsidy: the same transaction again is the same fulfilment', async () => {
  const ledger = openLedger()
  const transaction = randomUUID()
  const first = await ledger.redeem(8, { transaction })
  expect(await ledger.redeem(8, { transaction })).toBe(first)
})

test('enterprise-subsidy: a reversed transaction never pays again, a new one does, and only it is charged', async () => {
  const ledger = openLedger()
  const transaction = randomUUID()
  const uuid = (await ledger.redeem(8, { transaction })) ?? ''
  await ledger.reverse(transaction, uuid)
  expect(await ledger.redeem(8, { transaction })).toBeNull()
  expect(await ledger.redeem(8)).toBe(uuid)
  expect([...ledger.states.values()]).toEqual(['failed', 'committed'])
  expect(await stateOf(api, 5)).toBe('active verified')
})

test('enterprise-subsidy: who leaves is found by the next pull, and cancelling again is the end of it', async () => {
  for (const { uuid } of await unenrolled()) expect((await cancel(uuid)).status).toBe(200)
  expect((await unenrolled()).map(({ uuid }) => uuid)).toEqual([F(6), F(9)])
})

test('license-manager: who is revoked comes back with a new license, and with the same one', async () => {
  expect((await revoke(1)).status).toBe(200)
  const row = { email: 'ann@x.io', course_run_key: run('C1') }
  const renewed = await enroll({ ...row, license_uuid: L(101) })
  expect([renewed.status, renewed.json.successes[0].enterprise_fulfillment_source_uuid]).toEqual([201, F(1)])
  expect(await stateOf(api, 1)).toBe('active verified')
  expect((await expire([L(101)])).status).toBe(200)
  expect((await enroll({ ...row, license_uuid: L(101) })).status).toBe(201)
  expect(await stateOf(api, 1)).toBe('active verified')
})

test('license-manager: sends every license that somebody ever had, by address and id, and the valid one wins', async () => {
  await revoke(1)
  const revoked = { email: 'ANN@x.io', course_run_key: run('C1'), license_uuid: L(1) }
  const valid = { user_id: 1, course_run_key: run('C1'), license_uuid: L(102) }
  for (const rows of [
    [revoked, valid],
    [valid, revoked],
  ]) {
    const { status, json } = await enroll(...rows)
    expect([status, json.failures.length, json.successes.length]).toEqual([409, 1, 1])
  }
  const held = await db.selectFrom('enterprise_fulfilments').select('funding_id').where('uuid', '=', F(1)).execute()
  expect(held).toEqual([{ funding_id: L(102) }])
})

test('license-manager: a renewal whose old license still pays is refused, and enrolls once that has expired', async () => {
  const row = { user_id: 1, course_run_key: run('C1'), license_uuid: L(103) }
  expect((await enroll(row)).status).toBe(409)
  expect((await expire([L(1)])).status).toBe(200)
  expect((await enroll(row)).status).toBe(201)
  expect(await stateOf(api, 1)).toBe('active verified')
})

test('license-manager: an expiry that failed half way is repeated until all is done', async () => {
  await db.updateTable('enterprise_enrollment_records').set({ enrollment_version: 1 }).execute()
  const blocker = await db.startTransaction().execute()
  await blocker.selectFrom('learners').select('id').where('id', '=', 1).forUpdate().execute()
  const expiring = expire([L(1), L(11)])
  await new Promise((resolve) => setTimeout(resolve, 300))
  await blocker.rollback().execute()
  expect(await expiring).toMatchObject({ status: 200, text: '' })
  expect(await stateOf(api, 11)).toBe('active verified revoked')
  expect(await expire([L(1), L(11)])).toMatchObject({ status: 200 })
})

test('a ledger that says what it has committed is never charged twice for one seat', async () => {
  const ledger = openLedger()
  const transaction = randomUUID()
  const uuid = await ledger.redeem(8, { transaction })
  await importLines(db, [{ type: 'ledgerTransaction', uuid: transaction, state: 'committed' }])
  expect(await ledger.redeem(8)).toBeNull()
  expect(uuid).not.toBeNull()
})
