import type { Kysely } from 'kysely'
import { z } from 'zod'
import type { EnterpriseDB } from '../../enterprise/database/schema.ts'
import { foldEmail } from '../../core/learner/email-address.ts'

const customer = z.strictObject({ uuid: z.string(), name: z.string() })

/** A customer to whom a learner belongs. */
export const customerLink = z.strictObject({
  customer,
  isActive: z.boolean(),
  isLinked: z.boolean(),
  created: z.string(),
})

/** An enrollment that a customer has recorded, with what pays for it. */
export const fundedEnrollment = z.strictObject({
  customer,
  courseId: z.string(),
  source: z.string(),
  created: z.string(),
  unenrolledAt: z.string().nullable(),
  fundings: z.array(z.strictObject({ kind: z.string(), fundingId: z.string(), isRevoked: z.boolean() })),
})

/** What is told of a pending enrollment, `p`. */
export const WAITING_COLUMNS = [
  'p.course_key as courseId',
  'p.state',
  'p.refusal',
  'p.mode',
  'p.created',
  'p.updated',
] as const

/** What a customer has asked for an address, before or after there was an account. */
export const waitingEnrollment = z.strictObject({
  customer,
  courseId: z.string(),
  state: z.string(),
  refusal: z.string().nullable(),
  mode: z.string().nullable(),
  created: z.string(),
  updated: z.string(),
})

export interface Funding {
  customers: z.infer<typeof customerLink>[]
  funded: z.infer<typeof fundedEnrollment>[]
  waiting: z.infer<typeof waitingEnrollment>[]
}

/** A person reads them: nobody has more. */
const MAX_ROWS = 1_000

/** Reads which customers a learner belongs to, what they pay for, and what waits for the learner's address. */
export async function readFunding(
  db: Kysely<EnterpriseDB>,
  { id, email }: { readonly id: number; readonly email: string | null },
): Promise<Funding> {
  const links = await db
    .selectFrom('enterprise_learner_links as k')
    .innerJoin('enterprise_customers as c', 'c.id', 'k.customer_id')
    .select(['c.uuid', 'c.name', 'k.is_active as isActive', 'k.is_linked as isLinked', 'k.created'])
    .where('k.learner_id', '=', id)
    .orderBy('k.created', 'desc')
    .limit(MAX_ROWS)
    .execute()
  const customers = links.map(({ uuid, name, ...link }) => ({ customer: { uuid, name }, ...link }))
  return { customers, funded: await readRecords(db, id), waiting: email === null ? [] : await readWaiting(db, email) }
}

async function readRecords(db: Kysely<EnterpriseDB>, learnerId: number): Promise<Funding['funded']> {
  const rows = await db
    .selectFrom('enterprise_learner_links as k')
    .innerJoin('enterprise_customers as c', 'c.id', 'k.customer_id')
    .innerJoin('enterprise_enrollment_records as r', 'r.link_id', 'k.id')
    .leftJoin('enterprise_fulfilments as f', 'f.record_id', 'r.id')
    .select(['r.id', 'c.uuid', 'c.name', 'r.course_key', 'r.source', 'r.created', 'r.unenrolled_at'])
    .select(['f.kind', 'f.funding_id', 'f.revoked'])
    .where('k.learner_id', '=', learnerId)
    .orderBy('r.created', 'desc')
    .orderBy('r.id', 'desc')
    .limit(MAX_ROWS)
    .execute()
  const records = new Map<string, Funding['funded'][number]>()
  for (const { id, uuid, name, course_key: courseId, unenrolled_at: unenrolledAt, ...row } of rows) {
    const record = records.get(id) ?? {
      customer: { uuid, name },
      ...{ courseId, source: row.source, created: row.created, unenrolledAt, fundings: [] },
    }
    records.set(id, record)
    if (row.kind === null || row.funding_id === null) continue
    record.fundings.push({ kind: row.kind, fundingId: row.funding_id, isRevoked: row.revoked !== null })
  }
  return [...records.values()]
}

async function readWaiting(db: Kysely<EnterpriseDB>, email: string): Promise<Funding['waiting']> {
  const rows = await db
    .selectFrom('enterprise_pending_links as k')
    .innerJoin('enterprise_customers as c', 'c.id', 'k.customer_id')
    .innerJoin('enterprise_pending_enrollments as p', 'p.pending_link_id', 'k.id')
    .select(['c.uuid', 'c.name', ...WAITING_COLUMNS])
    .where('k.email', '=', foldEmail(email))
    .orderBy('p.created', 'desc')
    .limit(MAX_ROWS)
    .execute()
  return rows.map(({ uuid, name, ...row }) => ({ customer: { uuid, name }, ...row }))
}
