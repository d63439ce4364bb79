import { sql } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import { READ_STATES } from '../../../enterprise/bulk/facts-accounts.ts'
import { READ_PENDING } from '../../../enterprise/bulk/facts-addresses.ts'
import { createEnterpriseDatabase } from '../seed.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())

test.each([
  [
    'accounts',
    READ_STATES,
    `1, '{7,8}', '{a,b}'`,
    ['enterprise_learner_links_learner_id_customer_id_key', 'enterprise_enrollment_records_link_id_course_key_key'],
  ],
  ['addresses', READ_PENDING, `1, '{a@x.example,b@x.example}', '{a,b}'`, ['enterprise_pending_links']],
])('what is there for %s is looked up row by row, though the plan was made while nothing was', async (...given) => {
  const [, statement, parameters, names] = given
  const plan = await genericPlan(statement, parameters)
  for (const name of names) expect(plan).toMatch(new RegExp(`Index.* Scan (using|on) ${name}`))
  // Held against each other, the rows of a large customer would be read once for each row that is asked for.
  expect(plan).not.toMatch(/Join Filter|Merge|Materialize|Hash/)
})

async function genericPlan(statement: string, parameters: string): Promise<string> {
  return database.db.connection().execute(async (session) => {
    await sql`set plan_cache_mode = force_generic_plan`.execute(session)
    await sql.raw(`prepare facts as ${statement}`).execute(session)
    const { rows } = await sql
      .raw<{ 'QUERY PLAN': string }>(`explain (costs off) execute facts (${parameters})`)
      .execute(session)
    await sql`deallocate facts`.execute(session)
    return rows.map((row) => row['QUERY PLAN']).join('\n')
  })
}
