import { sql, type Kysely } from 'kysely'
import { afterAll, describe, expect, test } from 'vitest'
import { signUp } from '../../../core/learner/sign-up.ts'
import type { EnterpriseDB } from '../../../enterprise/database/schema.ts'
import { SWEEP_START, sweepOpenLinks } from '../../../enterprise/pending/sweep.ts'
import { addCourse, addLearner } from '../../support/seed.ts'
import { importAll } from '../../support/transfer.ts'
import { untilWaiting } from '../../support/waiting.ts'
import { enrollmentInWords } from '../../support/world.ts'
import { enroll, kindsOf } from '../calls.ts'
import { addCustomer, addPending, createEnterpriseDatabase } from '../seed.ts'
import { pendingOf } from '../state.ts'
import { fulfil } from './steps.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const customer = await addCustomer(db)
let addresses = 0

describe('an account arrives', () => {
  test('by an insert', async () => {
    const { email, courseId } = await situation()
    await addLearner(db, { email })
    expect(await endOf(email, courseId)).toBe('fulfilled')
  })

  test('by an import', async () => {
    const { email, courseId } = await situation()
    const { failed } = await importAll(db, [{ type: 'user', username: `imported ${email}`, email }])
    expect(failed).toBe(0)
    expect(await endOf(email, courseId)).toBe('fulfilled')
  })

  test('by an import that gives an account another address', async () => {
    const { email, courseId } = await situation()
    const { username } = await addLearner(db)
    await importAll(db, [{ type: 'user', username, email }])
    expect(await endOf(email, courseId)).toBe('fulfilled')
  })

  test('by an import that passes an address on from one account to another', async () => {
    const { email, courseId } = await situation()
    const [first, second] = [await addLearner(db), await addLearner(db)]
    await importAll(db, [
      { type: 'user', username: first.username, email },
      { type: 'user', username: first.username, email: null },
      { type: 'user', username: second.username, email },
    ])
    expect(await endOf(email, courseId)).toBe('fulfilled')
    expect(await enrollmentInWords(db, second.id, courseId)).toBe('active verified')
  })

  test('by a sign-up', async () => {
    const { email, courseId } = await situation()
    await signUp(db, { username: `signed up ${email}`, email, name: '' })
    expect(await endOf(email, courseId)).toBe('fulfilled')
  })

  test('with its address in another case', async () => {
    const { email, courseId } = await situation()
    await addLearner(db, { email: email.toUpperCase() })
    expect(await endOf(email, courseId)).toBe('fulfilled')
  })

  test('by an upsert', async () => {
    const { email, courseId } = await situation()
    const { username } = await addLearner(db)
    await sql`insert into learners (username, email) values (${username}, ${email})
      on conflict (username) do update set email = excluded.email`.execute(db)
    expect(await endOf(email, courseId)).toBe('fulfilled')
  })

  test('not by a change of an account whose address nobody waits for', async () => {
    const { id } = await addLearner(db)
    await db.updateTable('learners').set({ name: 'Somebody' }).where('id', '=', id).execute()
    expect(await db.selectFrom('enterprise_arrivals').select('id').execute()).toEqual([])
  })
})

describe('whoever writes an account', () => {
  test('waits for nobody who works for the extension', async () => {
    const { email, courseId } = await situation()
    await db.transaction().execute(async (trx) => {
      // Holds the link and the row.
      await enroll(trx, customer, [{ email, courseId, mode: 'audit' }])
      await addLearner(db, { email })
    })
    expect(await endOf(email, courseId)).toBe('fulfilled')
  })

  test('holds nobody up who works for the extension', async () => {
    const { email, courseId } = await situation()
    const other = await addLearner(db)
    await db.transaction().execute(async (trx) => {
      await addAccount(trx, email)
      await trx.updateTable('learners').set({ name: 'held' }).where('id', '=', other.id).execute()
      // Neither who enrolls the address, nor who looks for accounts that have arrived.
      const answer = await enroll(db, customer, [{ email, courseId, mode: 'audit' }])
      expect(kindsOf(answer)).toEqual(['pendingUpdated'])
      expect(await fulfil(db)).toEqual({})
    })
    expect(await endOf(email, courseId)).toBe('fulfilled')
  })

  test('that somebody changes right now is left for later, and holds up no other', async () => {
    const [held, free] = [await situation(), await situation()]
    const { id } = await addLearner(db, { email: held.email })
    await addLearner(db, { email: free.email })
    await db.transaction().execute(async (trx) => {
      await trx.updateTable('learners').set({ name: 'held' }).where('id', '=', id).execute()
      expect(await fulfil(db)).toEqual({ fulfilled: 1 })
    })
    expect(await endOf(held.email, held.courseId)).toBe('fulfilled')
  })
})

describe('where an account and a row come at once, and neither sees the other', () => {
  test.each(['the account', 'the row'])('a sweep brings them together: %s commits first', async (first) => {
    const { email, courseId } = await bothAtOnce(first)
    // The negative control: nothing else does.
    expect(await fulfil(db)).toEqual({})
    expect(await pendingOf(db, customer, email, courseId)).toMatchObject({ state: 'waiting' })
    expect(await sweepOpenLinks(db, { after: SWEEP_START, limit: 1000 })).toEqual({ after: SWEEP_START, found: 1 })
    expect(await endOf(email, courseId)).toBe('fulfilled')
    expect((await sweepOpenLinks(db, { after: SWEEP_START, limit: 1000 })).found).toBe(0)
  })

  test('but where the row waits for the lock of its link, the account is seen', async () => {
    const { email, courseId } = await situation()
    const { done } = await db.transaction().execute(async (trx) => {
      await sql`select from enterprise_pending_links where email = ${email} for update`.execute(trx)
      const enrolling = enroll(db, customer, [{ email, courseId, mode: 'audit' }])
      await untilWaiting(db)
      await addLearner(db, { email })
      return { done: enrolling }
    })
    expect(kindsOf(await done)).toEqual(['pendingUpdated'])
    expect(await endOf(email, courseId)).toBe('fulfilled')
  })

  test('a sweep goes over the open links page by page, and begins again', async () => {
    for (let n = 0; n < 5; n += 1) await situation()
    const open = await db.selectFrom('enterprise_pending_links').select('id').where('taken_by', 'is', null).execute()
    let after = SWEEP_START
    const places = []
    do {
      after = (await sweepOpenLinks(db, { after, limit: 2 })).after
      places.push(after)
    } while (after !== SWEEP_START)
    expect(places).toHaveLength(Math.floor(open.length / 2) + 1)
    expect(new Set(places).size).toBe(places.length)
  })
})

/** What becomes of the one row that is due. */
async function endOf(email: string, courseId: string): Promise<string | undefined> {
  expect(await fulfil(db)).toEqual({ fulfilled: 1 })
  return (await pendingOf(db, customer, email, courseId))?.state
}

/** An address that nobody has, and a course run in which something waits for it. */
async function situation() {
  addresses += 1
  const [email, courseId] = [`new${addresses}@example.com`, await addCourse(db)]
  await addPending(db, customer, email, courseId)
  return { email, courseId }
}

/** An account and a row for its address, of transactions that run at the same time. */
async function bothAtOnce(first: string) {
  addresses += 1
  const [email, courseId] = [`new${addresses}@example.com`, await addCourse(db)]
  const account = await db.startTransaction().execute()
  const row = await db.startTransaction().execute()
  await addAccount(account, email)
  expect(kindsOf(await enroll(row, customer, [{ email, courseId }]))).toEqual(['pendingCreated'])
  for (const trx of first === 'the row' ? [row, account] : [account, row]) await trx.commit().execute()
  return { email, courseId }
}

async function addAccount(trx: Kysely<EnterpriseDB>, email: string): Promise<void> {
  await trx.insertInto('learners').values({ username: email, email }).execute()
}
