import { sql } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import { READ_ANYBODY, READ_BY_USERNAME, READ_ONE } from '../../../core/enrollment/facts-sql.ts'
import { createTestDatabase } from '../../support/database.ts'

const database = await createTestDatabase()
const { db } = database
afterAll(() => database[Symbol.asyncDispose]())

test.each([
  ['many', READ_BY_USERNAME, `'{learner_7,learner_8}', '{a,a}', '{a}', '{1}', '{1}'`],
  ['one', READ_ONE, `'learner_7', 'a', 1`],
])('the facts of %s are read without touching the rows of learners', async (_, statement, parameters) => {
  await sql`insert into learners (username) select gen_random_uuid() from generate_series(1, 2000)`.execute(db)
  await sql`vacuum (analyze) learners`.execute(db)
  expect(await genericPlan(statement, parameters)).toContain(
    'Index Only Scan using learners_username_key on learners l',
  )
})

test('a learner who is named by e-mail address is found in the index', async () => {
  const plan = await genericPlan(
    READ_ANYBODY,
    `'{null}', '{a}', '{a}', '{1}', '{1}', '{learner_7@x.example}', '{null}'`,
  )
  expect(plan).toMatch(
    /Index Scan using learners_email_key on learners\b.*\n\s*Index Cond: \(fold_email\(email\) = a\.email\)/,
  )
})

async function genericPlan(statement: string, parameters: string): Promise<string> {
  return db.connection().execute(async (session) => {
    await sql`set plan_cache_mode = force_generic_plan`.execute(session)
    await sql.raw(`prepare facts as ${statement}`).execute(session)
    const { rows } = await sql
      .raw<{ 'QUERY PLAN': string }>(`explain (costs off) execute facts (${parameters})`)
      .execute(session)
    await sql`deallocate facts`.execute(session)
    return rows.map((row) => row['QUERY PLAN']).join('\n')
  })
}
