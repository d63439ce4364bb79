import { sql } from 'kysely'
import { afterAll, describe, expect, test } from 'vitest'
import { trap } from '../../support/trap.ts'
import { enroll, kindsOf } from '../calls.ts'
import { addCustomer, createEnterpriseDatabase } from '../seed.ts'
import { everythingIn } from '../state.ts'
import { EVERY_KIND, everyKindOfRow } from './every-kind.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const customer = await addCustomer(db)

describe('a row that contradicts a constraint', () => {
  test('is refused alone, and leaves nothing', async () => {
    const rows = await everyKindOfRow(db, customer)
    const [spoiled] = rows
    const learnerId = Number(spoiled?.userId)
    const raise = `if new.learner_id = ${learnerId} then raise exception using errcode = '23514'; end if`
    await using _ = await trap(db, 'enterprise_learner_links', raise)
    const answer = await enroll(db, customer, rows, { notify: true })
    expect(kindsOf(answer)).toEqual(['conflict', ...EVERY_KIND.slice(1)])
    expect(answer.rows[0]).toMatchObject({ retryable: true })
    const enrollments = db.selectFrom('enrollments').select('id').where('learner_id', '=', learnerId)
    expect(await enrollments.execute()).toEqual([])
  })

  test('takes a strict request with it', async () => {
    const rows = await everyKindOfRow(db, customer)
    const untouched = await everythingIn(db)
    const raise = `if new.learner_id = ${rows[1]?.userId} then raise exception using errcode = '23514'; end if`
    await using _ = await trap(db, 'enterprise_learner_links', raise)
    const answer = await enroll(db, customer, rows, { failureMode: 'strict' })
    expect(answer).toMatchObject({ status: 'rolledBack', counts: { conflict: 1, notAttempted: 4 } })
    expect(await everythingIn(db)).toEqual(untouched)
  })

  test('only for a moment is done', async () => {
    const rows = (await everyKindOfRow(db, customer)).slice(0, 1)
    await sql`create sequence moments`.execute(db)
    const raise = `if nextval('moments') = 1 then raise exception using errcode = '23505'; end if`
    await using _ = await trap(db, 'enterprise_learner_links', raise)
    expect(kindsOf(await enroll(db, customer, rows))).toEqual(['created'])
  })

  test('in a caller’s transaction leaves it usable', async () => {
    const rows = await everyKindOfRow(db, customer)
    await db.transaction().execute(async (trx) => {
      const raise = `if new.learner_id = ${rows[0]?.userId} then raise exception using errcode = '23514'; end if`
      await using _ = await trap(trx, 'enterprise_learner_links', raise)
      expect(kindsOf(await enroll(trx, customer, rows))).toEqual(['conflict', ...EVERY_KIND.slice(1)])
    })
  })
})
