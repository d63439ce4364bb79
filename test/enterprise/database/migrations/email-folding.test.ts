import { sql, type Kysely } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import * as emailFolding from '../../../../enterprise/database/migrations/0004_email_folding.ts'
import { createTestDatabase } from '../../../support/database.ts'

const database = await createTestDatabase()
const { db } = database
afterAll(() => database[Symbol.asyncDispose]())

test('links of a customer to addresses that are the same now become one, which waits for what all of them waited for', async () => {
  await sql`alter table enterprise_pending_links drop constraint enterprise_pending_links_email_check,
    add constraint enterprise_pending_links_email_check check (email <> '')`.execute(db)
  await sql`insert into enterprise_customers (uuid, name) values (gen_random_uuid(), 'Acme'), (gen_random_uuid(), 'Other')`.execute(
    db,
  )
  await sql`insert into enterprise_batches (id, customer_id, actor_kind, actor_name, request_id, row_count, at)
    values ('00000000-0000-4000-8000-000000000001', 1, 'system', 'x', 'x', 1, now())`.execute(db)
  await sql`insert into enterprise_pending_links (email, customer_id, is_linked, is_permanently_unlinked, created) values
    ('É@x.example', 1, true, false, now()), ('é@x.example', 1, false, true, now()), ('É@x.example', 2, true, false, now()),
    ('a@x.example', 1, true, false, now())`.execute(db)
  for (const [link, course] of [
    [1, 'A'],
    [1, 'B'],
    [2, 'B'],
    [3, 'A'],
    [4, 'A'],
  ]) {
    await sql`insert into enterprise_pending_enrollments (pending_link_id, course_key, discount, force,
        is_default_auto_enrollment, batch_id, created, updated)
      values (${link}, ${course}, 0, false, false, '00000000-0000-4000-8000-000000000001', now(), now())`.execute(db)
  }
  await db.transaction().execute((trx) => emailFolding.up(asUnknown(trx)))
  const { rows } = await sql<{ row: string }>`
    select concat_ws(' ', k.id, k.email, k.customer_id, k.is_permanently_unlinked, string_agg(p.course_key || p.id, ',' order by p.id))
      as row
    from enterprise_pending_links k join enterprise_pending_enrollments p on p.pending_link_id = k.id
    group by k.id order by k.id`.execute(db)
  expect(rows.map(({ row }) => row)).toEqual([
    '2 é@x.example 1 t A1,B3',
    '3 é@x.example 2 f A4',
    '4 a@x.example 1 f A5',
  ])
})

test('an account arrives at a link of its own address, and at none that only looks alike', async () => {
  const { rows } = await sql<{ email: string }>`
    with link as (
      insert into enterprise_pending_links (email, customer_id, created) values ('k@x.example', 2, now()), ('ö@x.example', 2, now())
    ) select 1`.execute(db)
  expect(rows).toHaveLength(1)
  await sql`insert into learners (username, email) values ('kelvin', ${'\u212A@x.example'}), ('oe', 'Ö@X.example')`.execute(
    db,
  )
  const arrived = await sql<{ username: string }>`
    select l.username from enterprise_arrivals a join learners l on l.id = a.learner_id`.execute(db)
  expect(arrived.rows).toEqual([{ username: 'oe' }])
})

/** A migration knows no types of tables. */
function asUnknown(handle: typeof db): Kysely<unknown> {
  return handle as unknown as Kysely<unknown>
}
