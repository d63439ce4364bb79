import { randomUUID } from 'node:crypto'
import type { Insertable, Kysely } from 'kysely'
import type { EnterpriseDB, EnterpriseTables } from '../../enterprise/database/schema.ts'
import { createTestDatabase } from '../support/database.ts'

export interface EnterpriseDatabase extends AsyncDisposable {
  readonly db: Kysely<EnterpriseDB>
  readonly connectionString: string
}

export interface SeededCustomer {
  readonly id: number
  readonly uuid: string
}

const AT = '2026-01-01T00:00:00Z'

/** A migrated, empty database of one's own, with the tables of the extension. */
export async function createEnterpriseDatabase(): Promise<EnterpriseDatabase> {
  const database = await createTestDatabase()
  return { ...database, db: database.db.$extendTables<EnterpriseTables>() }
}

/** Adds a customer who has never been there before. */
export async function addCustomer(db: Kysely<EnterpriseDB>, name = 'ACME'): Promise<SeededCustomer> {
  return db
    .insertInto('enterprise_customers')
    .values({ uuid: randomUUID(), name })
    .returning(['id', 'uuid'])
    .executeTakeFirstOrThrow()
}

/** Links a learner with a customer; by default not as their active one. */
export async function addLink(
  db: Kysely<EnterpriseDB>,
  customer: SeededCustomer,
  learnerId: number,
  columns: Partial<Insertable<EnterpriseDB['enterprise_learner_links']>> = {},
): Promise<string> {
  const { id } = await db
    .insertInto('enterprise_learner_links')
    .values({ customer_id: customer.id, learner_id: learnerId, created: AT, updated: AT, ...columns })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

/** The extension's record of an enrollment that exists. */
export async function addRecord(
  db: Kysely<EnterpriseDB>,
  linkId: string,
  courseId: string,
  columns: Partial<Insertable<EnterpriseDB['enterprise_enrollment_records']>> = {},
): Promise<string> {
  const enrollment = await db
    .selectFrom('enrollments as e')
    .innerJoin('enterprise_learner_links as k', 'k.learner_id', 'e.learner_id')
    .innerJoin('courses as c', 'c.id', 'e.course_id')
    .select(['e.id', 'e.version'])
    .where('k.id', '=', linkId)
    .where('c.course_key', '=', courseId)
    .executeTakeFirstOrThrow()
  const { id } = await db
    .insertInto('enterprise_enrollment_records')
    .values({
      link_id: linkId,
      course_key: courseId,
      source: 'customerAdmin',
      enrollment_id: enrollment.id,
      enrollment_version: enrollment.version,
      created: AT,
      updated: AT,
      ...columns,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

/** Funds a record. */
export async function addFulfilment(
  db: Kysely<EnterpriseDB>,
  customer: SeededCustomer,
  recordId: string,
  funding: { kind: 'license' | 'transaction'; id: string; revoked?: boolean },
): Promise<string> {
  const uuid = randomUUID()
  await db
    .insertInto('enterprise_fulfilments')
    .values({
      uuid,
      record_id: recordId,
      kind: funding.kind,
      funding_id: funding.id,
      revoked: funding.revoked === true ? AT : null,
      batch_id: await addBatch(db, customer),
      created: AT,
      updated: AT,
    })
    .execute()
  return uuid
}

/** Lets an address wait for its account. */
export async function addPending(
  db: Kysely<EnterpriseDB>,
  customer: SeededCustomer,
  email: string,
  courseId: string,
  columns: Partial<Insertable<EnterpriseDB['enterprise_pending_enrollments']>> = {},
): Promise<void> {
  const { id } = await db
    .insertInto('enterprise_pending_links')
    .values({ customer_id: customer.id, email, created: AT })
    .onConflict((conflict) => conflict.columns(['email', 'customer_id']).doUpdateSet({ is_linked: true }))
    .returning('id')
    .executeTakeFirstOrThrow()
  await db
    .insertInto('enterprise_pending_enrollments')
    .values({
      pending_link_id: id,
      course_key: courseId,
      discount: 100,
      force: false,
      is_default_auto_enrollment: false,
      batch_id: await addBatch(db, customer),
      created: AT,
      updated: AT,
      ...columns,
    })
    .execute()
}

/** A request that was carried out once. */
async function addBatch(db: Kysely<EnterpriseDB>, customer: SeededCustomer): Promise<string> {
  const id = randomUUID()
  await db
    .insertInto('enterprise_batches')
    .values({
      id,
      customer_id: customer.id,
      actor_kind: 'system',
      actor_name: 'seed',
      request_id: id,
      row_count: 1,
      at: AT,
    })
    .execute()
  return id
}
