import { CompiledQuery, sql, type Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { cursorOf, inTransaction, positionOf, pythonIsoFormat } from '../../routers/extension.ts'
import type { EnterpriseTables } from '../database/schema.ts'
import { SOURCE_SLUGS, type RecordSource } from '../record-source.ts'
import { REVOKED_CREDIT, revokedCreditSchema } from './revoked-credit-schema.ts'

/**
 * That fulfilments of learner credit were revoked, each once (enterprise-routes.md §2.4, D9): whoever keeps the ledger gives the
 * money back. What was imported as revoked already was told by whoever revoked it.
 */
export const revokedCreditFeed = {
  name: 'event-bus.enterprise',
  types: [
    { type: REVOKED_CREDIT, topics: ['learner-credit-course-enrollment-lifecycle'], schema: revokedCreditSchema },
  ],

  async end(db: Kysely<DB>): Promise<string> {
    return placeOf(await numberRevocations(db))
  },

  async read(db: Kysely<DB>, after: string, limit: number) {
    const last = await numberRevocations(db)
    const number = numberOf(after)
    const rows = BigInt(last) > BigInt(number) ? await readNumbered(db, number, limit) : []
    const events = rows.map((row) => ({
      id: row.id,
      cursor: placeOf(row.number),
      type: REVOKED_CREDIT,
      at: row.at,
      data: { learner_credit_course_enrollment: creditOf(row) },
    }))
    const cursor = events.at(-1)?.cursor ?? after
    return { events, cursor, isMore: BigInt(last) > BigInt(numberOf(cursor)) }
  },

  // Each number is one event.
  async rewind(_: Kysely<DB>, { after, through }: { after: string; through: string }, _type: string, count: number) {
    const number = BigInt(numberOf(through)) - BigInt(count)
    return number > BigInt(numberOf(after)) ? placeOf(String(number)) : after
  },
}

function placeOf(number: string): string {
  return cursorOf({ transaction: '0', id: number })
}

function numberOf(place: string): string {
  return positionOf(place).id
}

/**
 * Gives their numbers to revocations that have none: in one transaction at a time, so that what has a number is never followed
 * by a lower one.
 *
 * @returns the last number; '0': there is none.
 */
async function numberRevocations(db: Kysely<DB>): Promise<string> {
  const { rows } = await db.executeQuery<{ is_new: boolean; last: string }>(CompiledQuery.raw(LOOK))
  const [look] = rows
  if (look?.is_new === false) return look.last
  return inTransaction(db, async (trx) => {
    await sql`select pg_advisory_xact_lock(${sql.lit(LOCK)})`.execute(trx)
    await trx.executeQuery(CompiledQuery.raw(NUMBER))
    const after = await trx.executeQuery<{ last: string }>(CompiledQuery.raw(LOOK))
    return after.rows[0]?.last ?? '0'
  })
}

/** Any number that no other lock of this database has. */
const LOCK = 6_803_517_119_042_117n

const LAST = `coalesce((select bus_number from enterprise_revocations where bus_number > 0
  order by bus_number desc limit 1), 0)`

const LOOK = `/* enterprise.lookForRevocations */
select exists (select from enterprise_revocations where bus_number is null and kind = 'transaction') as is_new,
  ${LAST}::text as last`

const NUMBER = `/* enterprise.numberRevocations */
with last as (select ${LAST} as number), fresh as (
  select transaction_id, id, row_number() over (order by at, id) as place
  from enterprise_revocations where bus_number is null and kind = 'transaction'
)
update enterprise_revocations v set bus_number = last.number + fresh.place
from fresh, last where v.transaction_id = fresh.transaction_id and v.id = fresh.id`

type NumberedRevocation = Awaited<ReturnType<typeof readNumbered>>[number]

function readNumbered(db: Kysely<DB>, after: string, limit: number) {
  return db
    .$extendTables<EnterpriseTables>()
    .selectFrom('enterprise_revocations as v')
    .innerJoin('enterprise_fulfilments as f', 'f.uuid', 'v.fulfilment_uuid')
    .innerJoin('enterprise_enrollment_records as r', 'r.id', 'f.record_id')
    .innerJoin('enterprise_learner_links as k', 'k.id', 'r.link_id')
    .innerJoin('enterprise_customers as c', 'c.id', 'k.customer_id')
    .innerJoin('learners as l', 'l.id', 'k.learner_id')
    .select([
      'v.id',
      'v.at',
      'v.funding_id',
      'f.uuid',
      'f.created',
      'f.updated',
      'r.id as record_id',
      'r.created as record_created',
      'r.updated as record_updated',
      'r.course_key',
      'r.saved_for_later',
      'r.source',
      'r.unenrolled',
      'r.unenrolled_at',
      'k.created as link_created',
      'k.updated as link_updated',
      'k.is_active',
      'k.is_linked',
      'k.is_permanently_unlinked',
      'c.uuid as customer',
      'l.user_id',
    ])
    .select(sql<string>`coalesce(r.shown_link_id, k.shown_id, k.id)`.as('link_id'))
    .select(sql<string>`v.bus_number`.as('number'))
    .where(sql<boolean>`v.bus_number > 0 and v.bus_number > ${after}::bigint`)
    .orderBy('v.bus_number')
    .limit(limit)
    .execute()
}

/** The fulfilment as it was revoked; customer, learner and record as they are by now. */
function creditOf(row: NumberedRevocation) {
  return {
    uuid: row.uuid,
    created: pythonIsoFormat(row.created),
    modified: pythonIsoFormat(row.updated),
    fulfillment_type: 'learner_credit',
    is_revoked: true,
    enterprise_course_entitlement_uuid: null,
    enterprise_course_enrollment: {
      id: Number(row.record_id),
      created: pythonIsoFormat(row.record_created),
      modified: pythonIsoFormat(row.record_updated),
      enterprise_customer_user: {
        id: Number(row.link_id),
        created: pythonIsoFormat(row.link_created),
        modified: pythonIsoFormat(row.link_updated),
        enterprise_customer_uuid: row.customer,
        user_id: row.user_id,
        active: row.is_active,
        linked: row.is_linked,
        is_relinkable: !row.is_permanently_unlinked,
        should_inactivate_other_customers: true,
        invite_key: null,
      },
      course_id: row.course_key,
      saved_for_later: row.saved_for_later,
      source_slug: SOURCE_SLUGS[row.source as RecordSource],
      unenrolled: row.unenrolled,
      // A refund is counted from then on, also where something else pays for the enrollment now.
      unenrolled_at: pythonIsoFormat(row.unenrolled_at ?? row.at),
    },
    transaction_id: row.funding_id,
  }
}
