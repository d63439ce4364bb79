import { sql, type ExpressionBuilder, type Kysely } from 'kysely'
import { instantFromDate } from '../database/instant.ts'
import type { DB } from '../database/schema.ts'
import { foldEmail } from '../learner/email-address.ts'

/** An "enrollment allowed": it lets the holder of an e-mail address into a course run (rest-v1 §1.9). */
export interface Allowance {
  readonly email: string
  readonly courseId: string
  /** Whether the learner is enrolled as soon as they have an account. */
  readonly autoEnroll: boolean
  /** ISO 8601, UTC. */
  readonly created: string
  /** The id (`userId`) of the account that used it first; null: nobody has. */
  readonly claimedBy: number | null
}

/** The longest e-mail address that may be allowed. */
export const MAX_ALLOWED_EMAIL_LENGTH = 255

/** Reads the allowances of an e-mail address, which is compared case-insensitively, in the order of their creation. */
export async function listAllowances(db: Kysely<DB>, email: string): Promise<Allowance[]> {
  const rows = await db
    .selectFrom('enrollment_allowances')
    .select(columns)
    .where(hasEmail(email))
    .orderBy('id')
    .execute()
  return rows.map(allowanceOf)
}

/**
 * Allows the holder of an e-mail address to enroll. Neither an account nor the course run need exist.
 *
 * @param allowance.courseId without branch and version.
 * @returns null when the address, in any case, is allowed in the course run already: that stays as it is.
 */
export async function allow(
  db: Kysely<DB>,
  allowance: { readonly email: string; readonly courseId: string; readonly autoEnroll: boolean; readonly now: Date },
): Promise<Allowance | null> {
  const row = await db
    .insertInto('enrollment_allowances')
    .values({
      email: allowance.email,
      course_key: allowance.courseId,
      auto_enroll: allowance.autoEnroll,
      created: instantFromDate(allowance.now),
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning(columns)
    .executeTakeFirst()
  return row === undefined ? null : allowanceOf(row)
}

/** Takes an allowance back, whether it was used or not; false when there is none. */
export async function disallow(
  db: Kysely<DB>,
  { email, courseId }: { readonly email: string; readonly courseId: string },
): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('enrollment_allowances')
    .where(hasEmail(email))
    .where('course_key', '=', courseId)
    .executeTakeFirst()
  return numDeletedRows > 0n
}

function columns(eb: ExpressionBuilder<DB, 'enrollment_allowances'>) {
  const claimer = eb
    .selectFrom('learners as l')
    .select('l.user_id')
    .whereRef('l.id', '=', 'enrollment_allowances.claimed_by')
  return [
    'enrollment_allowances.email' as const,
    'course_key' as const,
    'auto_enroll' as const,
    'enrollment_allowances.created' as const,
    claimer.as('claimed_by'),
  ]
}

function hasEmail(email: string) {
  return sql<boolean>`fold_email(email) = ${foldEmail(email)}`
}

function allowanceOf(row: {
  email: string
  course_key: string
  auto_enroll: boolean
  created: string
  claimed_by: number | null
}): Allowance {
  return {
    email: row.email,
    courseId: row.course_key,
    autoEnroll: row.auto_enroll,
    created: row.created,
    claimedBy: row.claimed_by,
  }
}
