import { CompiledQuery } from 'kysely'
import { z } from 'zod'
import type { DB } from '../../core/database/schema.ts'
import { storableText } from '../../routers/extension.ts'
import type { ForeignContext } from '../../routers/index.ts'
import { findCustomer } from '../customer.ts'
import { runOperation } from '../operation.ts'
import { parseRequest } from '../parse-request.ts'

const STATES = ['waiting', 'fulfilled', 'refused', 'cancelled'] as const

/** Where a page ends: an address and the key of a course run. */
const lastRow = z.tuple([storableText(254), storableText(255)])

const listPendingRequest = z.strictObject({
  /** The UUID of the customer. */
  customer: z.string(),
  /** Left out: rows in any state. */
  states: z.array(z.enum(STATES)).min(1).optional(),
  limit: z.number().int().min(1).max(1000).default(100),
  /** The `nextCursor` of the page before. */
  cursor: z
    .string()
    .max(2000)
    .transform((text, context) => {
      const parsed = lastRow.safeParse(decode(text))
      if (parsed.success) return parsed.data
      context.addIssue('Not a cursor of this list')
      return z.NEVER
    })
    .optional(),
})

export type ListPendingRequest = z.input<typeof listPendingRequest>

export interface ListPendingAnswer {
  items: PendingEnrollment[]
  /** The cursor of the next page; null: there is none. */
  nextCursor: string | null
}

/**
 * What became of a pending enrollment: it waits for an account, was fulfilled when there was one, was refused then, or was
 * cancelled. Sent again, it waits again.
 */
export type PendingState = (typeof STATES)[number]

/** What was asked for an address that had no account. JSON as it stands. */
export interface PendingEnrollment {
  id: string
  /** Folded: in lower case (rest-v1 D21). */
  email: string
  courseId: string
  state: PendingState
  /** Why it was refused, by the code of the outcome; null: it was not. */
  refusal: string | null
  /** Null: the best that the course run offers when there is an account. */
  mode: string | null
  funding: { license: string } | { transaction: string } | null
  /** The cohort that is asked for; left out: none. */
  cohort?: string
  /** In percent. */
  discount: number
  force: boolean
  isDefaultAutoEnrollment: boolean
  /** How many attempts have failed; the one that runs counts too. */
  attempts: number
  /** When the next attempt may begin; null: there is no account yet, or no attempt to come. */
  nextAttempt: string | null
  /** The enrollment that it led to. */
  enrollmentId: string | null
  /** The batch that requested it; null: it was imported. */
  batchId: string | null
  created: string
  updated: string
}

/**
 * Lists what a customer has asked for addresses without an account, by address and course run (enterprise C.6, E10).
 *
 * @returns a page, and the cursor of the next; null: there is none.
 * @throws {EnterpriseError} `invalidRequest`, `customerNotFound`
 * @throws {EnrollmentError} `unavailable`
 * @throws {TypeError} for a database that cannot work
 */
export async function listPending<Tables extends DB>(
  context: Pick<ForeignContext<Tables>, 'db'>,
  request: ListPendingRequest,
): Promise<ListPendingAnswer> {
  const { customer: uuid, states = STATES, limit, cursor } = parseRequest(listPendingRequest, request)
  const [email, courseId] = cursor ?? ['', '']
  return runOperation(context, async (db) => {
    const customer = await findCustomer(db, uuid)
    const { rows } = await db.executeQuery<ListedRow>(
      CompiledQuery.raw(LIST, [customer.id, states, email, courseId, limit + 1]),
    )
    const items = rows.slice(0, limit).map(pendingOf)
    return { items, nextCursor: rows.length > limit ? encode(items.at(-1)) : null }
  })
}

function pendingOf({ license, transaction, cohort, discount, ...row }: ListedRow): PendingEnrollment {
  const funding = fundingOf(license, transaction)
  return { ...row, funding, ...(cohort !== null && { cohort }), discount: Number(discount) }
}

function fundingOf(license: string | null, transaction: string | null): PendingEnrollment['funding'] {
  if (license !== null) return { license }
  return transaction === null ? null : { transaction }
}

function encode(last: PendingEnrollment | undefined): string {
  return Buffer.from(JSON.stringify([last?.email, last?.courseId])).toString('base64url')
}

function decode(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString())
  } catch {
    return undefined
  }
}

interface ListedRow extends Omit<PendingEnrollment, 'funding' | 'cohort' | 'discount'> {
  license: string | null
  cohort: string | null
  transaction: string | null
  discount: string
}

const LIST = `/* enterprise.listPending */
select p.id, k.email, p.course_key as "courseId", p.state, p.refusal, p.mode, p.license_uuid as license,
  p.transaction_id as transaction, p.cohort, p.discount, p.force, p.is_default_auto_enrollment as "isDefaultAutoEnrollment",
  p.attempts, p.next_attempt as "nextAttempt", p.enrollment_id as "enrollmentId", p.batch_id as "batchId", p.created,
  p.updated
from enterprise_pending_links k join enterprise_pending_enrollments p on p.pending_link_id = k.id
where k.customer_id = $1::integer and p.state = any ($2::text[]) and k.email >= $3::text
  and (k.email > $3::text or p.course_key > $4::text)
order by k.email, p.course_key limit $5::integer`
